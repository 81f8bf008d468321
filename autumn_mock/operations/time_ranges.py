"""Ranges of time of ``events.list`` and ``events.aggregate``, and their bins (contract 9.5).

A named range ends now: ``7d`` started seven days ago. ``1bc`` and ``last_cycle`` have the length of the customer's
current billing cycle, ``3bc`` of three; without one, the length is a day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from autumn_mock.domain.customer import Customer
from autumn_mock.ledger.intervals import DAY, HOUR, add_interval, to_datetime, to_instant
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.requests.events import EventFilters, EventsAggregate

_DAYS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
_CYCLES = {"1bc": 1, "last_cycle": 1, "3bc": 3}


#: The longest range that is divided into bins, in ms.
_LONGEST = 200 * 366 * DAY


class TimeRange(Struct, frozen=True):
    """From ``start`` to ``end`` (ms), both included; None: unbounded."""

    start: float | None
    end: float | None


def time_range_of(
    call: Call,
    params: EventFilters | EventsAggregate,
    customer: Customer | None,
    names: Collection[str],
    *,
    default: str | None = None,
) -> TimeRange:
    """The range of ``custom_range`` or ``range``; without either that of ``default``, or an unbounded one."""
    custom = params.custom_range
    if custom is not None and (custom.start is not None or custom.end is not None):
        return TimeRange(custom.start, custom.end)
    name = params.range or default
    if name is None:
        return TimeRange(None, None)
    if name in _DAYS:
        length = _DAYS[name] * DAY
    else:
        length = _CYCLES[name] * (DAY if customer is None else _cycle(call, customer, names))
    return TimeRange(call.now - length, call.now)


def _cycle(call: Call, customer: Customer, names: Collection[str]) -> int:
    """The length (ms) of the customer's shortest current cycle: of balances of the features ``names`` if there are any,
    else of all balances; a day without a cycle."""
    lengths: dict[bool, list[int]] = {True: [], False: []}
    for row in call.environment.balances.of(customer.internal_id).values():
        if row.is_loose or row.next_reset_at is None or row.reset is None or row.reset.interval == "one_off":
            continue
        began = add_interval(row.next_reset_at, row.reset.interval, -row.reset.interval_count)
        lengths[row.feature_id in names].append(row.next_reset_at - began)
    return min(lengths[True] or lengths[False], default=DAY)


def zone_of(name: str | None) -> tzinfo:
    """The time zone of an IANA name, UTC for None. Raises :class:`ApiError` (400) for an unknown one."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ApiError(400, f"timezone: Invalid timezone: {name}", "invalid_inputs") from None


def bins(start: int, end: int, size: str, zone: tzinfo) -> list[int]:
    """The starts (ms) of the bins that cover a range; the first is at or before ``start``.

    Hours are UTC hours; days, weeks (from Monday) and months are local to the zone. Raises :class:`ApiError` (400) for
    a range that would take minutes.
    """
    if end - start > _LONGEST:
        raise ApiError(400, "custom_range: must not be longer than 200 years", "invalid_inputs")
    if size == "hour":
        return list(range(start - start % HOUR, end + 1, HOUR))
    periods: list[int] = []
    for day in _days(to_datetime(start).astimezone(zone).date(), size):
        period = to_instant(datetime(day.year, day.month, day.day, tzinfo=zone))
        if period > end:
            break
        if not periods or period > periods[-1]:  # a zone that moves across the date line skips a day
            periods.append(period)
    return periods


def _days(day: date, size: str) -> Iterator[date]:
    """The first days of bins, starting with the bin of ``day``."""
    if size == "month":
        day = day.replace(day=1)
        while True:
            yield day
            day = (day + timedelta(days=31)).replace(day=1)
    if size == "week":
        day -= timedelta(days=day.weekday())
    step = timedelta(days=7 if size == "week" else 1)
    while True:
        yield day
        day += step
