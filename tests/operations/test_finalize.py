"""``balances.finalize``."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from autumn_mock.domain.amount import amount
from autumn_mock.domain.version import Version
from autumn_mock.operations import finalize as finalize_module
from autumn_mock.operations import idempotency
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.idempotency import MARK_LIFETIME
from autumn_mock.wire.requests.balances import Finalize
from tests.support.world import NOW, World, lock, monthly

HOUR = 3_600_000
#: Seconds that threads wait for each other where they may rightly not meet.
WAIT_S = 0.5


@pytest.fixture
def fifteen(world: World) -> World:
    """A customer with 5 an hour and 10 a month."""
    world.plan("hourly", {**monthly(5), "reset": {"interval": "hour"}}, add_on=True)
    world.plan("monthly", monthly(10))
    world.attach("hourly")
    world.attach("monthly")
    return world


@pytest.mark.parametrize(
    ("held", "action", "override", "remaining", "events"),
    [
        (8, "release", None, 15, [8, -8]),
        (8, "confirm", 5, 10, [8, -3]),
        (8, "confirm", 11, 4, [8, 3]),
        (8, "confirm", None, 7, [8]),
        (8, "confirm", 8, 7, [8]),
        (8, "confirm", 0, 15, [8, -8]),
        (5, "confirm", -2, 15, [5, -7]),
        (0, "confirm", 4, 11, [0, 4]),
    ],
)
def test_finalize_settles_with_one_event_of_the_difference(
    fifteen: World, held: float, action: str, override: float | None, remaining: float, events: list[float]
) -> None:
    fifteen.track(held, lock=lock())
    more: dict[str, Any] = {} if override is None else {"override_value": override}
    fifteen.finalize(action=action, **more)
    assert fifteen.remaining() == remaining
    assert fifteen.values() == [Decimal(each) for each in events]
    assert len(fifteen.environment.locks) == 0
    assert len(fifteen.environment.claims) == 0


def test_finalize_of_a_held_refund(fifteen: World) -> None:
    fifteen.track(10)
    fifteen.track(-5, lock=lock())
    fifteen.finalize(action="confirm", override_value=-8)
    assert fifteen.remaining() == 13
    assert fifteen.values() == [10, -5, -3]


def test_finalize_releases_only_what_was_deducted(fifteen: World) -> None:
    """A lock that did not fit holds less than was asked; releasing it gives that back."""
    fifteen.track(40, lock=lock())
    fifteen.finalize()
    assert fifteen.remaining() == 15
    assert fifteen.values() == [40, -15]


def test_finalize_chooses_the_properties_of_the_event(fifteen: World) -> None:
    """Those of the finalize, else those of the lock."""
    for number, properties in enumerate([{"by": "finalize"}, None]):
        fifteen.track(3, lock=lock(f"l{number}"), properties={"by": "lock"})
        more: dict[str, Any] = {} if properties is None else {"properties": properties}
        fifteen.finalize(f"l{number}", **more)
    assert [event.properties for event in fifteen.events()][1::2] == [{"by": "finalize"}, {"by": "lock"}]


def test_finalize_of_a_lock_with_skip_event(fifteen: World) -> None:
    fifteen.track(3, lock=lock(), skip_event=True)
    fifteen.finalize()
    assert fifteen.events() == []
    assert fifteen.remaining() == 15


def test_finalize_frees_the_lock_id(fifteen: World) -> None:
    for _ in range(3):
        fifteen.track(3, lock=lock())
        fifteen.finalize()
    assert fifteen.remaining() == 15


def test_finalize_of_a_lock_of_an_entity(world: World) -> None:
    world.entity()
    world.balance(5, entity_id="e1")
    world.track(3, entity_id="e1", lock=lock())
    world.finalize(action="confirm", override_value=4)
    assert world.remaining(entity_id="e1") == 1
    assert [event.entity_id for event in world.events()] == ["e1", "e1"]


def test_finalize_after_a_reset_adds_to_the_grant(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4, lock=lock(expires_at=NOW + 40 * 24 * HOUR))
    world.now += 32 * 24 * HOUR
    world.finalize()
    assert world.amounts() == (10, 14, -4)


def test_finalize_keeps_later_deductions(fifteen: World) -> None:
    fifteen.track(8, lock=lock())
    fifteen.track(2)
    fifteen.finalize()
    assert fifteen.remaining() == 13


# -- refusals


def not_found(lock_id: str = "lock") -> str:
    return f"Lock not found for ID: {lock_id}"


@pytest.mark.parametrize("action", ["confirm", "release"])
def test_finalize_of_an_unknown_lock_marks_its_id(world: World, action: str) -> None:
    for _ in range(2):
        with world.refused(400, "invalid_request", not_found(), changes=("claims",)):
            world.finalize(action=action)


def test_finalize_refuses_a_second_time(fifteen: World) -> None:
    fifteen.track(3, lock=lock())
    fifteen.finalize()
    with fifteen.refused(400, "invalid_request", not_found(), changes=("claims",)):
        fifteen.finalize()
    assert fifteen.remaining() == 15


def test_finalize_refuses_an_expired_receipt(fifteen: World) -> None:
    fifteen.track(3, lock=lock())
    fifteen.now += 24 * HOUR
    with fifteen.refused(400, "invalid_request", not_found(), changes=("claims", "locks", "balances")):
        fifteen.finalize()


def test_finalize_refuses_a_marked_id_for_an_hour(fifteen: World) -> None:
    with fifteen.refused(400, "invalid_request", not_found(), changes=("claims",)):
        fifteen.finalize()
    fifteen.track(3, lock=lock())
    processing = "Lock receipt not claimable: RESERVATION_ALREADY_PROCESSING"
    with fifteen.refused(409, "invalid_request", processing):
        fifteen.finalize()
    fifteen.now += MARK_LIFETIME
    fifteen.finalize()
    assert fifteen.remaining() == 15


def test_finalize_refuses_an_expired_lock_of_a_check(world: World) -> None:
    world.balance(15)
    world.check(8, lock=lock(expires_at=NOW + 5000))
    world.now += 6000
    with world.refused(400, "invalid_request", not_found(), changes=("claims", "locks", "balances", "events")):
        world.finalize()
    assert world.remaining() == 15
    assert world.values() == [8, -8]


# -- concurrency


def test_finalize_keeps_a_concurrent_track(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A track of another thread during a finalize is neither lost nor undone."""
    world.balance(10)
    world.track(3, lock=lock())
    other = threading.Thread(target=world.track, args=(2,), daemon=True)

    def interrupted(value: Any) -> Decimal:
        if other.ident is None:
            other.start()
            other.join(WAIT_S)
        return amount(value)

    monkeypatch.setattr("autumn_mock.operations.finalize.amount", interrupted)
    world.finalize(action="confirm", override_value=1)
    other.join(10)
    assert world.remaining() == 7


