"""Bodies of requests in the journal: as they were sent, and as items that findings can compare."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.wire.batch import read_batch, read_track
from autumn_mock.wire.body import json_body
from autumn_mock.wire.requests.balances import BalancesCreate, BalancesUpdate, Check
from autumn_mock.wire.requests.track import BATCH_TRACK_TOKENS, TrackTokens
from autumn_mock.wire.schema import ValidationFailed, parse
from autumn_mock.wire.versions import upgraded

BATCH_CALLS = frozenset({"balances.batch_track", "balances.batch_track_tokens"})
#: The calls that record usage.
TRACK_CALLS = BATCH_CALLS | {"balances.track", "balances.track_tokens"}

#: The time (ms) at which bodies are parsed here: later than any timestamp of an item.
_END_OF_TIME = 2**53
_TOKEN_COUNTS = [name for name in TrackTokens.__struct_fields__ if name.endswith("_tokens")]
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ENCODER = msgspec.json.Encoder(order="sorted")

#: What a client sent to a call that records usage, parsed.
Parsed = Sequence[TrackItem | TrackTokens]


class Item(Struct, frozen=True, gc=False):
    """One usage, or one grant, as a client sent it. Those with the same fields are equal."""

    #: A hash of all fields in canonical form, and of the ``Idempotency-Key`` of the request.
    key: bytes
    customer_id: str
    #: The feature, the event name, or ``tokens of MODEL``.
    name: str
    amount: float
    has_timestamp: bool
    #: Whether an idempotency key, or the id of a lock, prevents a second deduction.
    has_key: bool
    has_properties: bool
    #: A hash of the properties; empty without any.
    properties: bytes = b""
    entity_id: str = ""
    #: In ms.
    timestamp: int | None = None
    #: Whether it adds to a balance; a usage takes from it.
    is_grant: bool = False

    @property
    def target(self) -> Hashable:
        """What it is deducted from, or added to: the customer, the entity, and the feature."""
        return self.customer_id, self.entity_id, self.name, self.is_grant

    @property
    def without_identifiers(self) -> Hashable:
        """Equal for items that differ in their identifiers alone: in the idempotency key and the timestamp."""
        return self.target, self.amount, self.properties

    @property
    def is_distinguishable(self) -> bool:
        """Whether it has a field that distinguishes it from another usage of the same amount."""
        return self.has_timestamp or self.has_key or self.has_properties


class RequestBody:
    """The body of a request.

    ``parsed`` is what the service parsed it to; None when it did not, because a fault, a limit or the validation
    refused the request first. Such a body is parsed on first use, once.
    """

    def __init__(
        self,
        raw: bytes,
        call: str,
        parsed: Parsed | None = None,
        version: Version = Version.NEWEST,
        header_key: str | None = None,
    ) -> None:
        self.raw = raw
        self.call = call
        self.parsed = parsed
        #: The request's ``Idempotency-Key``.
        self.header_key = header_key
        self._version = version

    def __repr__(self) -> str:
        return f"<RequestBody of {self.call}, {len(self.raw)} bytes>"

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The usages and grants, in the order of the body; none when the body is invalid."""
        if self.parsed is not None:
            return tuple(_item(each, self.header_key) for each in self.parsed)
        try:
            if self.call in TRACK_CALLS:
                return tuple(_item(each, self.header_key) for each in self._parse())
            return self._other_items()
        except ValidationFailed:
            return ()

    @cached_property
    def signature(self) -> Hashable:
        """Equal for calls with the same items in any order; without items, for those with the same JSON."""
        if self.items and self.call in TRACK_CALLS:
            content = b"".join(sorted(item.key for item in self.items))
        else:
            content = _canonical(self.raw)
        return self.call, _hash(content)

    @cached_property
    def count(self) -> int:
        """How many elements the body's array has; 0 when it is not an array."""
        if self.parsed is not None:
            return len(self.parsed) if self.call in BATCH_CALLS else 0
        try:
            return len(_LIST.decode(self.raw))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return 0

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The fields of the body, as the newest version spells them; empty when it is not an object."""
        body = upgraded(self.call, json_body(self.raw), self._version)
        return body if isinstance(body, dict) else {}

    def _parse(self) -> Parsed:
        if self.call == "balances.batch_track":
            return read_batch(self.raw, _END_OF_TIME, self._version)
        body = upgraded(self.call, json_body(self.raw), self._version)
        if self.call == "balances.track":
            return (read_track(body, _END_OF_TIME),)
        if self.call == "balances.track_tokens":
            return (parse(TrackTokens, body, now_ms=_END_OF_TIME),)
        return parse(BATCH_TRACK_TOKENS, body, now_ms=_END_OF_TIME)

    def _other_items(self) -> tuple[Item, ...]:
        """What another call takes or grants each time that it is sent: one item, or none."""
        schema = _OTHERS.get(self.call)
        if schema is None:
            return ()
        sent = parse(schema, self.fields, now_ms=_END_OF_TIME)
        has_key = False
        if isinstance(sent, Check):
            if not sent.feature_id or not (sent.send_event or sent.lock):
                return ()
            amount = 1.0 if sent.required_balance is None else sent.required_balance
            has_key = sent.lock is not None and bool(sent.lock.lock_id)
        else:
            found = sent.add_to_balance if isinstance(sent, BalancesUpdate) else sent.included_grant
            if found is None:  # sets a balance, which is the same after a second request
                return ()
            amount = found
        properties = getattr(sent, "properties", None)
        fields = {**msgspec.to_builtins(sent), "header": self.header_key}
        item = Item(
            key=_hash(_ENCODER.encode(_plain(fields))),
            customer_id=sent.customer_id,
            name=sent.feature_id or "",
            amount=float(amount),
            has_timestamp=False,
            has_key=has_key or bool(self.header_key),
            has_properties=bool(properties),
            properties=_hash(_ENCODER.encode(_plain(properties))) if properties else b"",
            entity_id=sent.entity_id or "",
            is_grant=not isinstance(sent, Check),
        )
        return (item,)


#: Calls that take or grant something, other than those that record usage.
_OTHERS: dict[str, type[Check] | type[BalancesUpdate] | type[BalancesCreate]] = {
    "balances.check": Check,
    "balances.update": BalancesUpdate,
    "balances.create": BalancesCreate,
}


def _item(sent: TrackItem | TrackTokens, header_key: str | None) -> Item:
    if isinstance(sent, TrackTokens):
        name = f"tokens of {sent.model_id}"
        amount = float(sum(getattr(sent, count) or 0 for count in _TOKEN_COUNTS))
    else:
        name, amount = sent.feature_id or sent.event_name or "", float(sent.value)
    fields = msgspec.to_builtins(sent)
    fields.setdefault("value", 1)
    if header_key:
        fields["header"] = header_key
    return Item(
        key=_hash(_ENCODER.encode(_plain(fields))),
        customer_id=sent.customer_id,
        name=name,
        amount=amount,
        has_timestamp=sent.timestamp is not None,
        has_key=bool(sent.idempotency_key or header_key),
        has_properties=bool(sent.properties),
        properties=_hash(_ENCODER.encode(_plain(sent.properties))) if sent.properties else b"",
        entity_id=sent.entity_id or "",
        timestamp=sent.timestamp,
    )


def _plain(value: Any) -> Any:
    """A JSON value with whole numbers as integers, so that 1.0 equals 1."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _canonical(body: bytes) -> bytes:
    """A body with sorted keys and integers where numbers are whole; unchanged when it is not JSON."""
    try:
        return _ENCODER.encode(_plain(msgspec.json.decode(body)))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return body


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
