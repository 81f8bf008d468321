"""What time brings about: the same whoever looks, and when."""

from __future__ import annotations

import pytest

from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations.idempotency import KEY_LIFETIME
from autumn_mock.operations.retention import sweep
from tests.operations.scene import NOW, Scene, lock, month, priced, scene, snapshot

__all__ = ["scene"]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@pytest.mark.parametrize("look", ["customer", "check", "track", "sweep"])
def test_whoever_looks_first_brings_a_reset_about(scene: Scene, look: str) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.track(8)
    scene.now = add_months(NOW, 1) + 1
    if look == "customer":
        scene.account()
    elif look == "check":
        assert scene.check(9).allowed
    elif look == "track":
        scene.track(0)
    else:
        assert sweep(scene.environment) == 1
    (row,) = scene.rows()
    assert row.balance == 10
    assert row.next_reset_at == add_months(NOW, 2)


def test_a_reset_writes_no_event(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.now += 40 * DAY
    scene.account()
    assert scene.events() == []


def test_a_loose_row_that_was_drained_comes_back_at_its_reset(scene: Scene) -> None:
    scene.loose(5, reset={"interval": "day"})
    scene.track(5)
    assert scene.view() is None
    scene.now += DAY + 1
    assert scene.remaining() == 5


def test_looking_twice_at_one_instant_changes_nothing(scene: Scene) -> None:
    scene.plan("p", month(10, rollover={"expiry_duration_type": "month", "expiry_duration_length": 1}))
    scene.attach("p")
    scene.loose(5)
    scene.check(3, lock=lock(expires_at=NOW + 5))
    scene.now += 40 * DAY
    scene.account()
    before = snapshot(scene)
    scene.account()
    sweep(scene.environment)
    assert snapshot(scene) == before


def test_a_lock_of_a_check_is_let_go_at_its_time(scene: Scene) -> None:
    scene.loose(15)
    scene.check(8, lock=lock(expires_at=NOW + MINUTE), properties={"a": 1})
    scene.now += MINUTE
    assert scene.remaining() == 15
    assert scene.values() == [8, -8]
    assert [event.properties for event in scene.events()] == [{"a": 1}, {"a": 1}]


def test_a_lock_of_a_track_is_not(scene: Scene) -> None:
    scene.loose(15)
    scene.track(8, lock=lock(expires_at=NOW + MINUTE))
    scene.now += HOUR + MINUTE
    assert scene.remaining() == 7
    assert len(scene.environment.locks) == 0


@pytest.mark.parametrize("looks_between", [False, True])
def test_a_lock_that_expires_after_a_reset_is_given_back_on_top(scene: Scene, looks_between: bool) -> None:
    """What comes first happens first, whether or not somebody looked between."""
    scene.plan("hourly", {**month(10), "reset": {"interval": "hour"}})
    scene.attach("hourly")
    scene.check(4, lock=lock(expires_at=NOW + HOUR + 10 * MINUTE))
    if looks_between:
        scene.now += HOUR + MINUTE
        assert scene.remaining() == 10
    scene.now = NOW + HOUR + 20 * MINUTE
    assert scene.shown() == (10, 14, -4)


@pytest.mark.parametrize("looks_between", [False, True])
def test_a_lock_that_expires_before_a_reset_is_forgotten_by_it(scene: Scene, looks_between: bool) -> None:
    scene.plan("hourly", {**month(10), "reset": {"interval": "hour"}})
    scene.attach("hourly")
    scene.check(4, lock=lock(expires_at=NOW + 10 * MINUTE))
    if looks_between:
        scene.now += 20 * MINUTE
        assert scene.remaining() == 10
    scene.now = NOW + HOUR + 20 * MINUTE
    assert scene.shown() == (10, 10, 0)


def test_a_cancelled_plan_ends_and_a_scheduled_one_begins(scene: Scene) -> None:
    scene.plan("paid", priced(100), price={"amount": 10, "interval": "month"})
    scene.plan("free", month(10))
    scene.attach("paid")
    scene.attach("free")
    turn = add_months(NOW, 1)
    scene.now = turn - 1
    assert scene.remaining() == 100
    scene.now = turn
    assert sweep(scene.environment) == 1
    assert scene.shown() == (10, 10, 0)
    (row,) = scene.rows()
    assert row.next_reset_at == add_months(turn, 1)


def test_a_plan_that_begins_late_is_renewed_as_if_it_had_begun_in_time(scene: Scene) -> None:
    scene.plan("paid", month(100), price={"amount": 10, "interval": "month"})
    scene.plan("free", month(10))
    scene.attach("paid")
    scene.attach("free")
    scene.now = NOW + 100 * DAY
    scene.account()
    (row,) = scene.rows()
    assert row.next_reset_at == add_months(NOW, 4)


def test_a_lock_outlives_the_plan_it_was_taken_from(scene: Scene) -> None:
    """What its row held goes to the rows there are."""
    scene.plan("a", month(10))
    scene.plan("b", month(100), price={"amount": 1, "interval": "month"})
    scene.attach("a")
    scene.track(10, lock=lock())
    scene.attach("b")
    scene.track(40)
    scene.finalize()
    assert scene.remaining() == 70


def test_a_sweep_forgets_keys_that_are_over(scene: Scene) -> None:
    scene.track(idempotency_key="k")
    sweep(scene.environment)
    assert len(scene.environment.claims) == 1
    scene.now += KEY_LIFETIME
    sweep(scene.environment)
    assert len(scene.environment.claims) == 0


def test_a_sweep_with_nothing_due_changes_nothing(scene: Scene) -> None:
    scene.plan("p", month(10))
    scene.attach("p")
    scene.track(4, lock=lock())
    before = snapshot(scene)
    assert sweep(scene.environment) == 0
    assert snapshot(scene) == before


def test_an_expired_balance_is_gone_at_once(scene: Scene) -> None:
    scene.loose(5, expires_at=NOW + MINUTE)
    scene.loose(7)
    scene.track(-3)
    scene.now += MINUTE
    assert scene.shown() == (7, 7, 0)
    scene.track(3)
    scene.track(-9)
    assert sorted(float(row.balance) for row in scene.rows()) == [5, 7]