def test_concurrent_finalizes_settle_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds no mark before the first sets one, and continues when the first has read the lock."""
    world.balance(10)
    world.track(3, lock=lock())
    checked, go = threading.Event(), threading.Event()
    outcomes: list[str] = []

    def second() -> None:
        try:
            world.finalize(action="confirm", override_value=1)
        except ApiError as error:
            outcomes.append(error.message)
        else:
            outcomes.append("settled")

    thread = threading.Thread(target=second, daemon=True)

    def checks_mark(*arguments: Any) -> bool:
        found = idempotency.is_claimed(*arguments)
        if threading.current_thread() is thread:
            checked.set()
            go.wait(WAIT_S)
        return found

    def settles(value: Any) -> Decimal:
        if threading.current_thread() is not thread:
            go.set()
            thread.join(WAIT_S)
        return amount(value)

    monkeypatch.setattr("autumn_mock.operations.finalize.is_claimed", checks_mark)
    monkeypatch.setattr("autumn_mock.operations.finalize.amount", settles)
    thread.start()
    assert checked.wait(10)
    try:
        world.finalize(action="confirm", override_value=1)
    except ApiError as error:
        outcomes.append(error.message)
    else:
        outcomes.append("settled")
    thread.join(10)
    assert outcomes.count("settled") == 1
    assert world.remaining() == 9
    assert world.values() == [3, -2]


def test_finalize_below_2_1_returns_to_drained_loose_rows(world: World) -> None:
    """From 2.1 on a drained loose row is hidden, and what a lock took from it is not given back."""
    for version, left in ((Version.V2_3, 0), (Version.V2_0, 10)):
        customer_id = f"c{version.name}"
        world.customer(customer_id)
        world.balance(10, customer_id=customer_id)
        world.track(10, customer_id=customer_id, lock=lock())
        finalize_module.finalize(world.call(version), Finalize(lock_id="lock", action="release"))
        assert [row.balance for row in world.rows(customer_id=customer_id)] == [left]
