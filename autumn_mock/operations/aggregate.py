"""``events.aggregate``: events counted and summed up, bin by bin.

The hour is the grain: a span begins with the hour that holds its start. Events count under the very name they were
recorded with. What is asked about all events comes from the hourly tallies that the store keeps; what is asked about
some of them, or about groups, from the cells that :mod:`autumn_mock.operations.event_counts` counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from autumn_mock.domain.amount import ZERO
from autumn_mock.operations.call import Call
from autumn_mock.operations.deduction_totals import DeductedBin, deducted
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.event_counts import Cells, Grid, add, count_blocks, grouping, renamed
from autumn_mock.operations.events import Filter, as_list, filter_of, walk
from autumn_mock.operations.subjects import get_customer
from autumn_mock.operations.time_ranges import TimeRange, bins, time_range_of, zone_of
from autumn_mock.store.environment import Environment
from autumn_mock.store.tallies import HOUR, Tally, sum_exactly
from autumn_mock.store.timeline import LAST_ID
from autumn_mock.wire.requests.events import EventsAggregate

#: The group of all that is beyond ``max_groups``.
RESERVED = "AUTUMN_RESERVED"
_MAX_GROUPS = 9
_PATH = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*")


class Question(Struct, frozen=True):
    """What is asked about some events."""

    #: Empty: every name counts in the totals, and there are no values.
    names: list[str]
    grid: Grid
    group_by: str | None = None
    max_groups: int = _MAX_GROUPS
    #: Values are counts, not sums. (Totals always have both.)
    counts: bool = False


class Bin(Struct, frozen=True):
    """One stretch of time. ``groups``: name to group to value, with the same groups in every bin."""

    period: int
    values: dict[str, Decimal]
    groups: dict[str, dict[str, Decimal]] | None = None


class AggregateResult(Struct):
    """What was counted. ``totals`` names only what has events."""

    bins: list[Bin] = []
    totals: dict[str, Tally] = {}
    deductions: list[DeductedBin] | None = None


def aggregate(call: Call, params: EventsAggregate) -> AggregateResult:
    """The answer to the parsed parameters of ``events.aggregate``; 404 for an unknown customer."""
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
        events = walk(call.environment, wanted, TimeRange(start, end))
        result.deductions = deducted(call, events, question.grid.bins, names, group_by, question.max_groups)
    return result


def _count(call: Call, question: Question, wanted: Filter, start: int, end: int) -> Cells:
    """What there is between two instants, both included."""
    environment = call.environment
    is_about_all = wanted.owner is None and wanted.entity_id is None and not wanted.properties
    if is_about_all and grouping(question.group_by) is None:
        return _from_tallies(environment, question, start, end)
    with environment.lock:
        blocks = environment.events.timeline(wanted.owner).blocks(start, (end, LAST_ID))
    cells = count_blocks(blocks, wanted, question.group_by, question.grid, start, end)
    if question.group_by == "$customer_id":
        customers = environment.customers

        def id_of(owner: str) -> str:
            customer = customers.get(owner)
            return owner if customer is None or customer.id is None else customer.id

        return renamed(cells, id_of)
    return cells


def _from_tallies(environment: Environment, question: Question, start: int, end: int) -> Cells:
    grid = question.grid
    with environment.lock:
        timeline = environment.events.everything
        # Hours that a bin or the end cuts through are counted anew, unless nothing lies behind the cut.
        edges = grid.bins[1:] if (timeline.newest or 0) <= end else [*grid.bins[1:], end + 1]
        cut = {edge - edge % HOUR for edge in edges if edge % HOUR}
        hours = [
            (name, hour, count, value)
            for name in question.names or timeline.names
            for hour, count, value in timeline.hours(name, start, end + 1)
            if hour not in cut
        ]
        spans = [(hour, min(hour + HOUR - 1, end)) for hour in cut]
        pieces = [(timeline.blocks(first, (last, LAST_ID)), first, last) for first, last in spans]
    cells: Cells = {}
    for name, hour, count, value in hours:
        add(cells, (grid.bin_of(hour), name, None), count, value)
    for blocks, first, last in pieces:
        for cell, tally in count_blocks(
            blocks, Filter(names=frozenset(question.names)), None, grid, first, last
        ).items():
            add(cells, cell, tally.count, tally.sum)
    return cells


def answer(cells: Cells, question: Question) -> AggregateResult:
    """The answer that cells give, in groups if that is asked. What is in no group counts in the totals alone then."""
    totals: dict[str, Tally] = {}
    found: dict[tuple[int, str], dict[str | None, Tally]] = {}
    for (period, name, group), tally in cells.items():
        totals.setdefault(name, Tally()).add(tally.count, tally.sum)
        found.setdefault((period, name), {})[group] = tally
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
    """The largest groups of one bin, and the others as one."""
    values = sorted(
        ((group, _measured(tally, question)) for group, tally in groups.items() if group is not None),
        key=lambda each: (-each[1], each[0]),
    )
    largest = dict(values[: question.max_groups])
    others = values[question.max_groups :]
    if others:
        largest[RESERVED] = sum_exactly([largest.get(RESERVED, ZERO), *(value for _, value in others)])
    return largest


def _group_order(group: str) -> tuple[bool, str, str]:
    return (group == RESERVED, group.casefold(), group)


def _require_paths(params: EventsAggregate) -> None:
    """400 for what cannot be the path of a property."""
    paths = list(params.filter_by or {})
    group_by = params.group_by or ""
    if group_by.startswith("properties."):
        paths.append(group_by.removeprefix("properties."))
    if not all(map(_PATH.fullmatch, paths)):
        message = "Invalid property path. Should only contain alphanumeric and underscore characters."
        raise ApiError(400, message, "invalid_inputs")
