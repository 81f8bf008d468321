"""Reading track items: a fast path for valid batches, an exact path for everything else.

A batch of a thousand items is common and nearly always valid. The fast path decodes the bytes straight into records
and accepts only what is certainly valid; everything else is parsed by the schema, which produces the error texts.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from autumn_mock.domain.track import LockRequest, TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.nesting import MAX_DEPTH, is_deeper_than, openings
from autumn_mock.wire.body import json_body
from autumn_mock.wire.requests.track import BATCH_TRACK, MAX_ITEMS, MAX_LOCK_ID, TRACK
from autumn_mock.wire.schema import parse
from autumn_mock.wire.schema.scalars import MAX_DOUBLE
from autumn_mock.wire.versions import is_upgraded, upgraded

_BATCH = "balances.batch_track"
_ITEMS = msgspec.json.Decoder(list[TrackItem])
#: The list, the item, the properties.
_DEPTH_OF_PROPERTIES = 3


def read_batch(body: bytes, now_ms: int, version: Version = Version.NEWEST) -> list[TrackItem]:
    """The items of a batch_track body of a version; raises ``ValidationFailed``."""
    items = None if is_upgraded(_BATCH, version) else _fast(body, now_ms)
    if items is not None:
        return items
    newest = upgraded(_BATCH, json_body(body), version)
    return [_normal(item) for item in parse(BATCH_TRACK, newest, now_ms=now_ms)]


def read_track(body_value: object, now_ms: int) -> TrackItem:
    """The item in a decoded track body; raises ``ValidationFailed``."""
    return _normal(parse(TRACK, body_value, now_ms=now_ms))


def _normal(item: TrackItem) -> TrackItem:
    """An empty ``feature_id`` beside an event name counts as none."""
    return replace(item, feature_id=None) if item.feature_id == "" else item


def _fast(body: bytes, now_ms: int) -> list[TrackItem] | None:
    """The items; None when the batch is invalid or needs the exact path."""
    try:
        items = _ITEMS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not 1 <= len(items) <= MAX_ITEMS:
        return None
    flat = 1 + len(items)  # the lists and objects that a plain batch opens
    for item in items:
        if not _names_one_usage(item):
            return None
        timestamp = item.timestamp
        if timestamp is not None and not 0 < timestamp <= now_ms:
            return None
        if not -MAX_DOUBLE <= item.value <= MAX_DOUBLE:
            return None
        if item.properties is not None:
            flat += 1
        if item.lock is not None:
            flat += 1
            if not _is_plain(item.lock):
                return None
        if item.customer_data is not None or item.entity_data is not None or item.taken is not None:
            return None
    # The decoder reads null as an absent key and skips unknown keys; the schema does neither.
    # No value is nested deeper than the lists and objects that are opened besides these: fewer need no exact measure.
    nested = openings(body) - flat > MAX_DEPTH - _DEPTH_OF_PROPERTIES
    if nested or b"null" in body:
        try:
            raw = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None  # the name of an unknown key is invalid, which the decoder above did not read
        if _has_null(raw) or (nested and is_deeper_than(MAX_DEPTH, raw)):
            return None
    return items


def _names_one_usage(item: TrackItem) -> bool:
    """Whether it names either a feature or an event."""
    if item.feature_id is None:
        return bool(item.event_name)
    return item.feature_id != "" and item.event_name is None


def _is_plain(lock: LockRequest) -> bool:
    expires_at = lock.expires_at or 0
    return (
        lock.enabled
        and len(lock.lock_id) <= MAX_LOCK_ID
        and lock.lock_id.isascii()
        and -MAX_DOUBLE <= expires_at <= MAX_DOUBLE
    )


def _has_null(items: list[dict[str, Any]]) -> bool:
    """Whether a value other than the properties is null."""
    return any(None in item.values() or None in item.get("lock", {}).values() for item in items)
