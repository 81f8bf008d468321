"""Single tracks and batches of the same items leave the same balances."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.support.effort import examples
from tests.web.conftest import KEY

Call = Callable[[str, Any], Any]

_MONTHLY = {"interval": "month"}
_GRANTS: list[dict[str, Any]] = [
    {"feature_id": "messages", "included_grant": 30, "reset": _MONTHLY},
    {"feature_id": "messages", "included_grant": 7},
    {"feature_id": "messages", "included_grant": 9, "entity_id": "a"},
    {"feature_id": "api_calls", "included_grant": 12},
    {"feature_id": "credits", "included_grant": 10, "reset": _MONTHLY},
]
_LIMIT = {"feature_id": "messages", "limit": 25, "interval": "month"}

uses = st.fixed_dictionaries(
    {"value": st.integers(-20, 40).map(lambda quarters: quarters / 4)},
    optional={
        "entity_id": st.sampled_from(["a", "b"]),
        "overage_behavior": st.sampled_from(["cap", "reject", "overflow"]),
        "idempotency_key": st.sampled_from(["k1", "k2"]),
        "skip_event": st.booleans(),
    },
)
named = st.sampled_from(
    [
        {"feature_id": "messages"},
        {"feature_id": "api_calls"},
        {"feature_id": "ai_messages"},
        {"event_name": "message.sent"},
    ]
)
tracks = st.lists(st.tuples(named, uses).map(lambda both: {**both[0], **both[1]}), max_size=12)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Engine, Call]]:
    with Engine(rate_limit="off") as emulator:
        client = create_app(emulator).test_client()

        def call(path: str, body: Any) -> Any:
            return client.post(path, json=body, headers={"Authorization": f"Bearer {KEY}"})

        yield emulator, call


_numbers = itertools.count()


@settings(max_examples=examples(120), deadline=None, suppress_health_check=list(HealthCheck))
@given(items=tracks, size=st.integers(1, 12), limited=st.booleans())
def test_batch_track_and_single_tracks_leave_the_same_balances(
    server: tuple[Engine, Call], items: list[dict[str, Any]], size: int, limited: bool
) -> None:
    emulator, call = server
    one, many = _customer(call, limited), _customer(call, limited)
    for item in items:
        call("/v1/balances.track", _for(one, item))
    for start in range(0, len(items), size):
        batch = [_for(many, item) for item in items[start : start + size]]
        assert call("/v1/balances.batch_track", batch).status_code == 202
    assert emulator.drain()
    assert _balances(call, one) == _balances(call, many)


def _customer(call: Call, limited: bool) -> str:
    name = f"alike_{next(_numbers)}"
    controls = {"usage_limits": [_LIMIT]} if limited else {}
    assert call("/v1/customers.get_or_create", {"customer_id": name, "billing_controls": controls}).status_code == 200
    for entity in ("a", "b"):
        body = {"customer_id": name, "entity_id": entity, "feature_id": "seats"}
        assert call("/v1/entities.create", body).status_code == 200
    for grant in _GRANTS:
        assert call("/v1/balances.create", {"customer_id": name, **grant}).status_code == 200
    return name


def _for(customer: str, item: dict[str, Any]) -> dict[str, Any]:
    """The item for one customer; a key is the organisation's, so each customer has its own."""
    key = {"idempotency_key": f"{customer}-{item['idempotency_key']}"} if "idempotency_key" in item else {}
    return {"customer_id": customer, **item, **key}


def _balances(call: Call, customer: str) -> list[Any]:
    bodies = [call("/v1/customers.get", {"customer_id": customer}).get_json()]
    bodies += [call("/v1/entities.get", {"customer_id": customer, "entity_id": each}).get_json() for each in "ab"]
    return [
        {
            feature: [(row["remaining"], row["usage"], row["included_grant"]) for row in balance["breakdown"]]
            + [(balance["remaining"], balance["usage"])]
            for feature, balance in body["balances"].items()
        }
        for body in bodies
    ]
