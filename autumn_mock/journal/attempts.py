"""Requests as findings look at them: the items they offered, and which of them came after whose reply.

Items are read once and kept once: equal uses are the same :class:`Item`, so that telling whether two requests hold the
same ones costs a look into a dictionary.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from autumn_mock.journal.requests import RequestEntry
from autumn_mock.wire.body import json_body
from autumn_mock.wire.requests.track import MAX_ITEMS

BATCH_CALLS = frozenset({"balances.batch_track", "balances.batch_track_tokens"})
#: The calls whose bodies hold items.
TRACK_CALLS = BATCH_CALLS | {"balances.track", "balances.track_tokens"}

#: Seconds that even a hasty client waits for a reply before it gives up on it.
_CLIENT_TIMEOUT_S = 0.05

#: What reading a body raises when it is not what the service takes.
_UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


class Item(Struct, frozen=True, eq=False, gc=False):
    """One use as a client offered it. Equal uses are one and the same object."""

    #: Unlike that of any other use.
    number: int
    customer_id: str
    #: The feature, the event name, or ``tokens of MODEL``.
    name: str
    amount: float
    has_timestamp: bool
    #: Whether an idempotency key protects it: the service drops its second deduction.
    has_key: bool
    has_properties: bool

    @property
    def is_marked(self) -> bool:
        """Whether something in it tells it from another use of the same amount."""
        return self.has_timestamp or self.has_key or self.has_properties


class Attempt(Struct, frozen=True, eq=False):
    """A request with a body."""

    entry: RequestEntry
    #: What it offered, in its order; empty when the body is none that the service could take.
    items: tuple[Item, ...]
    #: Equal for equal calls with the same items (in any order), or else with the same bytes.
    signature: Hashable

    @property
    def is_marked(self) -> bool:
        return bool(self.items) and all(item.is_marked for item in self.items)


def read_attempts(entries: Iterable[RequestEntry]) -> list[Attempt]:
    """The requests whose bodies were kept, with their items."""
    reader = _Reader()
    return [_attempt(reader, entry, entry.body) for entry in entries if entry.body is not None]


def _attempt(reader: _Reader, entry: RequestEntry, body: bytes) -> Attempt:
    items = reader.items(body) if entry.call in TRACK_CALLS else ()
    what: Hashable = tuple(sorted([item.number for item in items])) if items else body
    return Attempt(entry, items, (entry.call, what))


# -- replies


def is_accepted(entry: RequestEntry) -> bool:
    """Whether the service took what the request brought, whatever the client was told."""
    return entry.service_status in (200, 202)


def is_answered(entry: RequestEntry) -> bool:
    """Whether a whole reply reached the client."""
    return entry.status is not None and entry.reply in ("sent", "altered")


def is_told_accepted(entry: RequestEntry) -> bool:
    """Whether the client was told that all is well."""
    return is_answered(entry) and entry.status is not None and 200 <= entry.status < 300


def over(entry: RequestEntry) -> float:
    """When the request was over for its client, in the seconds of ``received``: what comes earlier ran side by side.

    A client that got no reply stopped waiting nobody knows when, often long before the reply was ready.
    """
    return entry.replied if is_answered(entry) else min(entry.replied, entry.received + _CLIENT_TIMEOUT_S)


def follows(later: RequestEntry, earlier: RequestEntry) -> bool:
    """Whether one was sent when the other was over."""
    return later.received >= over(earlier)


def waited(later: RequestEntry, earlier: RequestEntry) -> float:
    """Seconds between a reply and the next request, by the organisation's clock or by a real one: who moves the clock
    need not sit and wait."""
    return max(later.received - earlier.replied, (later.at - earlier.at) / 1000)


# -- bodies


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


#: Reads 1.0 as 1, so that one use is written in one way only.
_VALUE = msgspec.json.Decoder(float_hook=_number)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical(body: bytes) -> bytes:
    """A body with its keys in order and its numbers in one spelling; as it is when it is not JSON."""
    try:
        return _ENCODER.encode(_VALUE.decode(body))
    except _UNREADABLE:
        return body


def array_length(body: bytes) -> int:
    """How many elements a JSON array has; 0 for anything else."""
    try:
        return len(_LIST.decode(body))
    except _UNREADABLE:
        return 0


class _Reader:
    """Reads the items of bodies, each different one once."""

    def __init__(self) -> None:
        #: By their bytes as they came, and by their bytes in canonical form.
        self._by_text: dict[bytes, Item | None] = {}
        self._by_meaning: dict[bytes, Item | None] = {}

    def items(self, body: bytes) -> tuple[Item, ...]:
        """What a body offers. Empty when it is nothing that the service would take, or too much."""
        try:
            return self._read(body)
        except _UNREADABLE:
            pass
        try:  # the service forgives a byte order mark and broken text
            return self._read(msgspec.json.encode(json_body(body)))
        except _UNREADABLE:
            return ()

    def _read(self, body: bytes) -> tuple[Item, ...]:
        items = []
        for text in _texts(body):
            item = self._item(text)
            if item is None:
                return ()
            items.append(item)
        return tuple(items)

    def _item(self, text: bytes) -> Item | None:
        if text in self._by_text:
            return self._by_text[text]
        fields = _VALUE.decode(text)
        if isinstance(fields, dict):
            fields.setdefault("value", 1)
        meaning = _ENCODER.encode(fields)
        if meaning not in self._by_meaning:
            self._by_meaning[meaning] = _item(len(self._by_meaning), fields)
        item = self._by_text[text] = self._by_meaning[meaning]
        return item


def _texts(body: bytes) -> list[bytes]:
    """The items of a batch, or the one of a track, still as JSON."""
    try:
        texts = _LIST.decode(body)
    except msgspec.ValidationError:
        return [body]
    return [bytes(text) for text in texts] if len(texts) <= MAX_ITEMS else []


def _item(number: int, fields: Any) -> Item | None:
    if not isinstance(fields, dict):
        return None
    customer_id, model_id = fields.get("customer_id"), fields.get("model_id")
    if isinstance(model_id, str):
        name: Any = f"tokens of {model_id}"
        amounts = [value for key, value in fields.items() if key.endswith("_tokens")]
    else:
        name = fields.get("feature_id") or fields.get("event_name")
        amounts = [fields["value"]]
    if not (isinstance(customer_id, str) and isinstance(name, str) and all(map(_is_number, amounts))):
        return None
    return Item(
        number=number,
        customer_id=customer_id,
        name=name,
        amount=float(sum(amounts)),
        has_timestamp=fields.get("timestamp") is not None,
        has_key=bool(fields.get("idempotency_key")),
        has_properties=bool(fields.get("properties")),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
