"""How many there were, and how much that was: exact sums, and a timeline that has them for every hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Context, Decimal, localcontext

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.event import Event
from autumn_mock.store.timeline import Timeline

HOUR = 3_600_000

#: Wide enough to add up any doubles without losing a digit, so that sums do not depend on the order.
_EXACT = Context(prec=700)
add_exactly = _EXACT.add


def sum_exactly(values: Iterable[Decimal]) -> Decimal:
    """The sum, to the last digit."""
    with localcontext(_EXACT):
        return sum(values, ZERO)


class Tally:
    """How many there were, and how much that was."""

    __slots__ = ("count", "sum")

    def __init__(self, count: int = 0, sum: Decimal = ZERO) -> None:
        self.count = count
        self.sum = sum

    def __repr__(self) -> str:
        return f"Tally({self.count}, {self.sum})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and (self.count, self.sum) == (other.count, other.sum)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def add(self, count: int, value: Decimal) -> None:
        self.count += count
        self.sum = add_exactly(self.sum, value)


class TalliedTimeline(Timeline):
    """A timeline that knows how often and how much of each name there was in every hour.

    It is worth it for the events of all customers. Those of one are few in an hour, and quickly counted.
    """

    __slots__ = ("_hours",)

    def __init__(self, most: int | None = None) -> None:
        super().__init__(most)
        #: Name to hour (when it began) to tally.
        self._hours: dict[str, dict[int, Tally]] = {}

    def _put_in(self, events: list[Event]) -> None:
        super()._put_in(events)
        self._count(events, is_added=True)

    def _take_out(self, events: list[Event]) -> None:
        super()._take_out(events)
        self._count(events, is_added=False)

    def _count(self, events: list[Event], *, is_added: bool) -> None:
        """Add events, or subtract them. Raises :class:`ArithmeticError` for a value that is no amount."""
        found: dict[tuple[str, int], list[Decimal]] = {}
        for event in events:
            key = (event.name, event.timestamp // HOUR)
            values = found.get(key)
            if values is None:
                found[key] = [event.value]
            else:
                values.append(event.value)
        for (name, number), values in found.items():
            hours = self._hours.setdefault(name, {})
            tally = hours.setdefault(number * HOUR, Tally())
            count, value = len(values), sum_exactly(values)
            if is_added:
                tally.add(count, value)
            else:
                tally.add(-count, value.copy_negate())
            if not tally.count:
                del hours[number * HOUR]
                if not hours:
                    del self._hours[name]

    @property
    def newest(self) -> int | None:
        """When the newest event was; None when there is none."""
        blocks = self.blocks()
        return blocks[-1].last if blocks else None

    @property
    def names(self) -> Iterable[str]:
        """The names that have events."""
        self.work_in()
        return self._hours.keys()

    def hours(self, name: str, start: int, end: int) -> Iterator[tuple[int, int, Decimal]]:
        """(hour, count, sum) of a name, for the hours that begin in ``start <= hour < end``, in no order."""
        self.work_in()
        hours = self._hours.get(name, {})
        if (end - start) // HOUR < len(hours):
            for hour in range(start + -start % HOUR, end, HOUR):
                tally = hours.get(hour)
                if tally is not None:
                    yield hour, tally.count, tally.sum
            return
        for hour, tally in hours.items():
            if start <= hour < end:
                yield hour, tally.count, tally.sum
