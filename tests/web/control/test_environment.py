"""Control calls and public calls for an environment whose key is not known."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.web.conftest import KEY, Post

CALL = "/_mock/call/v1/balances.track"
USAGE = {"customer_id": "cus_123", "feature_id": "messages", "value": 3}


@pytest.mark.parametrize("name", ["autumn-mock", "org_autumn_mock", "autumn-mock:sandbox"])
def test_header_selects_the_environment(client: FlaskClient, post: Post, name: str) -> None:
    post("/_mock/faults", {"rule": "queue:down"}, None, x_autumn_mock_environment=name)
    [armed] = client.get("/_mock/faults", headers={"Authorization": f"Bearer {KEY}"}).get_json()["list"]
    assert (armed["org"], armed["env"]) == ("org_autumn_mock", "sandbox")


def test_header_selects_the_live_environment(client: FlaskClient, post: Post) -> None:
    post("/_mock/faults", {"rule": "queue:down"}, None, x_autumn_mock_environment="autumn-mock:live")
    assert [each["env"] for each in client.get("/_mock/faults").get_json()["list"]] == ["live"]


@pytest.mark.parametrize("name", ["nope", "autumn-mock:dev"])
def test_unknown_environment_is_a_404(post: Post, name: str) -> None:
    refused = post("/_mock/reset", {}, None, x_autumn_mock_environment=name)
    assert (refused.status_code, refused.get_json()["code"]) == (404, "not_found")


def test_key_wins_over_the_header(client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "x-autumn-mock-environment": "nope"}
    assert client.get("/_mock/stats", headers=headers).status_code == 200


def test_call_is_made_as_the_environment_and_journalled(client: FlaskClient, post: Post) -> None:
    reply = post(CALL, USAGE, None, x_autumn_mock_environment="autumn-mock", x_api_version="2.3.0")
    assert (reply.status_code, reply.get_json()["balance"]["remaining"]) == (200, 1097)
    [entry] = client.get("/_mock/requests").get_json()["list"]
    assert (entry["path"], entry["call"], entry["org"]) == ("/v1/balances.track", "balances.track", "org_autumn_mock")


def test_call_meets_the_faults_of_the_environment(post: Post) -> None:
    post("/_mock/faults", {"rule": "reply:status 500"})
    assert post(CALL, USAGE, None, x_autumn_mock_environment="autumn-mock").status_code == 500


def test_call_without_an_environment_is_refused(post: Post) -> None:
    refused = post(CALL, USAGE, None)
    assert refused.status_code == 400
    assert "name the organisation whose call this is" in refused.get_json()["message"]


def test_calls_are_guarded_like_all_control_calls(post: Post) -> None:
    assert post(CALL, USAGE, Origin="http://elsewhere.example").status_code == 403
    guarded = create_app(Engine(control_token="secret")).test_client()  # of this test alone
    headers = {"x-autumn-mock-environment": "autumn-mock"}
    assert guarded.post(CALL, json=USAGE, headers=headers).status_code == 401
    headers["x-autumn-mock-token"] = "secret"
    assert guarded.post(CALL, json=USAGE, headers=headers).status_code == 200


def test_public_calls_ignore_the_header(post: Post) -> None:
    assert post("/v1/balances.track", USAGE, None, x_autumn_mock_environment="autumn-mock").status_code == 401


def test_reading_with_a_key_that_was_never_used_opens_no_organisation() -> None:
    """A stray key in a shell must not turn the findings of others into "no findings"; arming a fault opens one."""
    with Engine(auto_org=True) as engine:
        client = create_app(engine).test_client()
        stray = {"Authorization": "Bearer am_sk_test_stray"}
        refused = client.get("/_mock/findings", headers=stray)
        assert (refused.status_code, refused.get_json()["code"]) == (404, "not_found")
        assert "No request has used the key am_sk_test_st" in refused.get_json()["message"]
        assert len(engine.state.organisations) == 1
        armed = client.post("/_mock/faults", json={"rule": "queue:down"}, headers=stray)
        assert (armed.status_code, armed.headers["x-autumn-mock-opened"][:4]) == (200, "org-")
        shown = client.get("/_mock/findings", headers=stray)
        assert (shown.status_code, "x-autumn-mock-opened" in shown.headers) == (200, False)


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"slug": "zz"}), ("DELETE", None)])
def test_changing_and_closing_open_no_organisation(method: str, body: Any) -> None:
    with Engine(auto_org=True) as engine:
        client = create_app(engine).test_client()
        stray = {"Authorization": "Bearer am_sk_test_stray"}
        refused = client.open("/_mock/organisations", method=method, json=body, headers=stray)
        assert (refused.status_code, refused.get_json()["code"]) == (404, "not_found")
        assert len(engine.state.organisations) == 1


def test_reading_does_not_use_an_organisation() -> None:
    with Engine() as engine:
        client = create_app(engine).test_client()
        client.get("/_mock/stats", headers={"Authorization": f"Bearer {KEY}"})
        client.get("/_mock/quickstart")
        assert engine.last_use.of("org_autumn_mock") is None
        client.post("/_mock/queue", json={"paused": True}, headers={"Authorization": f"Bearer {KEY}"})
        assert engine.last_use.of("org_autumn_mock") is not None
