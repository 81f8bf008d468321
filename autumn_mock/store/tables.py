"""Tables in memory: records by key, in the order of insertion, with an index by owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from autumn_mock.domain.event import Event
from autumn_mock.store.timeline import Timeline

R = TypeVar("R")
_EMPTY: Mapping[str, Any] = MappingProxyType({})


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
        """A live view of the records by key."""
        return MappingProxyType(self._rows)

    def of(self, owner: str | None) -> Mapping[str, R]:
        """The records of an owner, by key."""
        return self._by_owner.get(owner, _EMPTY)

    def order(self, owner: str, keys: Sequence[str]) -> None:
        """Give the records of an owner, which have these keys, another order."""
        records = self._by_owner.get(owner)
        if records is not None and list(records) != list(keys):
            self._by_owner[owner] = {key: records[key] for key in keys}

    def put(self, record: R) -> R | None:
        """Insert or replace a record; returns the one it replaces."""
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
        """Insert or replace records; returns each key with the record it replaces."""
        new = dict(zip(map(self.key, records), records, strict=True))
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
        """Delete a record; returns it, or None."""
        old = self._rows.pop(key, None)
        if old is not None and self._owner is not None:
            self._disown(key, old)
        return old

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete records."""
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
        """Delete all records; returns how many there were."""
        count = len(self._rows)
        self._rows.clear()
        self._by_owner.clear()
        return count

    def snapshot(self) -> list[R]:
        """A copy of the list of records."""
        return list(self._rows.values())


#: The size of the buffer for the events of all customers: large, because concurrent batches overlap in time, and small
#: enough to be merged in milliseconds.
_BUFFER_SIZE = 4096


class EventTable(Table[Event]):
    """The events of an environment, with timelines of all of them and of each customer's (by internal id)."""

    def __init__(self) -> None:
        super().__init__(Event, attrgetter("id"))
        self._all = Timeline(_BUFFER_SIZE)
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
            timeline = self._timelines.get(customer)
            if timeline is None:
                timeline = self._timelines[customer] = Timeline()
            timeline.add_all(events)

    def delete(self, key: str) -> Event | None:
        old = self._rows.pop(key, None)
        if old is not None:
            self._all.remove(old)
            self._remove_of_customer(old.customer, [old])
        return old

    def delete_all(self, keys: Iterable[str]) -> None:
        rows = self._rows
        deleted = [rows.pop(key) for key in keys if key in rows]
        self._all.remove_all(deleted)
        for customer, events in _by_customer(deleted).items():
            self._remove_of_customer(customer, events)

    def _remove_of_customer(self, customer: str, events: list[Event]) -> None:
        timeline = self._timelines[customer]
        timeline.remove_all(events)
        if not len(timeline):
            del self._timelines[customer]

    def clear(self) -> int:
        count = super().clear()
        self._all = Timeline(_BUFFER_SIZE)
        self._timelines.clear()
        return count

    def timeline(self, customer: str | None = None) -> Timeline:
        """The timeline of a customer, or of all events. Use it under the environment's lock only."""
        return self._all if customer is None else self._timelines.get(customer, _NO_EVENTS)

    def between(self, start: int | None, end: int | None, customer: str | None = None) -> list[Event]:
        """Events with ``start <= timestamp <= end`` (ms), oldest first."""
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
