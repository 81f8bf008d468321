"""Control calls that show what happened."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.web.conftest import KEY, Post

PATH = "/_mock/balances/cus_123"


def test_show_balances_names_the_environment(client: FlaskClient) -> None:
    for headers in ({}, {"Authorization": f"Bearer {KEY}"}):
        shown = client.get(PATH, headers=headers).get_json()
        assert (shown["org"], shown["env"], shown["customer_id"]) == ("org_autumn_mock", "sandbox", "cus_123")
        assert "messages" in shown["balances"]


def test_show_balances_refuses_an_ambiguous_customer(client: FlaskClient, post: Post) -> None:
    post("/v1/customers.get_or_create", {"customer_id": "cus_123"}, "am_sk_test_other")
    refused = client.get(PATH)
    assert refused.status_code == 400
    assert "exists in 2 environments (" in refused.get_json()["message"]
    assert client.get(PATH, headers={"Authorization": "Bearer am_sk_test_other"}).get_json()["balances"] == {}


def test_show_balances_of_an_unknown_customer_is_a_404(client: FlaskClient) -> None:
    refused = client.get("/_mock/balances/nope")
    assert (refused.status_code, refused.get_json()["code"]) == (404, "customer_not_found")


def test_a_customer_of_the_world_counts_before_those_of_organisations_opened_since(
    post: Post, client: FlaskClient
) -> None:
    """As scenarios and tests open them: a command without a key goes on to show the world's customer."""
    opened = post("/_mock/organisations", {}, None).get_json()["key"]
    post("/v1/balances.track", {"customer_id": "cus_bob", "feature_id": "messages", "value": 7}, opened)
    post("/v1/balances.track", {"customer_id": "cus_bob", "feature_id": "messages", "value": 1})
    shown = client.get("/_mock/balances/cus_bob").get_json()["balances"]["messages"]
    assert shown["usage"] == 1
