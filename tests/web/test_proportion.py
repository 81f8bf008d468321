"""Work in proportion: with four times as many records a call takes about four times as long, not sixteen times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from tests.support.client import BATCH, AppClient

#: Records of a kind at first; then four times as many.
FEW = 100
#: Four for linear work, sixteen for quadratic work.
MOST = 9
#: Times (s) below this say nothing.
NOISE_S = 0.004
ITEM = {"customer_id": "c", "feature_id": "m"}
CALLS = {
    "POST /v1/customers.get": {"customer_id": "c"},
    "POST /v1/customers.list": {},
    "POST /v1/entities.get": {"customer_id": "c", "entity_id": "e"},
    "POST /v1/entities.list": {"customer_id": "c"},
    "POST /v1/balances.list": {"customer_id": "c"},
    "POST /v1/balances.check": ITEM,
    "POST /v1/balances.track": ITEM,
    "POST /v1/balances.recalculate": {"customer_id": "c", "feature_id": "m"},
    "POST /v1/subscriptions.list": {"customer_id": "c"},
    "POST /v1/features.list": {},
    "POST /v1/plans.list": {},
    "POST /v1/events.list": {"customer_id": "c"},
    "POST /v1/events.aggregate": {"customer_id": "c", "feature_id": "m", "range": "24h", "group_by": "properties.p"},
    f"POST {BATCH}": [ITEM] * 10,
    "POST /_mock/organisations": {},
    "GET /_mock/balances/c": None,
    "GET /_mock/audit": None,
    "GET /_mock/findings": None,
    "GET /_mock/faults": None,
    "GET /_mock/stats": None,
    "GET /_mock/requests": None,
}


@pytest.fixture
def client() -> Iterator[AppClient]:
    with Engine(world="empty", rate_limit="off") as engine:
        client = AppClient(create_app(engine), engine.first_key)
        client.ask("/v1/features.create", metered("m"))
        client.ask("/v1/features.create", {**metered("seats"), "consumable": False})
        client.ask("/v1/customers.get_or_create", {"customer_id": "c"})
        client.ask("/v1/entities.create", {"customer_id": "c", "entity_id": "e", "feature_id": "seats"})
        client.grant("c", 1_000_000, "m")
        yield client


def metered(feature: str) -> dict[str, object]:
    return {"feature_id": feature, "name": feature, "type": "metered", "consumable": True}


def features(client: AppClient, number: int) -> None:
    client.ask("/v1/features.create", metered(f"f{number}"))
    client.grant("c", 10, f"f{number}")


def balances(client: AppClient, number: int) -> None:
    client.grant("c", number + 1, "m")


def entities(client: AppClient, number: int) -> None:
    client.ask("/v1/entities.create", {"customer_id": "c", "entity_id": f"e{number}", "feature_id": "seats"})


def plans(client: AppClient, number: int) -> None:
    items = [{"feature_id": "m", "included": 1}]
    client.ask("/v1/plans.create", {"plan_id": f"p{number}", "name": "P", "add_on": True, "items": items})
    client.ask("/v1/billing.attach", {"customer_id": "c", "plan_id": f"p{number}"})


def locks(client: AppClient, number: int) -> None:
    client.ask("/v1/balances.check", {**ITEM, "lock": {"enabled": True, "lock_id": f"l{number}"}})


def events(client: AppClient, number: int) -> None:
    client.ask("/v1/balances.track", {**ITEM, "properties": {"p": str(number)}})


def customers(client: AppClient, number: int) -> None:
    client.ask("/v1/customers.get_or_create", {"customer_id": f"c{number}"})
    client.grant(f"c{number}", 1, "m")


def rules(client: AppClient, number: int) -> None:
    client.ask("/_mock/faults", {"rule": f"worker:pause customer=other{number}"})


def organisations(client: AppClient, number: int) -> None:
    assert client.post("/_mock/organisations", {"key": f"am_sk_test_{number}"}).status == 201


def times(client: AppClient) -> dict[str, float]:
    """The CPU seconds of each call, the best of three."""
    found = {}
    for call, body in CALLS.items():
        method, path = call.split(" ")
        samples = []
        for _ in range(3):
            started = time.thread_time()
            reply = client.request(method, path, body, client.headers())
            samples.append(time.thread_time() - started)
            assert reply.status in (200, 201, 202), (call, reply)
        found[call] = min(samples)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("add", [features, balances, entities, plans, locks, events, customers, rules, organisations])
def test_work_is_in_proportion(client: AppClient, add: Callable[[AppClient, int], None]) -> None:
    for number in range(FEW):
        add(client, number)
    few = times(client)
    for number in range(FEW, 4 * FEW):
        add(client, number)
    client.drain()
    many = times(client)
    assert {
        call: (few[call], took)
        for call, took in many.items()
        if took > NOISE_S and took > MOST * max(few[call], 0.0005)
    } == {}


@pytest.mark.slow
def test_opening_an_organisation_costs_the_same_however_many_there_are(client: AppClient) -> None:
    """Nothing is copied, locked or walked for each of those that exist."""

    def cost(first: int) -> float:
        samples = []
        for number in range(first, first + 30):
            started = time.thread_time()
            organisations(client, number)
            samples.append(time.thread_time() - started)
        return min(samples)  # without the garbage collector

    few = cost(0)
    for number in range(30, 800):
        organisations(client, number)
    assert cost(800) < 2.5 * few


#: Calls that show a customer with all of its features.
VIEWS = [call for call in CALLS if "customers." in call or "entities." in call or "/balances/" in call]


def steps(client: AppClient, call: str) -> int:
    """The lines and the passes of loops that a call executes: exact where times are too short to compare."""
    count = 0

    def trace(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    method, path = call.split(" ")
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        reply = client.request(method, path, CALLS[call], client.headers())
    finally:
        sys.settrace(before)
    assert reply.status == 200, reply
    return count


def test_a_customer_is_shown_in_steps_proportional_to_its_features(client: AppClient) -> None:
    """Hundreds of features are needed before the time of quadratic work exceeds that of the rest."""
    for number in range(20):
        features(client, number)
    few = {call: steps(client, call) for call in VIEWS}
    for number in range(20, 80):
        features(client, number)
    many = {call: steps(client, call) for call in VIEWS}
    assert {call: (few[call], many[call]) for call in VIEWS if many[call] > 4 * few[call]} == {}
