"""Events read from a file share equal values, as they did when they were recorded.

Most events have the same few names, amounts and deductions. Sharing them saves more than half of the memory of a
million events. Deductions are compared as JSON, so that equal ones are decoded and checked once: the same row of a
customer is deducted again and again.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import Raw

from autumn_mock.domain.event import Deduction, Event
from autumn_mock.domain.organisation import Env
from autumn_mock.store import checks
from autumn_mock.store.tinyfile import decoder_of

#: How many values are remembered before the table is emptied.
_CAPACITY = 50_000


class _EventDocument(Event, frozen=True, kw_only=True):
    """An event with the environment that its document names. Its deductions are JSON."""

    org: str
    env: Env
    deductions: Raw = Raw(b"[]")  # type: ignore[assignment]  # so that all other fields are those of an event


# Built when this module is imported, like those of autumn_mock.store.documents.
_DECODER = decoder_of(_EventDocument)
_DEDUCTIONS = decoder_of(tuple[Deduction, ...])
_owner_of = attrgetter("org", "env")


class EventsRead(NamedTuple):
    """Events, and what else their documents say."""

    events: list[Event]
    #: The organisations and environments that the documents name.
    owners: set[tuple[str, str]]
    #: What is wrong with a value; None if nothing is.
    problem: str | None


class EventReader:
    """Decodes and checks events; those that one reader has decoded share their values."""

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}

    def read(self, documents: Iterable[Raw]) -> EventsRead:
        """The events of some documents.

        Raises :class:`msgspec.ValidationError` for an invalid one, and :class:`TypeError` for a signalling NaN, which
        has no hash.
        """
        values = self._values
        if len(values) > _CAPACITY:
            values.clear()
        share = values.setdefault
        found = [*map(_DECODER.decode, documents)]
        events: list[Event] = []
        fresh: list[Deduction] = []
        for each in found:
            encoded = bytes(each.deductions)
            deductions = values.get(encoded)
            if deductions is None:
                deductions = values[encoded] = _DEDUCTIONS.decode(encoded)
                fresh += deductions
            name, customer, value, entity_id = each.name, each.customer, each.value, each.entity_id
            events.append(
                Event(
                    id=each.id,
                    timestamp=each.timestamp,
                    name=share(name, name),
                    customer=share(customer, customer),
                    value=share(value, value),
                    entity_id=share(entity_id, entity_id),
                    properties=each.properties,
                    deductions=deductions,
                    message_id=each.message_id,
                )
            )
        return EventsRead(events, set(map(_owner_of, found)), checks.problem(found) or checks.problem(fresh))
