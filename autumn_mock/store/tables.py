"""Tables in memory: records by key, in the order they came, with an index by owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from autumn_mock.domain.event import Event
from autumn_mock.store.tallies import TalliedTimeline
from autumn_mock.store.timeline import Timeline

R = TypeVar("R")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Table(Generic[R]):
    """Records by key. ``owner`` names the field by which :meth:`of` finds them."""

    def __init__(self, kind: type[R], key: Callable[[R], str], owner: str | None = None) -> None:
        self.kind = kind
        self.key = key
        self._owner = attrgetter(owner) if owner else None
        self._rows: dict[str, R] = {}
        self._by_owner: dict[str | None, dict[str, R]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> R | None:
        """The record, or None."""
        return self._rows.get(key)

    @property
    def by_key(self) -> Mapping[str, R]:
        """The records by key, always as they are now."""
        return MappingProxyType(self._rows)

    def of(self, owner: str | None) -> Mapping[str, R]:
        """The records of an owner, by key."""
        return self._by_owner.get(owner, _NOTHING)

    def put(self, record: R) -> R | None:
        """Keep a record under its key; returns the one it replaces."""
        key = self.key(record)
        old = self._rows.get(key)
        self._rows[key] = record
        if self._owner is not None:
            owner = self._owner(record)
            if old is not None and self._owner(old) != owner:
                self._disown(key, old)
            self._by_owner.setdefault(owner, {})[key] = record
        return old

    def put_all(self, records: Sequence[R]) -> Iterable[tuple[str, R | None]]:
        """Keep many records; returns each key with what it replaces."""
        new = {self.key(record): record for record in records}
        if len(new) == len(records) and self._rows.keys().isdisjoint(new):
            self._put_new(new)
            return zip(new, repeat(None))
        return [(self.key(record), self.put(record)) for record in records]

    def _put_new(self, new: Mapping[str, R]) -> None:
        self._rows.update(new)
        if self._owner is not None:
            for key, record in new.items():
                self._by_owner.setdefault(self._owner(record), {})[key] = record

    def delete(self, key: str) -> R | None:
        """Forget a record; returns it."""
        old = self._rows.pop(key, None)
        if old is not None and self._owner is not None:
            self._disown(key, old)
        return old

    def delete_all(self, keys: Iterable[str]) -> None:
        """Forget many records."""
        for key in keys:
            self.delete(key)

    def _disown(self, key: str, record: R) -> None:
        assert self._owner is not None
        owner = self._owner(record)
        siblings = self._by_owner[owner]
        del siblings[key]
        if not siblings:
            del self._by_owner[owner]

    def clear(self) -> int:
        """Forget everything; returns how much that was."""
        count = len(self._rows)
        self._rows.clear()
        self._by_owner.clear()
        return count

    def snapshot(self) -> list[R]:
        """The records as they are now; later changes do not show in it."""
        return list(self._rows.values())


#: How many events of all customers are noted before they are worked in: many, because batches that come at one time lie
#: across one another, and few enough to take milliseconds.
_NOTED = 4096


class EventTable(Table[Event]):
    """The events of an environment, also in order of time: all of them, and each customer's (by internal id)."""

    def __init__(self) -> None:
        super().__init__(Event, attrgetter("id"))
        self._all = TalliedTimeline(_NOTED)
        self._timelines: dict[str, Timeline] = {}

    def put(self, record: Event) -> Event | None:
        old = self.delete(record.id) if record.id in self._rows else None
        self._rows[record.id] = record
        self._all.add(record)
        timeline = self._timelines.get(record.customer)
        if timeline is None:
            timeline = self._timelines[record.customer] = Timeline()
        timeline.add(record)
        return old

    def _put_new(self, new: Mapping[str, Event]) -> None:
        self._rows.update(new)
        self._all.add_all(new.values())
        for customer, events in _by_customer(new.values()).items():
            self._timelines.setdefault(customer, Timeline()).add_all(events)

    def delete(self, key: str) -> Event | None:
        old = self._rows.pop(key, None)
        if old is not None:
            self._all.remove(old)
            self._timelines[old.customer].remove(old)
        return old

    def delete_all(self, keys: Iterable[str]) -> None:
        rows = self._rows
        gone = [rows.pop(key) for key in keys if key in rows]
        self._all.remove_all(gone)
        for customer, events in _by_customer(gone).items():
            self._timelines[customer].remove_all(events)

    def clear(self) -> int:
        count = super().clear()
        self._all = TalliedTimeline(_NOTED)
        self._timelines.clear()
        return count

    @property
    def everything(self) -> TalliedTimeline:
        """All events in order of time. Only to be used under the environment's lock."""
        return self._all

    def work_in(self) -> None:
        """Bring all timelines up to date. Raises :class:`ArithmeticError` for a value that is no amount."""
        for timeline in (self._all, *self._timelines.values()):
            timeline.work_in()

    def timeline(self, customer: str | None = None) -> Timeline:
        """The events of a customer in order of time, or all events. Only to be used under the environment's lock."""
        return self._all if customer is None else self._timelines.get(customer, _NO_EVENTS)

    def between(self, start: int | None, end: int | None, customer: str | None = None) -> list[Event]:
        """Events of a span of time, both ends included, oldest first."""
        return self.timeline(customer).between(start, end)


def _by_customer(events: Iterable[Event]) -> dict[str, list[Event]]:
    owned: dict[str, list[Event]] = {}
    for event in events:
        theirs = owned.get(event.customer)
        if theirs is None:
            owned[event.customer] = [event]
        else:
            theirs.append(event)
    return owned


_NO_EVENTS = Timeline()
