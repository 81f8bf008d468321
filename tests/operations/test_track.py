"""``balances.track``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from autumn_mock.domain.version import Version
from autumn_mock.operations import track as track_module
from autumn_mock.operations.idempotency import KEY_LIFETIME
from tests.support.world import NOW, World, item, lock, monthly, priced


def test_track_deducts_and_writes_an_event(world: World) -> None:
    world.balance(10)
    result = world.track(4, properties={"a": 1}, timestamp=NOW - 5)
    assert result.balance is not None
    assert result.balance.remaining == 6
    (row,) = world.rows()
    assert [(each.balance_id, each.feature_id) for each in result.deductions] == [(row.id, "messages")]
    assert [each.value for each in result.deductions] == [4]
    (event,) = world.events()
    assert (event.name, event.timestamp, event.properties) == ("messages", NOW - 5, {"a": 1})
    assert event.value == 4
    assert event.deductions == result.deductions
    assert world.remaining() == 6


def test_track_drops_the_overage_and_records_the_value(world: World) -> None:
    world.balance(10)
    result = world.track(25)
    assert [each.value for each in result.deductions] == [10]
    assert world.values() == [25]
    assert result.balance is not None  # the answer still shows the row that is hidden from now on
    assert result.balance.remaining == 0
    assert world.view() is None


def test_track_of_zero_writes_an_event(world: World) -> None:
    world.balance(10)
    assert world.track(0).deductions == ()
    assert world.values() == [0]
    assert world.remaining() == 10


def test_track_without_a_balance_succeeds_with_reject(world: World) -> None:
    result = world.track(3, overage_behavior="reject")
    assert (result.balance, result.deductions) == (None, ())
    assert world.values() == [3]


def test_track_of_a_boolean_feature_writes_an_event(world: World) -> None:
    world.balance(None, "sso")
    result = world.track(3, "sso")
    assert (result.balance, result.deductions) == (None, ())
    assert world.values() == [3]


def test_track_by_event_name_deducts_from_every_feature(world: World) -> None:
    world.balance(100, "action1")
    world.balance(50, "action2")
    result = world.track(20, None, event_name="action-event")
    assert result.balance is None  # two features, neither more meant than the other
    assert {name: view.remaining for name, view in result.balances.items() if view is not None} == {
        "action1": 80,
        "action2": 30,
    }
    (event,) = world.events()
    assert event.name == "action-event"
    assert [each.feature_id for each in event.deductions] == ["action1", "action2"]


def test_track_by_event_name_with_one_feature(world: World) -> None:
    world.balance(150, "action1")
    result = world.track(37.89, None, event_name="action-event")
    assert result.balances["credits"] is None
    assert world.remaining("action1") == 112.11


@pytest.mark.parametrize(
    ("value", "answers", "left"),
    [(5, "action1", (5, 100)), (20, "action1", (0, 98)), (-1, "credits", (10, 100)), (0, "credits", (10, 100))],
)
def test_track_returns_the_balance_that_paid(world: World, value: int, answers: str, left: tuple[float, float]) -> None:
    """The first whose rows lost something; when none did, a credit system that lists the feature."""
    world.plan("p", monthly(10, "action1"), monthly(100, "credits"))
    world.attach("p")
    result = world.track(value, "action1")
    assert result.balance is not None
    assert result.balance.feature.id == answers
    assert (world.remaining("action1"), world.remaining("credits")) == left
    assert list(result.balances) == ["action1", "credits"]


def test_track_returns_an_unlimited_balance_first(world: World) -> None:
    world.balance(10, "action1")
    world.balance(None, "credits", unlimited=True)
    result = world.track(5, "action1")
    assert result.balance is not None
    assert (result.balance.feature.id, result.balance.unlimited) == ("credits", True)
    assert result.balance.usage == 1
    assert world.remaining("action1") == 10


def test_track_with_skip_event(world: World) -> None:
    world.balance(10)
    world.track(3, skip_event=True)
    assert world.events() == []
    assert world.remaining() == 7


def test_track_of_an_entity(world: World) -> None:
    world.entity()
    world.balance(5, entity_id="e1")
    world.balance(10)
    world.track(7, entity_id="e1")
    assert world.remaining(entity_id="e1") == 8
    assert [event.entity_id for event in world.events()] == ["e1"]


def test_track_by_internal_customer_id(world: World) -> None:
    world.balance(10)
    world.track(4, customer_id=world.customer().internal_id)
    assert world.remaining() == 6


# -- refusals

NO_ENTITY_DATA = (
    "Entity with id e9 not found. To automatically create this entity, please pass in 'feature_id' "
    "into the 'entity_data' field of the request body."
)
REJECT_BY_EVENT_NAME = (
    'overage_behavior "reject" is not supported with event_name. Use feature_id or set overage_behavior to "cap".'
)
TAKEN = "A lock with this ID already exists"
EVENT = {"feature_id": None, "event_name": "action-event"}
REJECT = {"overage_behavior": "reject"}
OLD = {"version": Version.V2_0}


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        ({"feature_id": "nope"}, 404, "feature_not_found", "Feature nope not found"),
        ({**EVENT, "event_name": "nope"}, 404, "invalid_request", "No features found for event name: nope"),
        ({"customer_id": "unknown"}, 404, "customer_not_found", "Customer unknown not found"),
        ({"customer_id": ""}, 404, "customer_not_found", "Customer  not found"),
        ({"entity_id": "e9"}, 404, "entity_not_found", "Entity e9 not found"),
        ({"customer_id": "unknown", "entity_id": "e9"}, 404, "entity_not_found", "Entity e9 not found"),
        (
            {"value": 11, **REJECT},
            400,
            "insufficient_balance",
            "Insufficient balance to deduct 11 from feature messages",
        ),
        (
            {"value": 10.5, **REJECT},
            400,
            "insufficient_balance",
            "Insufficient balance to deduct 10.5 from feature messages",
        ),
        (
            {"value": 12.0, **REJECT},
            400,
            "insufficient_balance",
            "Insufficient balance to deduct 12 from feature messages",
        ),
        ({**EVENT, **REJECT}, 400, "invalid_request", REJECT_BY_EVENT_NAME),
        ({"lock": lock("held")}, 409, "lock_already_exists", TAKEN),
        ({"lock": lock("held"), "customer_id": "other"}, 409, "lock_already_exists", TAKEN),
        ({**OLD, "customer_id": "new", "entity_id": "e9"}, 400, "invalid_inputs", NO_ENTITY_DATA),
        ({**OLD, "customer_id": ""}, 400, "invalid_request", "Either customer ID or email is required"),
    ],
)
def test_track_refuses(world: World, fields: dict[str, Any], status: int, code: str, message: str) -> None:
    world.customer("other", {"messages": 10})
    world.balance(10, "action1")
    world.balance(11)
    world.track(1, lock=lock("held"))
    with world.refused(status, code, message):
        world.track(**fields)


def test_track_with_a_lock_but_no_rows_keeps_no_receipt(world: World) -> None:
    world.track(3, lock=lock())
    world.balance(10, "action1")
    world.track(3, None, event_name="action-event", lock=lock())
    assert len(world.environment.locks) == 0


@pytest.mark.parametrize("expires_in", [None, 60_000])
def test_receipts_expire_and_keep_the_deduction(world: World, expires_in: int | None) -> None:
    """A day after it was taken, or an hour after it expires."""
    world.balance(10)
    world.track(3, lock=lock() if expires_in is None else lock(expires_at=world.now + expires_in))
    world.now += (24 * 3_600_000 if expires_in is None else expires_in + 3_600_000) - 1
    world.account()
    assert "lock" in world.environment.locks
    world.now += 1
    assert world.remaining() == 7
    assert len(world.environment.locks) == 0
    world.track(1, lock=lock())
    assert world.remaining() == 6


def test_failed_track_keeps_the_order_of_rows(world: World) -> None:
    """Even of rows that it renewed on the way: rows of one age are spent in that order."""
    world.plan("a", monthly(10), add_on=True)
    world.plan("b", monthly(10), add_on=True)
    world.attach("a")
    world.now += 86_400_000
    world.attach("b")
    world.now += 30 * 86_400_000 + 1
    message = "Insufficient balance to deduct 99 from feature messages"
    with world.refused(400, "insufficient_balance", message):
        world.track(99, overage_behavior="reject")
    assert [row.plan_id for row in world.rows()] == ["a", "b"]


# -- idempotency


def duplicate(key: str) -> str:
    return f"Another request with idempotency key track:{key} has already been received"


def test_track_refuses_a_used_key_for_a_day(world: World) -> None:
    world.balance(10)
    world.track(2, idempotency_key="k")
    with world.refused(409, "duplicate_idempotency_key", duplicate("k")):
        world.track(3, idempotency_key="k")
    world.now += KEY_LIFETIME
    world.track(1, idempotency_key="k")
    assert world.remaining() == 7


def test_track_keys_are_shared_by_customers(world: World) -> None:
    world.customer("other")
    world.track(idempotency_key="k")
    with world.refused(409, "duplicate_idempotency_key", duplicate("k")):
        world.track(customer_id="other", idempotency_key="k")


def test_track_releases_the_key_on_failure(world: World) -> None:
    world.balance(10)
    message = "Insufficient balance to deduct 11 from feature messages"
    with world.refused(400, "insufficient_balance", message):
        world.track(11, overage_behavior="reject", idempotency_key="k")
    world.track(10, overage_behavior="reject", idempotency_key="k")


def test_track_keeps_the_key_on_conflict(world: World) -> None:
    world.balance(10)
    world.track(1, lock=lock())
    with world.refused(409, "lock_already_exists", "A lock with this ID already exists", changes=("claims",)):
        world.track(1, lock=lock(), idempotency_key="k")
    with world.refused(409, "duplicate_idempotency_key", duplicate("k")):
        world.track(1, idempotency_key="k")


def test_track_releases_the_key_on_an_internal_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown error gives the key back, as any failure but a conflict does."""
    world.balance(10)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of order")

    before = world.snapshot()
    with monkeypatch.context() as patched:
        patched.setattr(track_module, "use", broken)
        with pytest.raises(RuntimeError):
            world.track(1, idempotency_key="k")
    assert world.snapshot() == before
    world.track(1, idempotency_key="k")


