"""A new period: what is renewed, what rolls over, and when the next one begins."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.domain.plan import Interval, Reset, RolloverConfig
from autumn_mock.domain.record import MAX_SAFE_INTEGER
from autumn_mock.ids import new_id
from autumn_mock.ledger.intervals import (
    DAY,
    HOUR,
    MINUTE,
    WEEK,
    add_interval,
    add_months,
    first_reset,
    next_boundary,
    period_end,
    to_datetime,
    to_instant,
    window_start,
)
from autumn_mock.ledger.resets import cut_rollovers, maximum, refresh
from autumn_mock.ledger.views import balance_view
from tests.ledger.builders import (
    NOW,
    Case,
    account,
    amounts,
    balance,
    cases,
    copy,
    entity,
    left_in,
    rollover,
    take,
)
from tests.support.effort import examples

law = settings(deadline=None, max_examples=examples(100))

INTERVALS: list[Interval] = ["minute", "hour", "day", "week", "month", "quarter", "semi_annual", "year"]
intervals = st.sampled_from(INTERVALS)
counts = st.integers(1, 13)
#: 1990 to 2090.
instants = st.integers(631_152_000_000, 3_786_912_000_000)


def at(year: int, month: int, day: int, hour: int = 9) -> int:
    return to_instant(datetime(year, month, day, hour, 30, tzinfo=timezone.utc))


# -- intervals


@pytest.mark.parametrize(
    ("old", "interval", "now", "boundary"),
    [
        (at(2026, 1, 31), "month", at(2026, 2, 1), at(2026, 2, 28)),
        (at(2026, 1, 31), "month", at(2026, 11, 1), at(2026, 11, 28)),
        (at(2025, 11, 30), "quarter", at(2025, 12, 1), at(2026, 2, 28)),
        (at(2025, 11, 30), "quarter", at(2026, 9, 1), at(2026, 11, 28)),
        (at(2024, 2, 29), "year", at(2026, 3, 1), at(2027, 2, 28)),
        (at(2025, 8, 31), "semi_annual", at(2026, 9, 1), at(2027, 2, 28)),
        (at(2024, 1, 31), "month", at(2024, 2, 1), at(2024, 2, 29)),
        (at(2026, 3, 1), "week", at(2026, 3, 9), at(2026, 3, 15)),
    ],
)
def test_boundaries_step_from_the_old_one_and_clamp_to_the_months_end(
    old: int, interval: Interval, now: int, boundary: int
) -> None:
    assert next_boundary(Reset(interval=interval), old, now) == boundary


@law
@given(instants, intervals, counts)
def test_a_period_is_longer_than_nothing(instant: int, interval: Interval, count: int) -> None:
    assert add_interval(instant, interval, count) > instant


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("count", [1, 7, MAX_SAFE_INTEGER])
@pytest.mark.parametrize("instant", [-MAX_SAFE_INTEGER, -1, NOW, MAX_SAFE_INTEGER])
def test_any_interval_at_any_time_ends_within_the_calendar(interval: Interval, count: int, instant: int) -> None:
    """However long ago a period ended, the next boundary is calculated in a few milliseconds."""
    end = to_instant(datetime(9999, 12, 31, tzinfo=timezone.utc))
    started = time.process_time()
    for _ in range(10):
        found = next_boundary(Reset(interval=interval, interval_count=count), instant, NOW)
    assert time.process_time() - started < 5
    assert found > NOW
    assert found <= max(end, instant)
    assert -MAX_SAFE_INTEGER <= add_interval(instant, interval, -count) <= end
    assert -MAX_SAFE_INTEGER <= add_interval(instant, interval, count) <= end


@law
@given(instants, instants, intervals, counts)
def test_a_boundary_is_that_of_single_steps(anchor: int, now: int, interval: Interval, count: int) -> None:
    reset = Reset(interval=interval, interval_count=count)
    boundary, now = anchor, min(now, anchor + 50 * 366 * DAY)
    if interval in ("minute", "hour"):
        now = min(now, anchor + 30 * DAY)
    while boundary <= now:
        boundary = add_interval(boundary, interval, count)
    assert next_boundary(reset, anchor, now) == boundary


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16, 48])
@pytest.mark.parametrize("interval", ["month", "quarter", "semi_annual", "year"])
@pytest.mark.parametrize(
    "day", [(2024, 2, 29), (2026, 1, 31), (2026, 3, 31), (2026, 4, 30), (2027, 1, 29), (2096, 2, 29)]
)
def test_boundaries_at_the_ends_of_months_are_those_of_single_steps(
    day: tuple[int, int, int], interval: Interval, count: int
) -> None:
    """A day that a shorter month has clamped stays clamped, however many periods are passed at once."""
    reset = Reset(interval=interval, interval_count=count)
    first = boundary = to_instant(datetime(*day, 12, tzinfo=timezone.utc))
    while boundary < first + 250 * 365 * DAY:
        following = add_interval(boundary, interval, count)
        assert next_boundary(reset, first, boundary) == following
        assert next_boundary(reset, first, following - 1) == following
        boundary = following


@law
@given(instants, instants, intervals, counts)
def test_adding_a_period_keeps_order(first: int, second: int, interval: Interval, count: int) -> None:
    low, high = sorted((first, second))
    if to_datetime(low).time() == to_datetime(high).time() or interval in ("minute", "hour", "day", "week"):
        assert add_interval(low, interval, count) <= add_interval(high, interval, count)
    else:  # the last days of a month fall together, so that only their times of day differ
        assert add_interval(low, interval, count) - DAY < add_interval(high, interval, count)


@law
@given(instants, st.integers(0, 40), st.integers(0, 40))
def test_months_add_up_but_for_clamping(instant: int, first: int, second: int) -> None:
    stepped, direct = add_months(add_months(instant, first), second), add_months(instant, first + second)
    assert stepped <= direct
    assert direct - stepped <= 3 * DAY
    assert to_datetime(stepped).time() == to_datetime(instant).time()


@law
@given(instants, instants, intervals, counts)
def test_the_first_boundary_after_now(boundary: int, now: int, interval: Interval, count: int) -> None:
    reset = Reset(interval=interval, interval_count=count)
    found = next_boundary(reset, boundary, now)
    assert found > now
    if boundary > now:
        assert found == boundary
    else:
        longest = {"minute": MINUTE, "hour": HOUR, "day": DAY, "week": WEEK}.get(interval, 366 * DAY) * count
        assert found - now <= longest


@law
@given(instants, instants, intervals, counts)
def test_the_first_reset_ends_the_period_of_the_anchor_that_holds_now(
    anchor: int, now: int, interval: Interval, count: int
) -> None:
    found = first_reset(Reset(interval=interval, interval_count=count), anchor, now)
    assert found is not None
    assert found > now
    longest = {"minute": MINUTE, "hour": HOUR, "day": DAY, "week": WEEK}.get(interval, 366 * DAY) * count
    assert found - now <= longest
    assert to_datetime(found).time() == to_datetime(anchor).time() or interval in ("minute", "hour")


@pytest.mark.parametrize(
    ("anchor", "now", "expected"),
    [
        ((2027, 1, 31), (2027, 2, 10), (2027, 2, 28)),
        ((2027, 1, 31), (2027, 2, 28), (2027, 3, 31)),
        ((2027, 1, 31), (2027, 3, 30), (2027, 3, 31)),
        ((2027, 1, 25), (2027, 1, 15), (2027, 1, 25)),
        ((2027, 3, 25), (2027, 1, 15), (2027, 1, 25)),
    ],
)
def test_months_are_counted_from_the_anchor(
    anchor: tuple[int, int, int], now: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    """Not from boundary to boundary: a short month does not shorten those after it. The anchor may be in the future."""
    instants_ = [to_instant(datetime(*each, tzinfo=timezone.utc)) for each in (anchor, now, expected)]
    assert period_end("month", 1, instants_[0], instants_[1]) == instants_[2]


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("boundary", [0, -(10**15), -(10**18)])
def test_a_boundary_may_lie_before_all_calendars(interval: Interval, boundary: int) -> None:
    """An edit can set any past instant; the row is renewed all the same."""
    assert next_boundary(Reset(interval=interval), boundary, NOW) > NOW


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_boundary_may_lie_beyond_all_calendars(interval: Interval) -> None:
    assert next_boundary(Reset(interval=interval), 10**18, NOW) == 10**18
    assert next_boundary(Reset(interval=interval, interval_count=10**9), NOW, NOW) > NOW


def test_what_is_never_reset_has_no_first_reset() -> None:
    assert first_reset(None, NOW, NOW) is None
    assert first_reset(Reset(interval="one_off"), NOW, NOW) is None


@law
@given(st.sampled_from(["day", "week", "month", "year"]), instants, st.none() | instants)
def test_a_window_holds_the_present(interval: str, now: int, anchor: int | None) -> None:
    started_at = window_start(interval, now, anchor)
    longest = {"day": DAY, "week": WEEK, "month": 32 * DAY, "year": 367 * DAY}[interval]
    assert started_at <= now < started_at + longest
    assert window_start(interval, started_at, anchor) == started_at


def test_windows_without_an_anchor_follow_the_utc_calendar() -> None:
    now = at(2026, 10, 15)
    midnight = datetime(2026, 10, 15, tzinfo=timezone.utc)
    assert window_start("day", now, None) == to_instant(midnight)
    assert window_start("week", now, None) == to_instant(midnight.replace(day=12))
    assert window_start("month", now, None) == to_instant(midnight.replace(day=1))
    assert window_start("year", now, None) == to_instant(midnight.replace(month=1, day=1))


# -- resets


@law
@given(cases(), st.integers(0, 90), st.booleans())
def test_a_second_refresh_at_one_instant_does_nothing(case: Case, days: int, keep_debt: bool) -> None:
    later = copy(case.account, now=NOW + days * DAY)
    later.config = OrganisationConfig(persist_free_overage=keep_debt)
    refresh(later, new_id)
    again = copy(later)
    refresh(again, new_id)
    assert not again.changed
    assert again.rows == later.rows


@law
@given(cases(), st.integers(0, 90))
def test_after_a_refresh_every_reset_is_ahead(case: Case, days: int) -> None:
    later = copy(case.account, now=NOW + days * DAY)
    refresh(later, new_id)
    for row in later.rows.values():
        old = case.account.rows[row.id]
        if old.next_reset_at is not None and old.next_reset_at < later.now:
            assert row.next_reset_at is not None
            assert row.next_reset_at > later.now
            assert not row.adjustment
            assert row.is_per_entity or row.balance == row.grant
            assert all(share.balance == row.grant for share in row.shares.values())
        else:
            assert (row.next_reset_at, row.balance, row.shares) == (old.next_reset_at, old.balance, old.shares)


@law
@given(st.lists(amounts, min_size=1, max_size=6), amounts, st.none() | amounts, st.none() | st.integers(1, 150))
def test_rollovers_never_hold_more_than_their_maximum(
    used: list[Decimal], grant: Decimal, most: Decimal | None, percentage: int | None
) -> None:
    """Period after period; and the cut falls on the soonest to expire."""
    config = RolloverConfig(
        max=most or None,
        max_percentage=Decimal(percentage) if percentage else None,
        expiry_duration_type="month",
        expiry_duration_length=3,
    )
    made = account(balance(grant, rollover=config))
    for value in used:
        take(made, value)
        later = copy(made, now=made.now + 31 * DAY)
        refresh(later, new_id)
        row = later.rows["row"]
        limit = maximum(row, config)
        kept = sum((each.balance for each in row.rollovers), ZERO)
        assert limit is None or kept <= limit
        expiries = [each.expires_at or 0 for each in row.rollovers]
        assert expiries == sorted(expiries)
        assert all(expiry > later.now for expiry in expiries)
        made = later


def test_a_reset_forgets_usage_debt_and_edits() -> None:
    made = account(balance(10, left=-5, adjustment=20, next_reset_at=NOW - 1))
    refresh(made, new_id)
    view = balance_view(made, made.features["messages"], None)
    assert view is not None
    assert [view.granted, view.remaining, view.usage] == [10, 10, 0]


def test_an_organisation_can_keep_debts() -> None:
    config = OrganisationConfig(persist_free_overage=True)
    made = account(balance(10, left=-4, next_reset_at=NOW - 1), config=config)
    refresh(made, new_id)
    assert left_in(made) == 6


def test_only_overdue_rows_are_renewed() -> None:
    rows = [balance(9, row_id=each, interval=each, left=1, next_reset_at=NOW + DAY) for each in INTERVALS]
    made = account(*rows, balance(7, row_id="once", interval="one_off", left=1))
    made.rows["day"] = replace(made.rows["day"], next_reset_at=NOW - 1)
    refresh(made, new_id)
    assert {row.id for row in made.rows.values() if row.balance != 1} == {"day"}


def test_a_row_is_not_yet_overdue_at_the_instant_of_its_reset() -> None:
    made = account(balance(9, left=1, next_reset_at=NOW))
    refresh(made, new_id)
    assert left_in(made) == 1


def test_a_drained_loose_row_comes_back_full_at_its_reset() -> None:
    made = account(balance(5, plan=None, interval="day", next_reset_at=NOW + HOUR))
    take(made, 5)
    assert balance_view(made, made.features["messages"], None) is None
    later = copy(made, now=NOW + DAY)
    refresh(later, new_id)
    assert left_in(later) == 5


def test_shares_are_renewed_together_an_overdrawn_one_too() -> None:
    made = account(
        balance(8, entity_feature_id="seats", shares={"e1": -3, "e2": 2}, next_reset_at=NOW - 1),
        entities=[entity("e1"), entity("e2")],
    )
    refresh(made, new_id)
    assert [left_in(made, share=name) for name in ("e1", "e2")] == [8, 8]


def test_a_rollover_expires_counted_from_the_old_reset_not_from_now() -> None:
    monthly = RolloverConfig(expiry_duration_type="month", expiry_duration_length=1)
    made = account(balance(100, rollover=monthly, next_reset_at=at(2027, 2, 1)))
    soon = copy(made, now=at(2027, 2, 2))
    refresh(soon, new_id)
    assert [each.expires_at for each in soon.rows["row"].rollovers] == [at(2027, 3, 1)]
    late = copy(made, now=at(2027, 5, 2))
    refresh(late, new_id)
    assert late.rows["row"].rollovers == ()


def test_many_missed_periods_make_one_rollover() -> None:
    made = account(balance(100, rollover=RolloverConfig(expiry_duration_type="forever"), next_reset_at=NOW + DAY))
    later = copy(made, now=NOW + 300 * DAY)
    refresh(later, new_id)
    assert [each.balance for each in later.rows["row"].rollovers] == [100]


def test_nothing_left_makes_no_rollover() -> None:
    for left in (0, -3):
        made = account(
            balance(9, left=left, rollover=RolloverConfig(expiry_duration_type="forever"), next_reset_at=NOW - 1)
        )
        refresh(made, new_id)
        assert made.rows["row"].rollovers == ()


def test_a_cut_removes_empty_rollovers_in_front_and_no_cut_removes_none() -> None:
    empty, full = rollover(0, rollover_id="empty", used=5, expires_at=NOW), rollover(30, rollover_id="full")
    assert cut_rollovers((empty, full), Decimal(30)) == (empty, full)
    assert {each.id: each.balance for each in cut_rollovers((empty, full), Decimal(20))} == {"full": 20}


def test_a_percentage_is_rounded_down() -> None:
    config = RolloverConfig(max_percentage=Decimal(33))
    assert maximum(balance(10), config) == 3
