"""Events in order of time.

Writes only append to a buffer; the buffer is merged on the next read, or when it is full, many events at once.

The order is kept in blocks of a few thousand events. New events usually go to the last block; a late one moves at most
the events of one block. Blocks are immutable and are replaced as a whole, so they may be read without the lock, and
what is computed from the events of one can be cached in it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Hashable, Sequence, Sized
from operator import attrgetter
from typing import Any, TypeVar

from autumn_mock.domain.event import Event

#: (timestamp, id): the order of events. It is unique.
Moment = tuple[float, str]
#: Sorts after every id.
LAST_ID = "\U0010ffff"
#: The most events in one block.
_BLOCK_SIZE = 4096
#: The blocks of one run.
_RUN_SIZE = 16
#: The size of a customer's buffer. There are many customers, and the garbage collector traverses lists, but not blocks.
_BUFFER_SIZE = 512
#: Events are inserted one by one when this many times more events lie between the first and the last of them.
_SPARSE = 16
#: How many digests a block caches, and the fewest events per entry of a digest for it to be cached.
_DIGESTS, _EVENTS_PER_ENTRY = 16, 8

D = TypeVar("D", bound=Sized)

#: The place of an event in the order.
moment_of: Callable[[Event], Moment] = attrgetter("timestamp", "id")
_timestamp = attrgetter("timestamp")
_id = attrgetter("id")
_name = attrgetter("name")


class _Digested:
    """Caches what is computed from its events, when that is much smaller than they are."""

    __slots__ = ("_digests",)

    def __init__(self) -> None:
        self._digests: dict[Hashable, Any] = {}

    def _digest(self, key: Hashable, size: int, make: Callable[[], D]) -> D:
        """``make()``, or what it returned before. ``size``: the number of events. A full cache is emptied."""
        found: D | None = self._digests.get(key)
        if found is None:
            found = make()
            if len(found) * _EVENTS_PER_ENTRY <= size:
                if len(self._digests) >= _DIGESTS:
                    self._digests = {}
                self._digests[key] = found
        return found


class Block(_Digested):
    """At least one event, in order. Immutable, apart from its caches."""

    __slots__ = ("_names", "events")

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__()
        self.events = tuple(events)
        self._names: frozenset[str] | None = None

    @property
    def first(self) -> int:
        """The timestamp of the first event (ms)."""
        return self.events[0].timestamp

    @property
    def last(self) -> int:
        """The timestamp of the last event (ms)."""
        return self.events[-1].timestamp

    @property
    def names(self) -> frozenset[str]:
        """The names of the events."""
        if self._names is None:
            self._names = frozenset(map(_name, self.events))
        return self._names

    def between(self, since: float | None, before: Moment | None) -> tuple[Event, ...]:
        """The events from timestamp ``since`` on and before a moment, oldest first."""
        low = 0 if since is None else bisect_left(self.events, since, key=_timestamp)
        high = len(self.events) if before is None else bisect_left(self.events, before, key=moment_of)
        return self.events[low:high]

    def digest(self, key: Hashable, make: Callable[[Sequence[Event]], D]) -> D:
        """The result of ``make`` for all events, which ``key`` must identify."""
        return self._digest(key, len(self.events), lambda: make(self.events))


class Run(_Digested):
    """Some blocks that follow each other. Immutable, apart from its caches: another one takes its place.

    With many groups the digests of blocks are hardly smaller than the blocks; those of runs are.
    """

    __slots__ = ("blocks",)

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.blocks = tuple(blocks)

    @property
    def first(self) -> int:
        """The timestamp of the first event (ms)."""
        return self.blocks[0].first

    @property
    def last(self) -> int:
        """The timestamp of the last event (ms)."""
        return self.blocks[-1].last

    def digest(self, key: Hashable, make: Callable[[Sequence[Block]], D]) -> D:
        """The result of ``make`` for all blocks, which ``key`` must identify."""
        return self._digest(key, sum(len(block.events) for block in self.blocks), lambda: make(self.blocks))


def _first_moment(block: Block) -> Moment:
    return moment_of(block.events[0])


def _last_moment(block: Block) -> Moment:
    return moment_of(block.events[-1])


class Timeline:
    """Events in order. Guarded by the environment's lock; the blocks that it returns need no lock.

    ``buffer_size``: how many events are buffered before they are merged.
    """

    __slots__ = ("_blocks", "_buffer_size", "_fresh", "_runs", "_size", "_stale")

    def __init__(self, buffer_size: int | None = None) -> None:
        self._buffer_size = buffer_size or _BUFFER_SIZE
        #: None of them empty.
        self._blocks: list[Block] = []
        #: As they were at the last read of runs.
        self._runs: list[Run] = []
        #: Buffered additions and removals, unordered. An event may be in both; it is removed first.
        self._fresh: list[Event] = []
        self._stale: list[Event] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    # -- writing

    def add(self, event: Event) -> None:
        """Add an event."""
        self._size += 1
        fresh = self._fresh
        fresh.append(event)
        if len(fresh) >= self._buffer_size:
            self.merge()

    def add_all(self, events: Collection[Event]) -> None:
        """Add events in any order."""
        self._size += len(events)
        self._fresh += events
        if len(self._fresh) >= self._buffer_size:
            self.merge()

    def remove(self, event: Event) -> None:
        """Remove an event."""
        fresh = self._fresh
        if fresh and fresh[-1] is event:  # a failed transaction undoes its last write first
            fresh.pop()
            self._size -= 1
        else:
            self.remove_all((event,))

    def remove_all(self, events: Sequence[Event]) -> None:
        """Remove events in any order."""
        self._size -= len(events)
        if self._fresh:
            self.merge()
        self._stale += events
        if len(self._stale) >= self._buffer_size:
            self.merge()

    def merge(self) -> None:
        """Merge the buffers into the blocks."""
        if self._stale:
            stale = _in_order(self._stale)
            self._stale = []
            self._remove_from_blocks(stale)
        if self._fresh:
            fresh = _in_order(self._fresh)
            self._fresh = []
            self._add_to_blocks(fresh)

    def _add_to_blocks(self, events: list[Event]) -> None:
        blocks = self._blocks
        start = 0
        while start < len(events):
            place = self._block_of(moment_of(events[start]))
            if place >= len(blocks) - 1:  # the last block takes whatever is newer than all others
                last = blocks.pop().events if blocks else ()
                blocks += _cut(_with(last, events[start:]), _BLOCK_SIZE)
                return
            stop = bisect_right(events, _last_moment(blocks[place]), start, key=moment_of)
            grown = _with(blocks[place].events, events[start:stop])
            # A block that is too large is cut into equal parts, so that each has room for a few more.
            blocks[place : place + 1] = _cut(grown, -(-len(grown) // -(-len(grown) // _BLOCK_SIZE)))
            start = stop

    def _remove_from_blocks(self, events: list[Event]) -> None:
        blocks = self._blocks
        start = 0
        while start < len(events):
            place = self._block_of(moment_of(events[start]))
            stop = bisect_right(events, _last_moment(blocks[place]), start, key=moment_of)
            rest = _without(blocks[place].events, events[start:stop])
            blocks[place : place + 1] = [Block(rest)] if rest else []
            start = stop

    # -- reading

    def _block_of(self, moment: Moment) -> int:
        """The index of the first block that ends at a moment or later; the number of blocks when none does."""
        return bisect_left(self._blocks, moment, key=_last_moment)

    def blocks(self, since: float | None = None, before: Moment | None = None) -> list[Block]:
        """The blocks, in order, that have events from timestamp ``since`` on and before a moment. They may have
        others, too."""
        self.merge()
        low = 0 if since is None else self._block_of((since, ""))
        high = len(self._blocks) if before is None else bisect_left(self._blocks, before, key=_first_moment)
        return self._blocks[low:high]

    def runs(self, since: int, until: int) -> list[Run]:
        """The runs, in order, that have events with ``since <= timestamp <= until``. They may have others, too."""
        self.merge()
        known, runs = self._runs, []
        for place, start in enumerate(range(0, len(self._blocks), _RUN_SIZE)):
            blocks = tuple(self._blocks[start : start + _RUN_SIZE])
            is_known = place < len(known) and known[place].blocks == blocks
            runs.append(known[place] if is_known else Run(blocks))
        self._runs = runs
        return [run for run in runs if run.first <= until and run.last >= since]

    def between(self, start: float | None, end: float | None) -> list[Event]:
        """Events with ``start <= timestamp <= end``, oldest first."""
        before = None if end is None else (end, LAST_ID)
        return [event for block in self.blocks(start, before) for event in block.between(start, before)]


def _in_order(events: list[Event]) -> list[Event]:
    """Sorted by id, then by timestamp: ids are nearly in order, and comparing one number is faster than a tuple."""
    result = sorted(events, key=_id)
    result.sort(key=_timestamp)
    return result


def _with(block: tuple[Event, ...], events: list[Event]) -> list[Event]:
    """The events of a block and further ones, all in order."""
    low = bisect_left(block, moment_of(events[0]), key=moment_of)
    high = bisect_left(block, moment_of(events[-1]), low, key=moment_of)
    if high - low > _SPARSE * len(events):
        grown = list(block)
        for event in events:
            insort(grown, event, key=moment_of)
        return grown
    return [*block[:low], *_in_order([*block[low:high], *events]), *block[high:]]


def _without(block: tuple[Event, ...], events: list[Event]) -> list[Event]:
    """The events of a block without some of them, which are in order."""
    low = bisect_left(block, moment_of(events[0]), key=moment_of)
    high = bisect_right(block, moment_of(events[-1]), low, key=moment_of)
    if high - low == len(events):  # all between the first and the last of them, as when the oldest are dropped
        return [*block[:low], *block[high:]]
    rest = list(block)
    if high - low > _SPARSE * len(events):
        for event in reversed(events):
            del rest[bisect_left(rest, moment_of(event), key=moment_of)]
    else:
        removed = set(map(id, events))  # the same objects: unlike their ids, it needs no access to each of them
        rest[low:high] = [event for event in rest[low:high] if id(event) not in removed]
    return rest


def _cut(events: list[Event], size: int) -> list[Block]:
    return [Block(events[start : start + size]) for start in range(0, len(events), size)]
