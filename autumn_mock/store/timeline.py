"""Events in order of time.

Whoever writes does not wait for the order: an event that is put is only noted, and so is one that is taken out. What
was noted is worked in when somebody looks, or when it has become much, all of it at once.

The order is kept in blocks of a few thousand: most events are the newest when they come and go to the last block, a
late one moves no more than one block's worth of others. A block never changes; another one takes its place. So blocks
may be looked at without the lock, and what was made of the events of one can be remembered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Sequence, Sized
from operator import attrgetter
from typing import Any, TypeVar

from autumn_mock.domain.event import Event

#: (timestamp, id): the order of events. No two have the same one.
Moment = tuple[float, str]
#: Comes after every id.
LAST_ID = "\U0010ffff"
#: The most events in one block.
_BLOCK = 4096
#: How many events of one customer are noted before they are worked in. There are many customers, and the garbage
#: collector walks over what they have noted, but not over blocks.
_NOTED = 512
#: So many times more events have to lie between the first and the last of a few for these to be placed one by one.
_FEW = 16
#: How many different digests a block remembers, and how many events one thing in them has to stand for on average.
_DIGESTS, _WORTH = 16, 8

D = TypeVar("D", bound=Sized)

#: Where an event stands in the order.
moment_of: Callable[[Event], Moment] = attrgetter("timestamp", "id")
_timestamp = attrgetter("timestamp")
_id = attrgetter("id")


class Block:
    """Some events in order, one at least. Neither they nor what is made of them ever changes."""

    __slots__ = ("_digests", "events")

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = tuple(events)
        self._digests: dict[Hashable, Any] = {}

    @property
    def first(self) -> int:
        """When the first event was."""
        return self.events[0].timestamp

    @property
    def last(self) -> int:
        """When the last event was."""
        return self.events[-1].timestamp

    def between(self, since: float | None, than: Moment | None) -> tuple[Event, ...]:
        """Those not before ``since`` and before ``than``, oldest first."""
        low = 0 if since is None else bisect_left(self.events, since, key=_timestamp)
        high = len(self.events) if than is None else bisect_left(self.events, than, key=moment_of)
        return self.events[low:high]

    def digest(self, key: Hashable, make: Callable[[Sequence[Event]], D]) -> D:
        """What ``make`` makes of all the events, which has to be told by ``key`` alone. Remembered when it is a good
        deal smaller than the block, for some questions that were asked last."""
        digests = self._digests
        found: D | None = digests.get(key)
        if found is None:
            found = make(self.events)
            if len(found) * _WORTH <= len(self.events):
                if len(digests) >= _DIGESTS:
                    digests = self._digests = {}
                digests[key] = found
        return found


def _first_moment(block: Block) -> Moment:
    return moment_of(block.events[0])


def _last_moment(block: Block) -> Moment:
    return moment_of(block.events[-1])


class Timeline:
    """Some events in order. Whoever uses it holds the environment's lock; the blocks that it hands out need none."""

    __slots__ = ("_blocks", "_fresh", "_most", "_stale")

    def __init__(self, most: int | None = None) -> None:
        """``most``: how many events are noted before they are worked in."""
        self._most = most or _NOTED
        #: None of them empty.
        self._blocks: list[Block] = []
        #: To be worked in, in no order: events that are in no block yet, and those that are in one still. An event may
        #: be in both; it is taken out first.
        self._fresh: list[Event] = []
        self._stale: list[Event] = []

    # -- changing

    def add(self, event: Event) -> None:
        """Take an event in, wherever it belongs."""
        fresh = self._fresh
        fresh.append(event)
        if len(fresh) >= self._most:
            self.work_in()

    def add_all(self, events: Iterable[Event]) -> None:
        """Take events in, in whatever order they are."""
        self._fresh += events
        if len(self._fresh) >= self._most:
            self.work_in()

    def remove(self, event: Event) -> None:
        """Take an event out again."""
        fresh = self._fresh
        if fresh and fresh[-1] is event:  # a transaction that fails takes back the last one first
            fresh.pop()
        else:
            self.remove_all((event,))

    def remove_all(self, events: Sequence[Event]) -> None:
        """Take events out again, in whatever order they are."""
        if self._fresh:
            self.work_in()
        self._stale += events
        if len(self._stale) >= self._most:
            self.work_in()

    def work_in(self) -> None:
        """Put what was noted where it belongs."""
        if self._stale:
            stale = _in_order(self._stale)
            self._stale = []
            self._take_out(stale)
        if self._fresh:
            fresh = _in_order(self._fresh)
            self._fresh = []
            self._put_in(fresh)

    def _put_in(self, events: list[Event]) -> None:
        blocks = self._blocks
        start = 0
        while start < len(events):
            place = self._block_of(moment_of(events[start]))
            if place >= len(blocks) - 1:  # what is newer than all others belongs to the last one
                last = blocks.pop().events if blocks else ()
                blocks += _cut(_with(last, events[start:]), _BLOCK)
                return
            stop = bisect_right(events, _last_moment(blocks[place]), start, key=moment_of)
            grown = _with(blocks[place].events, events[start:stop])
            # Halves, when one is too much: both have room for a few more.
            blocks[place : place + 1] = _cut(grown, -(-len(grown) // -(-len(grown) // _BLOCK)))
            start = stop

    def _take_out(self, events: list[Event]) -> None:
        blocks = self._blocks
        start = 0
        while start < len(events):
            place = self._block_of(moment_of(events[start]))
            stop = bisect_right(events, _last_moment(blocks[place]), start, key=moment_of)
            rest = _without(blocks[place].events, events[start:stop])
            blocks[place : place + 1] = [Block(rest)] if rest else []
            start = stop

    # -- looking

    def _block_of(self, moment: Moment) -> int:
        """The first block that reaches up to a moment; the number of blocks when none does."""
        return bisect_left(self._blocks, moment, key=_last_moment)

    def blocks(self, since: float | None = None, than: Moment | None = None) -> list[Block]:
        """The blocks that hold the events not before ``since`` and before ``than``, in order, and perhaps others."""
        self.work_in()
        low = 0 if since is None else self._block_of((since, ""))
        high = len(self._blocks) if than is None else bisect_left(self._blocks, than, key=_first_moment)
        return self._blocks[low:high]

    def between(self, start: float | None, end: float | None) -> list[Event]:
        """Events with ``start <= timestamp <= end``, oldest first."""
        than = None if end is None else (end, LAST_ID)
        return [event for block in self.blocks(start, than) for event in block.between(start, than)]


def _in_order(events: list[Event]) -> list[Event]:
    """Sorted by one after the other: ids rise already when events come, and numbers alone compare fast."""
    result = sorted(events, key=_id)
    result.sort(key=_timestamp)
    return result


def _with(block: tuple[Event, ...], events: list[Event]) -> list[Event]:
    """A block and further events, all in order."""
    low = bisect_left(block, moment_of(events[0]), key=moment_of)
    high = bisect_left(block, moment_of(events[-1]), low, key=moment_of)
    if high - low > _FEW * len(events):
        grown = list(block)
        for event in events:
            insort(grown, event, key=moment_of)
        return grown
    return [*block[:low], *sorted([*block[low:high], *events], key=moment_of), *block[high:]]


def _without(block: tuple[Event, ...], events: list[Event]) -> list[Event]:
    """What is left of a block that holds all of the events; they are in order."""
    low = bisect_left(block, moment_of(events[0]), key=moment_of)
    high = bisect_right(block, moment_of(events[-1]), low, key=moment_of)
    rest = list(block)
    if high - low > _FEW * len(events):
        for event in reversed(events):
            del rest[bisect_left(rest, moment_of(event), key=moment_of)]
    else:
        gone = {event.id for event in events}
        rest[low:high] = [event for event in rest[low:high] if event.id not in gone]
    return rest


def _cut(events: list[Event], size: int) -> list[Block]:
    return [Block(events[start : start + size]) for start in range(0, len(events), size)]
