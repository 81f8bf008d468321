"""Calendar arithmetic in UTC: the boundaries of periods, in milliseconds since the epoch.

Months are calendar months with the day clamped to the month's end, step by step: 31 January, 28 February,
28 March. A quarter is three months, half a year six, a year twelve.
"""

from __future__ import annotations

import calendar
import math
from datetime import datetime, timedelta, timezone

from autumn_mock.domain.plan import Interval, Reset
from autumn_mock.domain.record import LATEST

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_FIXED = {"minute": MINUTE, "hour": HOUR, "day": DAY, "week": WEEK}
_MONTHS = {"month": 1, "quarter": 3, "semi_annual": 6, "year": 12}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
#: The first and the last instant a calendar can name; periods beyond the last never end.
_FIRST = (datetime(1, 1, 1, tzinfo=timezone.utc) - _EPOCH) // _MILLISECOND
_LAST = LATEST


def to_datetime(instant: int) -> datetime:
    """An instant as a UTC date and time, within the calendar."""
    return _EPOCH + timedelta(milliseconds=min(max(instant, _FIRST), _LAST))


def to_instant(moment: datetime) -> int:
    """The instant of a date and time with a zone."""
    return (moment - _EPOCH) // _MILLISECOND


def add_months(instant: int, months: int) -> int:
    """``months`` calendar months later (or earlier), the day clamped to the month's end; at most the calendar's end."""
    moment = to_datetime(instant)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return _LAST if year > 9999 else _FIRST
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return to_instant(moment.replace(year=year, month=month + 1, day=day))


def add_interval(instant: int, interval: Interval, count: int = 1) -> int:
    """One period later; ``one_off`` has none and is an error."""
    fixed = _FIXED.get(interval)
    if fixed is not None:
        return max(min(instant + fixed * count, _LAST), _FIRST)
    return add_months(instant, _MONTHS[interval] * count)


def first_reset(reset: Reset | None, anchor: int, now: int) -> int | None:
    """The end of the period that is under way; None for what is never reset."""
    if reset is None or reset.interval == "one_off":
        return None
    return period_end(reset.interval, reset.interval_count, anchor, now)


def period_end(interval: Interval, count: int, anchor: int, now: int) -> int:
    """The first boundary after ``now`` of the periods counted from ``anchor``, which may be in the future.

    Example: monthly from 31 January: 28 February, 31 March. From a future anchor: the anchor ends the period under way.
    """
    fixed = _FIXED.get(interval)
    if fixed is not None:
        step = fixed * count
        return min(now + step - (now - anchor) % step, _LAST)
    step = _MONTHS[interval] * count
    steps = _months_between(anchor, now) // step
    while add_months(anchor, steps * step) <= now < _LAST:
        steps += 1
    return add_months(anchor, steps * step)


def period_start(interval: Interval, count: int, anchor: int, end: int) -> int:
    """When the period began that ends at ``end``, one of the boundaries that are counted from ``anchor``.

    Example: monthly from 31 January: the period that ends on 31 March began on 28 February.
    """
    fixed = _FIXED.get(interval)
    if fixed is not None:
        return max(end - fixed * count, _FIRST)
    return add_months(anchor, _months_between(anchor, end) - _MONTHS[interval] * count)


def periods_between(interval: Interval, count: int, start: int, end: int) -> int:
    """How many whole periods lie between two boundaries of them."""
    fixed = _FIXED.get(interval)
    if fixed is not None:
        return (end - start) // (fixed * count)
    return _months_between(start, end) // (_MONTHS[interval] * count)


def next_boundary(reset: Reset, boundary: int, now: int) -> int:
    """The first boundary after ``now``, stepping whole periods from ``boundary``."""
    fixed = _FIXED.get(reset.interval)
    if fixed is not None:
        step = fixed * reset.interval_count
        return boundary if boundary > now else min(boundary + ((now - boundary) // step + 1) * step, _LAST)
    step = _MONTHS[reset.interval] * reset.interval_count
    while boundary <= now < _LAST:
        steps = max(_months_between(boundary, now) // step, 1)
        boundary = add_months(boundary, step * min(steps, _steps_until_clamped(boundary, step) or steps))
    return boundary


def _steps_until_clamped(boundary: int, step: int) -> int | None:
    """After how many steps a month is shorter than the day of ``boundary``; None: never.

    The months of a year repeat after at most twelve steps. February's 29 may take a hundred of these cycles: the
    calendar repeats after 400 years, and only years that are all divisible by four need more than three.
    """
    moment = to_datetime(boundary)
    if moment.day <= 28:
        return None
    cycle = 12 // math.gcd(step, 12)
    month = moment.year * 12 + moment.month - 1
    for steps in range(1, cycle * (100 if moment.day == 29 else 1) + 1):
        year, index = divmod(month + steps * step, 12)
        if moment.day > calendar.monthrange(year % 400 + 2000, index + 1)[1]:
            return steps
    return None


def _months_between(start: int, end: int) -> int:
    first, last = to_datetime(start), to_datetime(end)
    return (last.year - first.year) * 12 + last.month - first.month


def window_start(interval: str, now: int, anchor: int | None) -> int:
    """When the day, week, month or year began that holds ``now``.

    With an ``anchor`` (some reset of a row) windows begin at its time of day, weekday or day of month; without,
    at midnight UTC, weeks on Monday.
    """
    if interval in ("day", "week"):
        step = DAY if interval == "day" else WEEK
        origin = anchor if anchor is not None else 4 * DAY  # 5 January 1970, a Monday
        return now - (now - origin) % step
    months = _MONTHS[interval]
    if anchor is None:
        moment = to_datetime(now)
        month = moment.month if interval == "month" else 1
        return to_instant(datetime(moment.year, month, 1, tzinfo=timezone.utc))
    steps = _months_between(anchor, now) // months + 1
    while add_months(anchor, steps * months) > now:
        steps -= 1
    return add_months(anchor, steps * months)