# -- versions


def test_track_below_2_1_creates_customers_and_entities(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    world.track(2, customer_id="new", version=Version.V2_0, customer_data={"name": "New", "email": "n@mail.org"})
    assert world.customer("new").name == "New"
    assert world.remaining(customer_id="new") == 3
    world.track(1, customer_id="new", version=Version.V2_0, entity_id="e1", entity_data={"feature_id": "seats"})
    assert list(world.account("new").entities) == ["e1"]


def test_track_below_2_1_refunds_a_drained_loose_row(world: World) -> None:
    world.balance(10)
    world.track(10)
    world.track(-4)
    assert world.view() is None
    world.track(-4, version=Version.V2_0)
    assert world.remaining() == 4


def test_track_computes_exactly(world: World) -> None:
    world.balance(1)
    for _ in range(3):
        world.track(0.1)
    world.track(-0.3)
    assert [row.balance for row in world.rows()] == [Decimal(1)]


def test_track_of_overage_up_to_max_purchase(world: World) -> None:
    world.plan("p", priced(5, max_purchase=5))
    world.attach("p")
    world.track(7, overage_behavior="reject")
    assert world.amounts() == (5, 0, 7)
    world.track(30)
    assert world.amounts() == (5, 0, 10)


def test_track_does_not_change_its_item(world: World) -> None:
    asked = item(3, properties={"a": [1]})
    copy = replace(asked)
    track_module.track(world.call(), asked)
    assert asked == copy
