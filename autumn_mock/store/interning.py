"""Events read from a file share what is equal in them, as they did when they were made.

Most events of a customer are of the same names, amounts and deductions. To keep these once takes less than half of the
memory of a million events, and not much longer than to keep them a million times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from msgspec import Raw, ValidationError

from autumn_mock.domain.event import Deduction, Event
from autumn_mock.domain.record import Record
from autumn_mock.store.tinyfile import decoder_of

#: How many different values are remembered, to be found again; then it begins anew.
_MOST = 50_000


class StoredEvent(Record, frozen=True, kw_only=True):
    """An event whose deductions are JSON still."""

    id: str
    timestamp: int
    name: str
    customer: str
    value: Decimal
    entity_id: str | None = None
    properties: dict[str, Any] | None = None
    deductions: Raw = Raw(b"[]")
    message_id: str | None = None


_decode = decoder_of(StoredEvent).decode
_decode_deductions = decoder_of(tuple[Deduction, ...]).decode
_decode_event = decoder_of(Event).decode


def read_events(documents: Iterable[Raw]) -> Iterator[Event]:
    """The events that documents tell. Raises :class:`msgspec.ValidationError` for a document that is none."""
    deductions: dict[bytes, tuple[Deduction, ...]] = {}
    values: dict[Any, Any] = {}
    share = values.setdefault
    for raw in documents:
        try:
            stored = _decode(raw)
            content = bytes(stored.deductions)
            taken = deductions.get(content)
            if taken is None:
                taken = deductions[content] = _decode_deductions(content)
        except ValidationError:
            _decode_event(raw)  # says where in the event it is wrong
            raise
        if len(values) > _MOST or len(deductions) > _MOST:
            values.clear()
            deductions.clear()
        name, customer, value, entity_id = stored.name, stored.customer, stored.value, stored.entity_id
        yield Event(
            id=stored.id,
            timestamp=stored.timestamp,
            name=share(name, name),
            customer=share(customer, customer),
            value=share(value, value) if value.is_finite() else value,  # what has no hash is refused later
            entity_id=share(entity_id, entity_id),
            properties=stored.properties,
            deductions=taken,
            message_id=stored.message_id,
        )
