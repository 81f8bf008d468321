"""What time brings about: the same whoever looks, and when."""

from __future__ import annotations

import pytest

from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations.idempotency import KEY_LIFETIME
from autumn_mock.operations.retention import sweep
from tests.support.world import NOW, World, lock, monthly, priced

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@pytest.mark.parametrize("look", ["customer", "check", "track", "sweep"])
def test_whoever_looks_first_brings_a_reset_about(world: World, look: str) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(8)
    world.now = add_months(NOW, 1) + 1
    if look == "customer":
        world.account()
    elif look == "check":
        assert world.check(9).allowed
    elif look == "track":
        world.track(0)
    else:
        assert sweep(world.environment) == 1
    (row,) = world.rows()
    assert row.balance == 10
    assert row.next_reset_at == add_months(NOW, 2)


def test_a_reset_writes_no_event(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.now += 40 * DAY
    world.account()
    assert world.events() == []


def test_a_loose_row_that_was_drained_comes_back_at_its_reset(world: World) -> None:
    world.balance(5, reset={"interval": "day"})
    world.track(5)
    assert world.view() is None
    world.now += DAY + 1
    assert world.remaining() == 5


def test_looking_twice_at_one_instant_changes_nothing(world: World) -> None:
    world.plan("p", monthly(10, rollover={"expiry_duration_type": "month", "expiry_duration_length": 1}))
    world.attach("p")
    world.balance(5)
    world.check(3, lock=lock(expires_at=NOW + 5))
    world.now += 40 * DAY
    world.account()
    before = world.snapshot()
    world.account()
    sweep(world.environment)
    assert world.snapshot() == before


def test_a_lock_of_a_check_is_let_go_at_its_time(world: World) -> None:
    world.balance(15)
    world.check(8, lock=lock(expires_at=NOW + MINUTE), properties={"a": 1})
    world.now += MINUTE
    assert world.remaining() == 15
    assert world.values() == [8, -8]
    assert [event.properties for event in world.events()] == [{"a": 1}, {"a": 1}]


def test_a_lock_of_a_track_is_not(world: World) -> None:
    world.balance(15)
    world.track(8, lock=lock(expires_at=NOW + MINUTE))
    world.now += HOUR + MINUTE
    assert world.remaining() == 7
    assert len(world.environment.locks) == 0


@pytest.mark.parametrize("looks_between", [False, True])
def test_a_lock_that_expires_after_a_reset_is_given_back_on_top(world: World, looks_between: bool) -> None:
    """What comes first happens first, whether or not somebody looked between."""
    world.plan("hourly", {**monthly(10), "reset": {"interval": "hour"}})
    world.attach("hourly")
    world.check(4, lock=lock(expires_at=NOW + HOUR + 10 * MINUTE))
    if looks_between:
        world.now += HOUR + MINUTE
        assert world.remaining() == 10
    world.now = NOW + HOUR + 20 * MINUTE
    assert world.amounts() == (10, 14, -4)


@pytest.mark.parametrize("looks_between", [False, True])
def test_a_lock_that_expires_before_a_reset_is_forgotten_by_it(world: World, looks_between: bool) -> None:
    world.plan("hourly", {**monthly(10), "reset": {"interval": "hour"}})
    world.attach("hourly")
    world.check(4, lock=lock(expires_at=NOW + 10 * MINUTE))
    if looks_between:
        world.now += 20 * MINUTE
        assert world.remaining() == 10
    world.now = NOW + HOUR + 20 * MINUTE
    assert world.amounts() == (10, 10, 0)


def test_a_cancelled_plan_ends_and_a_scheduled_one_begins(world: World) -> None:
    world.plan("paid", priced(100), price={"amount": 10, "interval": "month"})
    world.plan("free", monthly(10))
    world.attach("paid")
    world.attach("free")
    turn = add_months(NOW, 1)
    world.now = turn - 1
    assert world.remaining() == 100
    world.now = turn
    assert sweep(world.environment) == 1
    assert world.amounts() == (10, 10, 0)
    (row,) = world.rows()
    assert row.next_reset_at == add_months(turn, 1)


def test_a_plan_that_begins_late_is_renewed_as_if_it_had_begun_in_time(world: World) -> None:
    world.plan("paid", monthly(100), price={"amount": 10, "interval": "month"})
    world.plan("free", monthly(10))
    world.attach("paid")
    world.attach("free")
    world.now = NOW + 100 * DAY
    world.account()
    (row,) = world.rows()
    assert row.next_reset_at == add_months(NOW, 4)


def test_a_lock_outlives_the_plan_it_was_taken_from(world: World) -> None:
    """What its row held goes to the rows there are."""
    world.plan("a", monthly(10))
    world.plan("b", monthly(100), price={"amount": 1, "interval": "month"})
    world.attach("a")
    world.track(10, lock=lock())
    world.attach("b")
    world.track(40)
    world.finalize()
    assert world.remaining() == 70


def test_a_sweep_forgets_keys_that_are_over(world: World) -> None:
    world.track(idempotency_key="k")
    sweep(world.environment)
    assert len(world.environment.claims) == 1
    world.now += KEY_LIFETIME
    sweep(world.environment)
    assert len(world.environment.claims) == 0


def test_a_sweep_with_nothing_due_changes_nothing(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4, lock=lock())
    before = world.snapshot()
    assert sweep(world.environment) == 0
    assert world.snapshot() == before


def test_an_expired_balance_is_gone_at_once(world: World) -> None:
    world.balance(5, expires_at=NOW + MINUTE)
    world.balance(7)
    world.track(-3)
    world.now += MINUTE
    assert world.amounts() == (7, 7, 0)
    world.track(3)
    world.track(-9)
    assert sorted(float(row.balance) for row in world.rows()) == [5, 7]
