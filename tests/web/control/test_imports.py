"""Control calls that add customers and events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.engine import Engine
from autumn_mock.web import create_app


@pytest.fixture
def engine() -> Engine:
    return Engine(rate_limit="off")


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    return create_app(engine).test_client()


def post(client: FlaskClient, kind: str, body: Any, key: str | None = None) -> tuple[int, Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    reply = client.post(f"/_mock/import/{kind}", json=body, headers=headers)
    return reply.status_code, reply.get_json()


def test_rows_are_added_to_the_first_organisation_or_the_one_of_the_key(client: FlaskClient, engine: Engine) -> None:
    row = {"customer_id": "new", "plans": ["free"], "events": [{"feature_id": "messages", "value": 3}]}
    assert post(client, "customers", {"customers": [row]}) == (200, {"imported": 1, "problems": []})
    live = {"customers": [{"customer_id": "new"}]}
    assert post(client, "customers", live, "am_sk_live_autumn_mock") == (200, {"imported": 1, "problems": []})
    events = {"events": [{"customer_id": "new", "feature_id": "messages"}], "history": True}
    assert post(client, "events", events) == (200, {"imported": 1, "problems": []})
    sandbox = engine.state.environment("org_autumn_mock", "sandbox")
    assert [float(each.value) for each in sandbox.events.snapshot()] == [3, 1]
    assert [len(each.deductions) for each in sandbox.events.snapshot()] == [1, 0]


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("customers", {}, "customers: must be a list"),
        ("events", {"events": 5}, "events: must be a list"),
        ("events", {"events": [], "history": 1}, "history: must be true or false"),
        ("events", {"event": []}, "input: there is no field 'event', did you mean 'events'?"),
        ("customers", {"customers": [5]}, "row 0: Invalid input: expected object, received number"),
        (
            "customers",
            {"customers": [{"customer_id": "a", "naem": 1}]},
            "row 0: naem: unknown key, did you mean 'name'?",
        ),
    ],
)
def test_mistakes_are_refused(client: FlaskClient, kind: str, body: Any, message: str) -> None:
    status, answer = post(client, kind, body)
    assert (status, answer["message"].rstrip("?")) == (400, message.rstrip("?"))


@pytest.mark.parametrize(("method", "path"), [("POST", "/_mock/import/customers"), ("GET", "/_mock/customers")])
def test_without_a_key_the_message_asks_for_one(tmp_path: Path, method: str, path: str) -> None:
    world = tmp_path / "keyless.yaml"
    world.write_text("organisations:\n  - slug: mine\n", "utf-8")
    with Engine(world=str(world)) as engine:
        reply = (
            create_app(engine)
            .test_client()
            .open(path, method=method, json={"customers": []} if method == "POST" else None)
        )
    assert reply.status_code == 400
    # The command line adds its option to such a message.
    assert reply.get_json()["message"].startswith("Authorization: give the secret key of the organisation")
