"""What becomes due with time, independent of the call that applies it."""

from __future__ import annotations

import pytest

from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations.idempotency import KEY_LIFETIME
from autumn_mock.operations.retention import sweep
from tests.support.world import NOW, World, lock, monthly, priced

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@pytest.mark.parametrize("reader", ["customer", "check", "track", "sweep"])
def test_every_call_applies_a_due_reset(world: World, reader: str) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(8)
    world.now = add_months(NOW, 1) + 1
    if reader == "customer":
        world.account()
    elif reader == "check":
        assert world.check(9).allowed
    elif reader == "track":
        world.track(0)
    else:
        assert sweep(world.call()) == 1
    (row,) = world.rows()
    assert row.balance == 10
    assert row.next_reset_at == add_months(NOW, 2)


def test_reset_writes_no_event(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.now += 40 * DAY
    world.account()
    assert world.events() == []


def test_reset_shows_a_drained_loose_row_again(world: World) -> None:
    world.balance(5, reset={"interval": "day"})
    world.track(5)
    assert world.view() is None
    world.now += DAY + 1
    assert world.remaining() == 5


def test_open_account_twice_at_one_instant_changes_nothing(world: World) -> None:
    world.plan("p", monthly(10, rollover={"expiry_duration_type": "month", "expiry_duration_length": 1}))
    world.attach("p")
    world.balance(5)
    world.check(3, lock=lock(expires_at=NOW + 5))
    world.now += 40 * DAY
    world.account()
    before = world.snapshot()
    world.account()
    sweep(world.call())
    assert world.snapshot() == before


def test_lock_of_a_check_expires(world: World) -> None:
    world.balance(15)
    world.check(8, lock=lock(expires_at=NOW + MINUTE), properties={"a": 1})
    world.now += MINUTE
    assert world.remaining() == 15
    assert world.values() == [8, -8]
    assert [event.properties for event in world.events()] == [{"a": 1}, {"a": 1}]


def test_lock_of_a_track_does_not_expire(world: World) -> None:
    world.balance(15)
    world.track(8, lock=lock(expires_at=NOW + MINUTE))
    world.now += HOUR + MINUTE
    assert world.remaining() == 7
    assert len(world.environment.locks) == 0


@pytest.mark.parametrize("read_between", [False, True])
def test_lock_that_expires_after_a_reset_adds_to_the_grant(world: World, read_between: bool) -> None:
    """Earlier changes are applied first, with or without a read in between."""
    world.plan("hourly", {**monthly(10), "reset": {"interval": "hour"}})
    world.attach("hourly")
    world.check(4, lock=lock(expires_at=NOW + HOUR + 10 * MINUTE))
    if read_between:
        world.now += HOUR + MINUTE
        assert world.remaining() == 10
    world.now = NOW + HOUR + 20 * MINUTE
    assert world.amounts() == (10, 14, -4)


@pytest.mark.parametrize("read_between", [False, True])
def test_lock_that_expires_before_a_reset_is_included_in_it(world: World, read_between: bool) -> None:
    world.plan("hourly", {**monthly(10), "reset": {"interval": "hour"}})
    world.attach("hourly")
    world.check(4, lock=lock(expires_at=NOW + 10 * MINUTE))
    if read_between:
        world.now += 20 * MINUTE
        assert world.remaining() == 10
    world.now = NOW + HOUR + 20 * MINUTE
    assert world.amounts() == (10, 10, 0)


def test_plan_changes_are_applied_when_due(world: World) -> None:
    world.plan("paid", priced(100), price={"amount": 10, "interval": "month"})
    world.plan("free", monthly(10))
    world.attach("paid")
    world.attach("free")
    turn = add_months(NOW, 1)
    world.now = turn - 1
    assert world.remaining() == 100
    world.now = turn
    assert sweep(world.call()) == 1
    assert world.amounts() == (10, 10, 0)
    (row,) = world.rows()
    assert row.next_reset_at == add_months(turn, 1)


def test_plan_that_begins_late_keeps_its_reset_times(world: World) -> None:
    world.plan("paid", monthly(100), price={"amount": 10, "interval": "month"})
    world.plan("free", monthly(10))
    world.attach("paid")
    world.attach("free")
    world.now = NOW + 100 * DAY
    world.account()
    (row,) = world.rows()
    assert row.next_reset_at == add_months(NOW, 4)


def test_lock_of_an_ended_plan_can_be_finalized(world: World) -> None:
    """What its row held goes to the rows there are."""
    world.plan("a", monthly(10))
    world.plan("b", monthly(100), price={"amount": 1, "interval": "month"})
    world.attach("a")
    world.track(10, lock=lock())
    world.attach("b")
    world.track(40)
    world.finalize()
    assert world.remaining() == 70


def test_sweep_deletes_expired_keys(world: World) -> None:
    world.track(idempotency_key="k")
    sweep(world.call())
    assert len(world.environment.claims) == 1
    world.now += KEY_LIFETIME
    sweep(world.call())
    assert len(world.environment.claims) == 0


def test_sweep_with_nothing_due_changes_nothing(world: World) -> None:
    world.plan("p", monthly(10))
    world.attach("p")
    world.track(4, lock=lock())
    before = world.snapshot()
    assert sweep(world.call()) == 0
    assert world.snapshot() == before


def test_expired_balance_is_hidden(world: World) -> None:
    world.balance(5, expires_at=NOW + MINUTE)
    world.balance(7)
    world.track(-3)
    world.now += MINUTE
    assert world.amounts() == (7, 7, 0)
    world.track(3)
    world.track(-9)
    assert sorted(float(row.balance) for row in world.rows()) == [5, 7]
