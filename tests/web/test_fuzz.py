"""Any request to any route gets a reply of Autumn's form, and never an unexpected 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autumn_mock import create_app
from autumn_mock.engine import Engine
from autumn_mock.web.openapi import document
from autumn_mock.web.resources.registry import ROUTES
from tests.support.effort import examples
from tests.web.conftest import KEY

#: Messages of the 500 replies that the real server gives, too.
_ON_PURPOSE = ("input: Invalid input", "Customer not found for entity")

words = st.sampled_from(
    ["cus_123", "cus_bob", "nobody", "messages", "sso", "seats", "free", "pro", "e1", "", "a b", "é\ud800", "\x00"]
)
numbers = st.one_of(
    st.integers(-5, 50),
    st.floats(allow_nan=False),
    st.sampled_from([0, 1e308, -1e308, 2**63, 1e-12, 1_795_380_600_000, 9e15, 1e17]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5) | words, inner, max_size=3)
    ),
    max_leaves=6,
)


def _property_names(schema: Any) -> Iterator[str]:
    """Every property that any request schema of the document names."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for value in schema.values():
            yield from _property_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _property_names(value)


names = st.sampled_from(sorted({*_property_names(document("http://localhost"))}))
likely = {
    "customer_id": st.sampled_from(["cus_123", "cus_bob", "cus_alice", "nobody"]),
    "feature_id": st.sampled_from(["messages", "credits", "sso", "seats", "api_calls", "nope"]),
    "plan_id": st.sampled_from(["free", "pro", "nope"]),
    "lock_id": st.sampled_from(["l1", "l2"]),
    "value": numbers,
    "overage_behavior": st.sampled_from(["cap", "reject", "overflow"]),
    "no_billing_changes": st.just(True),
    "type": st.sampled_from(["boolean", "metered", "credit_system"]),
    "range": st.sampled_from(["24h", "7d", "1bc"]),
    "limit": st.integers(-1, 2000),
}
bodies = st.one_of(
    values,
    st.dictionaries(names, values, max_size=5),
    st.fixed_dictionaries({}, optional=likely),
    st.tuples(st.fixed_dictionaries({}, optional=likely), st.dictionaries(names, values, max_size=4)).map(
        lambda both: {**both[0], **both[1]}
    ),
    st.lists(st.fixed_dictionaries({}, optional=likely), max_size=3),
)


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    with Engine(rate_limit="off") as emulator:
        yield create_app(emulator).test_client()


def check(client: FlaskClient, route: str, body: bytes, version: str) -> None:
    method, path = route.split(" ")
    for name in ("customer_id", "entity_id", "feature_id", "plan_id"):
        path = path.replace(f"<{name}>", "cus_123")
    headers = {"Authorization": f"Bearer {KEY}", "x-api-version": version}
    reply = client.open(path, method=method, data=body, headers=headers)
    assert reply.content_type == "application/json"
    answer = json.loads(reply.data)
    if reply.status_code >= 400:
        assert list(answer) == ["message", "code", "env"]
        if reply.status_code >= 500:
            assert answer["message"].startswith(_ON_PURPOSE), (route, body, answer)


@settings(
    max_examples=examples(1500),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    route=st.sampled_from(list(ROUTES)),
    body=bodies,
    version=st.sampled_from(["2.5.0", "2.3.0", "2.2.0", "2.0.0", "1.2.0", "0.2.0", "beta"]),
)
def test_any_route_answers_any_json(client: FlaskClient, route: str, body: Any, version: str) -> None:
    check(client, route, json.dumps(body).encode(), version)


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(route=st.sampled_from(list(ROUTES)), body=st.binary(max_size=60))
def test_any_route_answers_any_bytes(client: FlaskClient, route: str, body: bytes) -> None:
    check(client, route, body, "2.3.0")


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["drain", "clock", "queue", "faults", "reset"]),
    body=st.one_of(values.map(json.dumps), st.text(max_size=9)),
)
def test_control_api_answers_any_body(client: FlaskClient, path: str, body: str) -> None:
    if path in ("queue", "clock") or '"timeout"' in body:
        body = body.replace("true", "false")  # neither stop the workers nor wait for long
    reply = client.post(f"/_mock/{path}", data=body.encode("utf-8", "replace"))
    assert reply.status_code < 500 or reply.status_code == 504
