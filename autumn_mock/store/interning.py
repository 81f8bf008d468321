"""Events read from a file share equal values, as they did when they were recorded.

Most events have the same few names, amounts and deductions. Sharing them saves more than half of the memory of a
million events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder
from msgspec.structs import force_setattr

from autumn_mock.domain.event import Event

#: How many values are remembered before the table is emptied.
_CAPACITY = 50_000


def read_events(documents: Iterable[Raw], decoder: Decoder[Event]) -> Iterator[Event]:
    """Decode events.

    Raises :class:`msgspec.ValidationError` for an invalid one, and :class:`TypeError` for a signalling NaN, which has
    no hash.
    """
    decode, values = decoder.decode, dict[Any, Any]()
    for raw in documents:
        event = decode(raw)
        if len(values) > _CAPACITY:
            values.clear()
        share = values.setdefault
        # Nothing else refers to the event yet.
        force_setattr(event, "name", share(event.name, event.name))
        force_setattr(event, "customer", share(event.customer, event.customer))
        force_setattr(event, "entity_id", share(event.entity_id, event.entity_id))
        force_setattr(event, "value", share(event.value, event.value))
        force_setattr(event, "deductions", share(event.deductions, event.deductions))
        yield event
