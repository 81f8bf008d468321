"""balances.track, balances.batch_track and their token twins.

``customer_id`` is any string, the empty one included. ``overage_behavior`` is a union on the real server, so
a wrong one is refused without a list of the right ones.
"""

from __future__ import annotations

from typing import Any

from autumn_mock.wire.requests.common import CUSTOMER_DATA, ENTITY_DATA
from autumn_mock.wire.schema import (
    array,
    boolean,
    comma_separated,
    enum,
    integer,
    literal,
    number,
    obj,
    optional,
    past_instant,
    record,
    string,
    union,
)

MAX_ITEMS = 1000
MAX_LOCK_ID = 256

OVERAGE_BEHAVIOR = union(enum("cap", "overflow"), enum("reject"))

LOCK = obj(
    {
        "lock_id": string(max=MAX_LOCK_ID),
        "enabled": literal(True),
        "hashed_key": optional(string()),
        "expires_at": optional(number()),
    }
)


def _names_one(fields: dict[str, Any]) -> bool:
    return bool(fields.get("feature_id")) != bool(fields.get("event_name"))


#: How a usage is to be recorded, whatever it is measured in.
_HOW = {
    "properties": optional(record()),
    "idempotency_key": optional(string()),
    "timestamp": optional(past_instant()),
    "overage_behavior": optional(OVERAGE_BEHAVIOR),
    "customer_data": optional(CUSTOMER_DATA),
    "entity_data": optional(ENTITY_DATA),
    "skip_event": optional(boolean()),
    "async": optional(boolean()),
}

TRACK = obj(
    {
        "customer_id": string(),
        "feature_id": optional(string()),
        "entity_id": optional(string()),
        "event_name": optional(string(min=1)),
        "value": optional(number()),
        **_HOW,
        "lock": optional(LOCK),
    }
).refine(_names_one, "Either feature_id or event_name must be provided")

BATCH_TRACK = array(TRACK, min=1, max=MAX_ITEMS)

_TOKENS = integer(min=0)

TRACK_TOKENS = obj(
    {
        "customer_id": string(),
        "entity_id": optional(string()),
        "feature_id": optional(string()),
        "model_id": string(),
        "input_tokens": _TOKENS,
        "output_tokens": _TOKENS,
        "cache_read_tokens": optional(_TOKENS),
        "cache_write_tokens": optional(_TOKENS),
        "audio_input_tokens": optional(_TOKENS),
        "audio_output_tokens": optional(_TOKENS),
        "reasoning_tokens": optional(_TOKENS),
        **_HOW,
    }
)

BATCH_TRACK_TOKENS = array(TRACK_TOKENS, min=1, max=MAX_ITEMS)

TRACK_QUERY = obj(
    {
        "expand": optional(comma_separated(enum("balance.feature"))),
        "skip_cache": optional(boolean()),
    }
)
