"""Events counted and summed up by bin, name and group: the cells that ``events.aggregate`` makes its answer of.

Counting a million events takes a second. So what was counted in a block of a timeline is remembered there
(:meth:`~autumn_mock.store.timeline.Block.digest`): the same question asked again looks at a few cells for each block
instead of thousands of events, and only at the events that came since.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.event import Event
from autumn_mock.operations.events import Filter, property_reader
from autumn_mock.store.tallies import Tally, sum_exactly
from autumn_mock.store.timeline import LAST_ID, Block

#: When the bin of an event begins, its name, and its group (None: it belongs to none, or nothing is grouped).
Cell = tuple[int, str, "str | None"]
Cells = dict[Cell, Tally]


class Grid(Struct, frozen=True):
    """Where bins begin. ``bins`` are those that a question reaches, in order: no event lies before the first. Which bin
    an event is in depends on ``size`` and ``zone`` alone."""

    size: str
    zone: str
    bins: list[int]

    def bin_of(self, instant: float) -> int:
        """When the bin begins that holds an instant."""
        return self.bins[bisect_right(self.bins, instant) - 1]


def add(cells: Cells, cell: Cell, count: int, value: Decimal) -> None:
    """Count something in a cell."""
    tally = cells.get(cell)
    if tally is None:
        cells[cell] = Tally(count, value)
    else:
        tally.add(count, value)


def count_blocks(
    blocks: Iterable[Block], wanted: Filter, group_by: str | None, grid: Grid, start: int, end: int
) -> Cells:
    """The cells of all wanted events with ``start <= timestamp <= end``. The groups of ``$customer_id`` are internal
    ids."""
    names = wanted.names
    of_any_name = Filter(entity_id=wanted.entity_id, properties=wanted.properties)
    key = (wanted.entity_id, tuple(sorted((wanted.properties or {}).items())), group_by, grid.size, grid.zone)
    total: Cells = {}
    for block in blocks:
        if start <= block.first and block.last <= end:
            cells = block.digest(key, lambda events: count_events(events, grid, of_any_name, group_by))
        else:
            cells = count_events(block.between(start, (end, LAST_ID)), grid, of_any_name, group_by)
        for cell, tally in cells.items():
            if not names or cell[1] in names:
                add(total, cell, tally.count, tally.sum)
    return total


def count_events(events: Sequence[Event], grid: Grid, wanted: Filter, group_by: str | None) -> Cells:
    """The cells of the wanted ones of some events, which are in order of time."""
    cells: Cells = {}
    group_of = grouping(group_by)
    for period, stretch in _stretches(events, grid.bins):
        found: dict[tuple[str, str | None], list[Decimal]] = {}
        for event in wanted.select(stretch):
            key = (event.name, None if group_of is None else group_of(event))
            values = found.get(key)
            if values is None:
                found[key] = [event.value]
            else:
                values.append(event.value)
        for (name, group), values in found.items():
            cells[period, name, group] = Tally(len(values), sum_exactly(values))
    return cells


def _stretches(events: Sequence[Event], bins: list[int]) -> Iterator[tuple[int, Sequence[Event]]]:
    """The events of each bin that has some."""
    low = 0
    while low < len(events):
        place = bisect_right(bins, events[low].timestamp)
        high = len(events)
        if place < len(bins):
            high = bisect_left(events, bins[place], low, key=lambda event: event.timestamp)
        yield bins[place - 1], events[low:high]
        low = high


def grouping(group_by: str | None) -> Callable[[Event], str | None] | None:
    """Tells the group of an event, as ``list`` is grouped; ``$feature_id`` is a matter of the deductions alone."""
    if group_by is None or group_by == "$feature_id":
        return None
    if group_by == "$customer_id":
        return lambda event: event.customer
    if group_by == "$entity_id":
        return lambda event: event.entity_id
    if group_by == "$plan_id":
        return plan_of
    return property_reader(group_by.removeprefix("properties."))


def plan_of(event: Event) -> str:
    """The plan whose rows moved most; empty when it was none's."""
    moved: dict[str, Decimal] = {}
    for each in event.deductions:
        if each.plan_id is not None:
            moved[each.plan_id] = moved.get(each.plan_id, ZERO) + abs(each.value)
    return max(moved, key=moved.__getitem__, default="")


def renamed(cells: Cells, name_of: Callable[[str], str]) -> Cells:
    """The cells with other names for groups; those that have one name then are one."""
    result: Cells = {}
    for (period, name, group), tally in cells.items():
        add(result, (period, name, None if group is None else name_of(group)), tally.count, tally.sum)
    return result
