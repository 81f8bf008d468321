"""balances.track, balances.batch_track and their counterparts for tokens.

``customer_id`` is any string, the empty one included. ``overage_behavior`` is a union on the real server, so a wrong
one is refused without a list of the valid ones.
"""

from __future__ import annotations

from typing import Any, Final

from autumn_mock.domain.track import LockRequest, OverageBehavior, TrackItem
from autumn_mock.wire.requests.common import CustomerData, EntityData
from autumn_mock.wire.schema import (
    Params,
    Schema,
    array,
    as_json,
    boolean,
    comma_separated,
    enum,
    field,
    integer,
    literal,
    number,
    obj,
    optional,
    past_instant,
    record,
    schema_of,
    string,
    union,
)

MAX_ITEMS = 1000
MAX_LOCK_ID = 256

_CAP: Schema[OverageBehavior] = enum("cap", "overflow")
OVERAGE_BEHAVIOR: Final[Schema[OverageBehavior]] = union(_CAP, enum("reject"))


class LockParams(Params):
    """``expires_at`` is in ms."""

    lock_id: str = field(string(max=MAX_LOCK_ID))
    enabled: bool = field(literal(True))
    hashed_key: str | None = field(string(), default=None)
    expires_at: float | None = field(number(), default=None)


_TOKENS = integer(min=0)


class TrackTokens(Params):
    """``timestamp`` is in ms."""

    customer_id: str = field(string())
    entity_id: str | None = field(string(), default=None)
    feature_id: str | None = field(string(), default=None)
    model_id: str = field(string())
    input_tokens: int = field(_TOKENS)
    output_tokens: int = field(_TOKENS)
    cache_read_tokens: int | None = field(_TOKENS, default=None)
    cache_write_tokens: int | None = field(_TOKENS, default=None)
    audio_input_tokens: int | None = field(_TOKENS, default=None)
    audio_output_tokens: int | None = field(_TOKENS, default=None)
    reasoning_tokens: int | None = field(_TOKENS, default=None)
    properties: dict[str, Any] | None = field(record(), default=None)
    idempotency_key: str | None = field(string(), default=None)
    timestamp: int | None = field(past_instant(), default=None)
    overage_behavior: OverageBehavior | None = field(OVERAGE_BEHAVIOR, default=None)
    customer_data: dict[str, Any] | None = field(as_json(CustomerData), default=None)
    entity_data: dict[str, Any] | None = field(as_json(EntityData), default=None)
    skip_event: bool | None = field(boolean(), default=None)
    async_: bool | None = field(boolean(), default=None)


BATCH_TRACK_TOKENS: Final = array(obj(TrackTokens), min=1, max=MAX_ITEMS)

#: How a usage is recorded, whatever it is measured in.
_HOW = (
    "properties",
    "idempotency_key",
    "timestamp",
    "overage_behavior",
    "customer_data",
    "entity_data",
    "skip_event",
    "async",
)

#: Parsed to the very record that the queue and the store keep.
TRACK: Final = obj(
    {
        "customer_id": string(),
        "feature_id": optional(string()),
        "entity_id": optional(string()),
        "event_name": optional(string(min=1)),
        "value": optional(number()),
        **{name: schema_of(TrackTokens).fields[name] for name in _HOW},
        "lock": optional(obj(schema_of(LockParams).fields, LockRequest)),
    },
    TrackItem,
).refine(
    lambda item: bool(item.feature_id) != bool(item.event_name), "Either feature_id or event_name must be provided"
)

BATCH_TRACK: Final = array(TRACK, min=1, max=MAX_ITEMS)


class TrackQuery(Params):
    expand: list[str] | None = field(comma_separated(enum("balance.feature")), default=None)
    skip_cache: bool | None = field(boolean(), default=None)
