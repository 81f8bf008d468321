"""Cycles from an anchor: clamped months, anchors in the future, trials."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autumn_mock.domain.plan import Interval
from autumn_mock.payments.cycles import Cycle, Terms
from tests.payments.build import DAY, base
from tests.support.effort import examples


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp()) * 1000


@pytest.mark.parametrize(
    ("interval", "anchor", "now", "start", "end"),
    [
        ("month", "2026-01-31", "2026-01-31", "2026-01-31", "2026-02-28"),
        ("month", "2026-01-31", "2026-02-27", "2026-01-31", "2026-02-28"),
        ("month", "2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("month", "2026-01-31", "2026-04-01", "2026-03-31", "2026-04-30"),
        ("month", "2026-06-15", "2026-04-01", "2026-03-15", "2026-04-15"),
        ("quarter", "2026-01-31", "2026-04-30", "2026-04-30", "2026-07-31"),
        ("year", "2024-02-29", "2026-03-01", "2026-02-28", "2027-02-28"),
        ("week", "2026-04-01", "2026-04-09", "2026-04-08", "2026-04-15"),
    ],
)
def test_cycles_are_counted_from_the_anchor(interval: Interval, anchor: str, now: str, start: str, end: str) -> None:
    assert Terms(at(now), at(anchor)).cycle(base(1, interval)) == Cycle(at(start), at(end))


def test_a_trial_ends_its_cycle() -> None:
    trial = Terms(at("2026-04-03"), at("2026-04-15"), at("2026-04-01"), at("2026-04-15"))
    assert trial.cycle(base(1)) == Cycle(at("2026-04-01"), at("2026-04-15"))
    assert trial.is_trialing
    assert trial.cycle(base(1), at("2026-04-15")) == Cycle(at("2026-04-15"), at("2026-05-15"))


instants = st.integers(at("2000-01-01"), at("2060-01-01"))


@given(st.sampled_from(("day", "week", "month", "quarter", "semi_annual", "year")), instants, instants)
@settings(max_examples=examples(400))
def test_cycles_hold_now_and_follow_each_other(interval: Interval, anchor: int, now: int) -> None:
    terms, price = Terms(now, anchor), base(1, interval)
    cycle = terms.cycle(price)
    assert cycle.start <= now < cycle.end
    assert terms.cycle(price, cycle.end).start == cycle.end
    assert terms.cycle(price, cycle.start - 1).end == cycle.start
    assert Terms(cycle.end, anchor).ended_cycle(price) == cycle
    assert 0 < cycle.left(now) <= 1


def test_what_is_left_of_a_cycle() -> None:
    cycle = Cycle(0, 30 * DAY)
    assert [cycle.left(day * DAY) for day in (-1, 0, 15, 30, 31)] == [1, 1, 0.5, 0, 0]
    assert Cycle(5, 5).left(5) == 0
