"""``/_mock/organisations``: listing, naming, opening with a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from tests.web.conftest import KEY, Post

PATH = "/_mock/organisations"


def listed(client: FlaskClient, **headers: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(PATH, headers=headers).get_json()["list"]
    return rows


def patch(client: FlaskClient, body: Any, key: str | None = KEY) -> Any:
    return client.patch(PATH, json=body, headers={"Authorization": f"Bearer {key}"} if key else {})


def test_list_names_every_organisation_and_its_use(client: FlaskClient, post: Post) -> None:
    post("/v1/features.list", {})
    post(PATH, {"key": "am_sk_test_team_a", "name": "Team A", "slug": "team-a"}, None)
    world, further, opened = listed(client)
    assert (world["slug"], world["envs"], world["on_demand"]) == ("autumn-mock", ["sandbox", "live"], False)
    assert world["keys"][0] == "am_sk_test_autu*******"
    assert (further["on_demand"], further["envs"]) == (False, ["sandbox"])
    assert (opened["slug"], opened["name"], opened["on_demand"]) == ("team-a", "Team A", True)
    assert [each["slug"] for each in listed(client, Authorization="Bearer am_sk_test_team_a")] == ["team-a"]


def test_list_says_when_a_temporary_one_is_closed() -> None:
    with Engine(auto_org_idle="1h") as engine:
        client = create_app(engine).test_client()
        client.post("/v1/features.list", json={}, headers={"Authorization": "Bearer am_sk_test_job"})
        world, temporary = listed(client)
        assert (world["closes_at"], temporary["closes_at"]) == (None, temporary["last_used"] + 3_600_000)
        assert patch(client, {"name": "Kept"}, "am_sk_test_job").get_json()["name"] == "Kept"
        assert listed(client)[1]["closes_at"] is None


def test_name_changes_the_organisation_everywhere(client: FlaskClient, post: Post) -> None:
    post("/v1/features.list", {})
    assert patch(client, {"slug": "acme", "name": "Acme"}).get_json() == {
        "id": "org_autumn_mock",
        "slug": "acme",
        "name": "Acme",
    }
    assert post("/_mock/faults", {"rule": "queue:down org=acme"}, None).status_code == 200
    assert post("/v1/balances.batch_track", [{"customer_id": "c", "feature_id": "messages"}]).status_code == 503
    assert client.get("/_mock/stats", headers={"x-autumn-mock-environment": "acme"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "give a name, a slug, or both"),
        ({"nmae": "x"}, "there is no field 'nmae', did you mean 'name'?"),
        ({"name": 1}, "name: must be a string"),
        ({"slug": ""}, "slug: must be a string"),
        ({"slug": "x" * 201}, "slug: must be a string of 1 to 200"),
        ({"slug": "org_autumn_mock"}, "slug: another organisation is called 'org_autumn_mock'"),
    ],
)
def test_name_refuses(client: FlaskClient, body: Any, message: str) -> None:
    refused = patch(client, body, "am_sk_test_other")
    assert refused.status_code == 400
    assert message in refused.get_json()["message"]


def test_open_copies_a_world_that_is_given(post: Post) -> None:
    feature = {"feature_id": "pages", "name": "Pages", "type": "metered", "consumable": True}
    world = {"organisations": [{"slug": "acme", "sandbox": {"features": [feature]}}]}
    opened = post(PATH, {"world": world, "slug": "mine"}, None).get_json()
    assert opened["slug"] == "mine"
    for _ in range(2):
        [found] = post("/v1/features.list", {}, opened["key"]).get_json()["list"]
        assert found["id"] == "pages"
        post("/_mock/reset", {}, opened["key"])


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ({}, "world: organisations: "),
        ({"organisations": []}, "the world has no organisation to copy"),
        ({"organisations": [{"slgu": "a"}]}, "world: organisations.0.slgu: unknown key, did you mean 'slug'?"),
        (
            {"organisations": [{"slug": "a", "sandbox": {"customers": [{"customer_id": "a@b"}]}}]},
            "world: organisations.0.sandbox.customers.0.customer_id: cannot contain @",
        ),
        (["default"], "world: must be a string of 1 to 200 printable characters, or the content of a world file"),
        ("acme.yaml", "there is no world 'acme.yaml'. Known: default, "),
    ],
)
def test_open_names_what_is_wrong_with_a_world(client: FlaskClient, post: Post, world: Any, message: str) -> None:
    refused = post(PATH, {"world": world}, None)
    assert refused.status_code == 400
    assert message in refused.get_json()["message"]
    assert len(listed(client)) == 2


def test_open_with_a_slug_that_exists_opens_nothing(client: FlaskClient, post: Post) -> None:
    refused = post(PATH, {"key": "am_sk_test_new_one", "slug": "autumn-mock"}, None)
    assert refused.status_code == 400
    assert len(listed(client)) == 2


def test_name_needs_a_key(client: FlaskClient) -> None:
    assert "give the secret key of the organisation" in patch(client, {"name": "x"}, None).get_json()["message"]


def test_name_is_kept_in_the_database(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    with Engine(db=path) as engine:
        engine.name_organisation("org_autumn_mock", "Acme", "acme")
    with Engine(db=path) as engine:
        [found] = engine.state.organisations.snapshot()
        assert (found.name, found.slug) == ("Acme", "acme")


def test_reset_counts_the_organisations_that_it_closes_and_not_those_that_are_back(
    client: FlaskClient, post: Post
) -> None:
    post(PATH, {"key": "am_sk_test_team_a"}, None)
    assert client.delete(PATH, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    assert post("/_mock/reset", {}, None).get_json()["cleared"]["organisations"] == 1
    assert client.delete(PATH, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    assert "organisations" not in post("/_mock/reset", {}, None).get_json()["cleared"]
