"""Loops over time end after few steps, whatever instants and intervals a request or a file holds.

Every ``while`` of the arithmetic is listed with its bound; the loops over periods are tried with the largest values.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autumn_mock
from autumn_mock.domain.plan import Interval, Reset
from autumn_mock.domain.record import LATEST, MAX_SAFE_INTEGER
from autumn_mock.ledger import intervals
from autumn_mock.operations.time_ranges import _LONGEST

PACKAGE = Path(autumn_mock.__file__).parent
#: Every function with a ``while`` in the packages that compute with time, and why it ends.
LOOPS = {
    "ledger/intervals.py period_end": "at most two steps: it begins beside the boundary",
    "ledger/intervals.py next_boundary": "all steps to a clamped day, or to now, at once; at most three are clamped",
    "ledger/intervals.py window_start": "at most two steps: it begins beside the window",
    "operations/event_counts.py _by_bin": "each step passes an event",
    "operations/retention.py drop_oldest_events": "each step deletes an event",
    "operations/time_ranges.py _days": "the caller ends it; ranges have 200 years at most",
}
#: 31 March 2026 and 29 February 2024: quarters that never pass February, and the day of leap years.
QUARTER_END = 1_774_915_200_000
LEAP_DAY = 1_709_164_800_000
#: Steps of one loop.
MOST_STEPS = 6

INSTANTS = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.sampled_from(
    [-MAX_SAFE_INTEGER, 0, LATEST, MAX_SAFE_INTEGER]
)
NOW = st.integers(0, LATEST) | st.sampled_from([0, 1, LATEST])
COUNTS = st.integers(1, 24) | st.sampled_from([1, 10**9, MAX_SAFE_INTEGER])
PERIODS = [each for each in get_args(Interval) if each != "one_off"]


def loops(node: ast.AST, place: str = "") -> Iterator[str]:
    """The functions in which there is a ``while``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield from loops(child, f"{place}.{child.name}".lstrip("."))
            continue
        if isinstance(child, ast.While):
            yield place
        yield from loops(child, place)


def test_every_loop_without_a_fixed_end_is_listed() -> None:
    found = {
        f"{path.relative_to(PACKAGE).as_posix()} {place}"
        for package in ("domain", "ledger", "payments", "operations")
        for path in sorted((PACKAGE / package).rglob("*.py"))
        for place in loops(ast.parse(path.read_text("utf-8")))
    }
    assert found == set(LOOPS)


@pytest.fixture(scope="module")
def steps() -> Iterator[list[int]]:
    """Counts the months that the calendar computes."""
    counted = [0]
    real = intervals.add_months

    def add_months(*args: Any) -> int:
        counted[0] += 1
        assert counted[0] <= MOST_STEPS, args
        return real(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "add_months", add_months)
        yield counted


def within_bounds(steps: list[int], compute: Callable[[], object]) -> None:
    steps[0] = 0
    compute()


@given(st.sampled_from(PERIODS), COUNTS, INSTANTS, NOW)
@example("month", 1, -MAX_SAFE_INTEGER, LATEST)
@example("month", MAX_SAFE_INTEGER, MAX_SAFE_INTEGER, 0)
def test_period_end_takes_few_steps(steps: list[int], interval: Interval, count: int, anchor: int, now: int) -> None:
    within_bounds(steps, lambda: intervals.period_end(interval, count, anchor, now))


@given(st.sampled_from(PERIODS), COUNTS, INSTANTS, NOW)
@example("month", 1, -MAX_SAFE_INTEGER, LATEST)
@example("quarter", 1, QUARTER_END, LATEST)
@example("month", 48, LEAP_DAY, LATEST)
def test_next_boundary_takes_few_steps(steps: list[int], interval: Interval, count: int, start: int, now: int) -> None:
    reset = Reset(interval=interval, interval_count=count)
    within_bounds(steps, lambda: intervals.next_boundary(reset, start, now))


@given(st.sampled_from(["day", "week", "month", "year"]), NOW, INSTANTS | st.none())
@example("month", 0, MAX_SAFE_INTEGER)
def test_window_start_takes_few_steps(steps: list[int], interval: str, now: int, anchor: int | None) -> None:
    within_bounds(steps, lambda: intervals.window_start(interval, now, anchor))


def test_bins_have_a_longest_range() -> None:
    assert _LONGEST <= 201 * 366 * 86_400_000
