"""Shared credits that a customer holds for entities: who may take how much, and what each sees."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from autumn_mock.ledger.intervals import DAY
from autumn_mock.operations import customers, entities
from autumn_mock.wire.requests.customers import CustomersUpdate
from autumn_mock.wire.responses.balance import balance_body
from autumn_mock.wire.responses.controls import controls_body
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.support.world import IngestWorld, World, item, lock, monthly


def update(world: World, **controls: Any) -> None:
    body = {"customer_id": "c", "billing_controls": controls}
    customers.update(world.call(), parse(CustomersUpdate, body))


def allocate(world: World, interval: str = "month", feature_id: str = "messages", **amounts: Any) -> None:
    shares = [{"entity_id": entity_id, "amount": amount} for entity_id, amount in amounts.items()]
    update(world, balance_allocations=[{"feature_id": feature_id, "interval": interval, "allocations": shares}])


def shown(world: World, entity_id: str | None = None) -> dict[str, Any]:
    view = world.view(entity_id=entity_id)
    assert view is not None
    found: dict[str, Any] = msgspec.to_builtins(balance_body(view))
    return found


def fill(world: World) -> None:
    for entity_id in ("e1", "e2", "e3"):
        world.entity(entity_id)
    world.plan("pro", monthly(100))
    world.attach("pro")


@pytest.fixture
def shared(world: World) -> World:
    fill(world)
    return world


@pytest.mark.parametrize(
    ("amounts", "able"),
    [
        ({}, {"e1": 100, "e2": 100, "e3": 100, None: 100}),
        ({"e1": 30, "e2": 50}, {"e1": 50, "e2": 70, "e3": 20, None: 20}),
        ({"e1": 30}, {"e1": 100, "e2": 70, "e3": 70, None: 70}),
        ({"e1": 100}, {"e1": 100, "e2": 0, "e3": 0, None: 0}),
        ({"e1": 150, "e2": 50}, {"e1": 75, "e2": 25, "e3": 0, None: 0}),  # scaled to the grant
        ({"e1": 0, "e2": 50}, {"e1": 50, "e2": 100, "e3": 50, None: 50}),
    ],
)
@pytest.mark.parametrize("who", ["e1", "e2", "e3", None])
def test_a_call_takes_its_share_and_what_is_not_held(
    shared: World, amounts: dict[str, Any], able: dict[str | None, float], who: str | None
) -> None:
    allocate(shared, **amounts)
    most = able[who]
    named: dict[str, Any] = {} if who is None else {"entity_id": who}
    assert [shared.check(most, **named).allowed, shared.check(most + 1, **named).allowed] == [True, False]
    shared.track(most + 1, **named)
    assert shared.remaining() == 100 - most


def test_a_call_that_must_fit_does_not_take_from_others(shared: World) -> None:
    allocate(shared, e1=30, e2=50)
    message = "Insufficient balance to deduct 51 from feature messages"
    with shared.refused(400, "insufficient_balance", message):
        shared.track(51, entity_id="e1", overage_behavior="reject")
    shared.track(50, entity_id="e1", overage_behavior="reject")
    assert shared.remaining(entity_id="e2") == 50


def test_a_share_is_taken_first(shared: World) -> None:
    allocate(shared, e1=30, e2=50)
    shared.track(10, entity_id="e1")
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == [40, 70, 20]
    shared.track(25, entity_id="e1")
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == [15, 65, 15]


def test_what_is_given_back_returns_to_the_share(shared: World) -> None:
    allocate(shared, e1=30, e2=50)
    shared.track(35, entity_id="e1")
    shared.track(-10, entity_id="e1")
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == [25, 70, 20]


@pytest.mark.parametrize(("action", "left"), [("confirm", [40, 70, 20]), ("release", [50, 70, 20])])
def test_locks_hold_of_the_share(shared: World, action: str, left: list[float]) -> None:
    allocate(shared, e1=30, e2=50)
    shared.check(10, entity_id="e1", lock=lock())
    shared.finalize(action=action)
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == left


def test_a_batch_takes_as_a_track_does() -> None:
    world = IngestWorld()
    world.customer()
    fill(world)
    allocate(world, e1=30, e2=50)
    world.batch([item(60, entity_id="e1"), item(15), item(15)])
    world.run()
    assert [world.remaining(), world.remaining(entity_id="e2"), world.remaining(entity_id="e1")] == [50, 50, 0]


def test_shares_are_renewed_with_their_row(shared: World) -> None:
    allocate(shared, e1=30, e2=50)
    shared.track(45, entity_id="e1")
    shared.now += 32 * DAY
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == [50, 70, 20]


@pytest.mark.parametrize(
    ("then", "left"),
    [
        ({"e1": 60, "e2": 40}, [40, 40, 0]),  # 20 of 60 are used
        ({"e2": 50}, [30, 80, 30]),
        ({"e1": 10, "e2": 50}, [30, 80, 30]),
        ({"e1": 0, "e2": 0}, [80, 80, 80]),
        ({}, [80, 80, 80]),
    ],
)
def test_a_new_list_releases_what_it_leaves_out(shared: World, then: dict[str, Any], left: list[float]) -> None:
    allocate(shared, e1=30, e2=50)
    shared.track(20, entity_id="e1")
    allocate(shared, **then)
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == left


def test_what_is_left_is_shared_in_proportion(shared: World) -> None:
    shared.track(80)
    allocate(shared, e1=30, e2=10)
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == [15, 5, 0]


def test_a_deleted_entity_releases_its_share(shared: World) -> None:
    allocate(shared, e1=30, e2=50)
    entities.delete(shared.call(), "e2", "c")
    assert shared.remaining(entity_id="e1") == 100


def test_only_shared_rows_of_the_interval_are_divided(shared: World) -> None:
    shared.balance(7)
    shared.balance(3, entity_id="e2")
    allocate(shared, e1=100)
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2", "e3")] == [107, 10, 7]
    allocate(shared, interval="year", e1=100)
    assert shared.remaining(entity_id="e3") == 107


def test_several_rows_divide_a_share(shared: World) -> None:
    shared.plan("more", monthly(300), add_on=True)
    shared.attach("more")
    allocate(shared, e1=200)
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2")] == [400, 200]
    shared.track(250, entity_id="e1")
    assert [shared.remaining(entity_id=each) for each in ("e1", "e2")] == [150, 150]


def test_credits_are_held_too(shared: World) -> None:
    shared.plan("extra", monthly(10, "credits"), add_on=True)
    shared.attach("extra")
    allocate(shared, feature_id="credits", e1=4)
    assert [shared.check(30, "action1", entity_id=each).allowed for each in ("e1", "e2")] == [True, True]
    assert [shared.check(31, "action1", entity_id=each).allowed for each in ("e1", "e2")] == [True, False]
    shared.track(50, "action1", entity_id="e2")
    assert shared.remaining("credits") == 4


# -- what is shown


def test_the_customer_sees_what_is_allocated(shared: World) -> None:
    before = shown(shared)
    allocate(shared, e1=30, e2=50)
    shared.track(35, entity_id="e1")
    after = shown(shared)
    assert not {"allocated", "unallocated"} & before.keys()
    assert [after[key] for key in ("granted", "remaining", "usage", "allocated", "unallocated")] == [
        100,
        65,
        35,
        50,
        15,
    ]
    assert [row["source"] for row in after["breakdown"]] == ["customer"]


def test_an_entity_sees_its_share_and_the_rest(shared: World) -> None:
    allocate(shared, e1=30, e2=50)
    shared.track(13, entity_id="e1")
    shared.balance(3, entity_id="e1")
    rows = shown(shared, "e1")["breakdown"]
    keys = ("included_grant", "remaining", "usage", "source", "allocation")
    found = sorted(([row.get(key) for key in keys] for row in rows), key=lambda row: row[0])
    assert found == [
        [3, 3, 0, "entity", None],
        [20, 20, 0, "customer", None],
        [30, 17, 13, "customer", {"amount": 30}],
    ]
    assert [shown(shared, "e3")[key] for key in ("granted", "remaining", "usage")] == [20, 20, 0]


def test_the_controls_show_what_was_asked_for(shared: World) -> None:
    allocate(shared, e1=300)
    controls = shared.account().customer.billing_controls
    assert msgspec.to_builtins(controls_body(controls))["balance_allocations"] == [
        {"feature_id": "messages", "interval": "month", "allocations": [{"entity_id": "e1", "amount": 300}]}
    ]
    update(shared, usage_limits=[])
    assert shared.account().customer.billing_controls.balance_allocations == controls.balance_allocations


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"feature_id": "none"}, "feature_not_found", "Feature none not found"),
        ({"allocations": [{"entity_id": "none", "amount": 1}]}, "entity_not_found", "Entity none not found"),
    ],
)
def test_allocations_name_what_exists(shared: World, changes: dict[str, Any], code: str, message: str) -> None:
    entry = {"feature_id": "messages", "interval": "month", "allocations": [], **changes}
    with shared.refused(404, code, message):
        update(shared, balance_allocations=[entry])


@pytest.mark.parametrize(
    "allocations",
    [[{"entity_id": "e1", "amount": -1}], [{"entity_id": "e1", "amount": 1}] * 2, [{"entity_id": "e1"}]],
    ids=["below zero", "twice", "no amount"],
)
def test_allocations_without_sense_are_refused(shared: World, allocations: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationFailed):
        update(
            shared, balance_allocations=[{"feature_id": "messages", "interval": "month", "allocations": allocations}]
        )
