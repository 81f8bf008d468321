"""balances.track, balances.batch_track and their counterparts for tokens.

``customer_id`` is any string, the empty one included. ``overage_behavior`` is a union on the real server, so a wrong
one is refused without a list of the valid ones.
"""

from __future__ import annotations

from typing import Any, Final

from autumn_mock.domain.track import LockRequest, OverageBehavior, TrackItem
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import CustomerData, EntityData

MAX_ITEMS = 1000
MAX_LOCK_ID = 256

_CAP: z.Schema[OverageBehavior] = z.enum("cap", "overflow")
OVERAGE_BEHAVIOR: Final[z.Schema[OverageBehavior]] = z.union(_CAP, z.enum("reject"))


class LockParams(z.Params):
    """``expires_at`` is in ms."""

    lock_id: str = z.field(z.string(max=MAX_LOCK_ID))
    enabled: bool = z.field(z.literal(True))
    hashed_key: str | None = z.field(z.string(), default=None)
    expires_at: float | None = z.field(z.number(), default=None)


_TOKENS = z.integer(min=0)


class TrackTokens(z.Params):
    """``timestamp`` is in ms."""

    customer_id: str = z.field(z.string())
    entity_id: str | None = z.field(z.string(), default=None)
    feature_id: str | None = z.field(z.string(), default=None)
    model_id: str = z.field(z.string())
    input_tokens: int = z.field(_TOKENS)
    output_tokens: int = z.field(_TOKENS)
    cache_read_tokens: int | None = z.field(_TOKENS, default=None)
    cache_write_tokens: int | None = z.field(_TOKENS, default=None)
    audio_input_tokens: int | None = z.field(_TOKENS, default=None)
    audio_output_tokens: int | None = z.field(_TOKENS, default=None)
    reasoning_tokens: int | None = z.field(_TOKENS, default=None)
    properties: dict[str, Any] | None = z.field(z.record(), default=None)
    idempotency_key: str | None = z.field(z.string(), default=None)
    timestamp: int | None = z.field(z.past_instant(), default=None)
    overage_behavior: OverageBehavior | None = z.field(OVERAGE_BEHAVIOR, default=None)
    customer_data: dict[str, Any] | None = z.field(z.as_json(CustomerData), default=None)
    entity_data: dict[str, Any] | None = z.field(z.as_json(EntityData), default=None)
    skip_event: bool | None = z.field(z.boolean(), default=None)
    async_: bool | None = z.field(z.boolean(), default=None)


BATCH_TRACK_TOKENS: Final = z.array(z.obj(TrackTokens), min=1, max=MAX_ITEMS)

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
TRACK: Final = z.obj(
    {
        "customer_id": z.string(),
        "feature_id": z.optional(z.string()),
        "entity_id": z.optional(z.string()),
        "event_name": z.optional(z.string(min=1)),
        "value": z.optional(z.number()),
        **{name: z.schema_of(TrackTokens).fields[name] for name in _HOW},
        "lock": z.optional(z.obj(z.schema_of(LockParams).fields, LockRequest)),
    },
    TrackItem,
).refine(
    lambda item: bool(item.feature_id) != bool(item.event_name), "Either feature_id or event_name must be provided"
)

BATCH_TRACK: Final = z.array(TRACK, min=1, max=MAX_ITEMS)


class TrackQuery(z.Params):
    expand: list[str] | None = z.field(z.comma_separated(z.enum("balance.feature")), default=None)
    skip_cache: bool | None = z.field(z.boolean(), default=None)
