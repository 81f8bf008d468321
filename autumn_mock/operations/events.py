"""``events.list``, and the selection of events (contract 9.5).

Events are iterated newest first, from a snapshot: the environment's lock is held only while it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from autumn_mock.domain.event import Event
from autumn_mock.domain.rate_card import as_text
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import find_customer
from autumn_mock.operations.time_ranges import TimeRange, time_range_of
from autumn_mock.store.environment import Environment
from autumn_mock.store.timeline import LAST_ID, Moment
from autumn_mock.wire.requests.events import EventFilters, EventsAggregate, EventsList, EventsListOffset


class EventPage(Struct, frozen=True):
    """Rows of a list, newest first, and whether there are more."""

    rows: list[Event]
    has_more: bool


class Filter(Struct, frozen=True):
    """Which events are selected. ``owner`` is an internal id; empty ``names``: all."""

    owner: str | None = None
    names: frozenset[str] = frozenset()
    entity_id: str | None = None
    #: Property path to the text it must have.
    properties: Mapping[str, str] | None = None

    def select(self, events: Iterable[Event]) -> Iterable[Event]:
        """The selected ones among events of the owner."""
        if self.names:
            names = self.names
            events = (event for event in events if event.name in names)
        if self.entity_id is not None:
            entity_id = self.entity_id
            events = (event for event in events if event.entity_id == entity_id)
        for path, text in (self.properties or {}).items():
            events = _having(events, property_reader(path), text)
        return events


def _having(events: Iterable[Event], read: Callable[[Event], str | None], text: str) -> Iterable[Event]:
    return (event for event in events if read(event) == text)


def list_events(
    call: Call, params: EventsList | EventsListOffset, *, before: tuple[int, str] | None = None, offset: int = 0
) -> EventPage:
    """A page of events, newest first.

    ``before``: only events before this (timestamp in ms, id). ``offset``: how many events to skip.
    """
    customer = None
    if params.customer_id is not None:
        customer = find_customer(call.environment, params.customer_id)
        if customer is None:
            return EventPage([], has_more=False)
    wanted = filter_of(params, customer.internal_id if customer is not None else None)
    span = time_range_of(call, params, customer, wanted.names)
    rows: list[Event] = []
    for event in walk(call.environment, wanted, span, before):
        if offset > 0:
            offset -= 1
            continue
        if len(rows) == params.limit:
            return EventPage(rows, has_more=True)
        rows.append(event)
    return EventPage(rows, has_more=False)


def walk(environment: Environment, wanted: Filter, span: TimeRange, before: Moment | None = None) -> Iterator[Event]:
    """The wanted events of a range, newest first, and before a moment if one is given."""
    if span.end is not None:
        end = (span.end, LAST_ID)
        before = end if before is None else min(before, end)
    with environment.lock:
        blocks = environment.events.timeline(wanted.owner).blocks(span.start, before)
    for block in reversed(blocks):
        if not wanted.names or not wanted.names.isdisjoint(block.names):
            yield from wanted.select(reversed(block.between(span.start, before)))


def filter_of(params: EventFilters | EventsAggregate, owner: str | None) -> Filter:
    """The filter of the parameters of a call."""
    names = frozenset(as_list(params.feature_id))
    return Filter(owner, names, params.entity_id, params.filter_by)


def as_list(given: str | list[str] | None) -> list[str]:
    """The names of a parameter that takes one or several, without duplicates."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(dict.fromkeys(given))


def property_reader(path: str) -> Callable[[Event], str | None]:
    """A function that returns a property as text, as JSON writes it, or None. Dots in the path lead into objects."""
    keys = path.split(".")

    def read(event: Event) -> str | None:
        properties = event.properties
        if not properties:
            return None
        value = properties.get(path)
        if value is None and len(keys) > 1:
            value = properties
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
        return None if value is None else as_text(value)

    return read
