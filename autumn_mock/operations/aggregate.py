"""``events.aggregate``: counts and sums of events in bins of time (contract 9.5).

A range is extended to the start of its first hour. Events count under the name with which they were recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from heapq import nsmallest

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.ledger.intervals import HOUR
from autumn_mock.operations.call import Call
from autumn_mock.operations.deduction_totals import DeductedBin, deducted
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.event_counts import (
    Cells,
    Grid,
    Tally,
    count_runs,
    grouping,
    renamed,
    sum_exactly,
    sum_tallies,
)
from autumn_mock.operations.events import Filter, as_list, filter_of, walk
from autumn_mock.operations.subjects import get_customer
from autumn_mock.operations.time_ranges import TimeRange, bins, time_range_of, zone_of
from autumn_mock.wire.requests.events import EventsAggregate

#: The group of everything beyond ``max_groups``.
RESERVED = "AUTUMN_RESERVED"
_MAX_GROUPS = 9
_PATH = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*")


class Question(Struct, frozen=True):
    """What to count, and in which bins."""

    #: Empty: the totals have every name, and the bins have no values.
    names: list[str]
    grid: Grid
    group_by: str | None = None
    max_groups: int = _MAX_GROUPS
    #: Values are counts, not sums. (Totals always have both.)
    counts: bool = False


class Bin(Struct, frozen=True):
    """One bin. ``period``: its start (ms). ``groups``: name to group to value; all bins have the same groups."""

    period: int
    values: dict[str, Decimal]
    groups: dict[str, dict[str, Decimal]] | None = None


class AggregateResult(Struct):
    """The answer. ``totals`` has only names with events."""

    bins: list[Bin] = []
    totals: dict[str, Tally] = {}
    deductions: list[DeductedBin] | None = None


def aggregate(call: Call, params: EventsAggregate) -> AggregateResult:
    """Answer ``events.aggregate``.

    Raises :class:`ApiError`: 404 for an unknown customer, 400 for an invalid time zone or property path.
    """
    customer_id, group_by = params.customer_id, params.group_by
    wants_deductions = params.aggregate_on == "deducted"
    if wants_deductions and customer_id is None:
        raise invalid_request("customer_id is required when aggregate_on is set")
    _require_paths(params)
    zone = zone_of(params.timezone)
    customer = get_customer(call.environment, customer_id) if customer_id is not None else None
    names = as_list(params.feature_id)
    asked = time_range_of(call, params, customer, names, default="1bc")
    start = max(int(asked.start or 0), 0)
    start -= start % HOUR
    end = min(int(asked.end or 0), call.now)
    size = params.bin_size
    question = Question(
        names,
        Grid(size, str(zone), bins(start, end, size, zone)),
        group_by,
        params.max_groups or _MAX_GROUPS,
        params.measure == "count",
    )
    wanted = filter_of(params, customer.internal_id if customer is not None else None)
    result = answer(_count(call, question, wanted, start, end), question) if question.grid.bins else AggregateResult()
    if wants_deductions and customer is not None:
        events = walk(call.environment, replace(wanted, names=frozenset()), TimeRange(start, end))
        result.deductions = deducted(call, events, question.grid.bins, names, group_by, question.max_groups)
    return result


def _count(call: Call, question: Question, wanted: Filter, start: int, end: int) -> Cells:
    """The cells of the wanted events between two instants (ms), both included."""
    environment = call.environment
    with environment.lock:
        runs = environment.events.timeline(wanted.owner).runs(start, end)
    cells = count_runs(runs, wanted, question.group_by, question.grid, start, end)
    if question.group_by == "$customer_id":
        customers = environment.customers

        def id_of(owner: str) -> str:
            customer = customers.get(owner)
            return owner if customer is None or customer.id is None else customer.id

        return renamed(cells, id_of)
    return cells


def answer(cells: Cells, question: Question) -> AggregateResult:
    """Make the answer of cells. With ``group_by``, events in no group count in the totals only."""
    totals: dict[str, Tally] = {}
    found: dict[tuple[int, str], dict[str | None, Tally]] = {}
    for (period, name, group), tally in cells.items():
        found.setdefault((period, name), {})[group] = tally
    for (_, name), groups in found.items():
        totals[name] = totals.get(name, Tally()).plus(sum_tallies(groups.values()))
    if grouping(question.group_by) is None:
        rows = [_bin(period, found, question) for period in question.grid.bins]
    else:
        rows = _grouped(found, question)
    return AggregateResult(rows, {name: totals[name] for name in question.names or sorted(totals) if name in totals})


def _bin(period: int, found: Mapping[tuple[int, str], Mapping[str | None, Tally]], question: Question) -> Bin:
    empty: Mapping[str | None, Tally] = {}
    values = {name: found.get((period, name), empty).get(None) for name in question.names}
    return Bin(period, {name: ZERO if tally is None else _measured(tally, question) for name, tally in values.items()})


def _grouped(found: Mapping[tuple[int, str], Mapping[str | None, Tally]], question: Question) -> list[Bin]:
    largest = {key: _largest(groups, question) for key, groups in found.items()}
    groups = sorted({group for each in largest.values() for group in each}, key=_group_order)
    rows: list[Bin] = []
    for period in question.grid.bins:
        of_names = {name: largest.get((period, name), {}) for name in question.names}
        rows.append(
            Bin(
                period,
                {name: sum_exactly(values.values()) for name, values in of_names.items()},
                {name: {group: values.get(group, ZERO) for group in groups} for name, values in of_names.items()},
            )
        )
    return rows


def _measured(tally: Tally, question: Question) -> Decimal:
    return Decimal(tally.count) if question.counts else tally.sum


def _largest(groups: Mapping[str | None, Tally], question: Question) -> dict[str, Decimal]:
    """The largest groups of one bin; the others are added up as one."""
    values = {group: _measured(tally, question) for group, tally in groups.items() if group is not None}
    if len(values) <= question.max_groups:
        return values
    largest = {
        group: values.pop(group)
        for group in nsmallest(question.max_groups, values, key=lambda group: (-values[group], group))
    }
    largest[RESERVED] = sum_exactly([largest.get(RESERVED, ZERO), *values.values()])
    return largest


def _group_order(group: str) -> tuple[bool, str, str]:
    return (group == RESERVED, group.casefold(), group)


def _require_paths(params: EventsAggregate) -> None:
    """Raise a 400 for an invalid property path."""
    paths = list(params.filter_by or {})
    group_by = params.group_by or ""
    if group_by.startswith("properties."):
        paths.append(group_by.removeprefix("properties."))
    if not all(map(_PATH.fullmatch, paths)):
        message = "Invalid property path. Should only contain alphanumeric and underscore characters."
        raise ApiError(400, message, "invalid_inputs")
