"""The laws that hypothesis and atheris both try to break."""

from __future__ import annotations

from typing import Any

import msgspec

from autumn_mock.domain.track import TrackItem
from autumn_mock.wire.batch import read_batch, read_track
from autumn_mock.wire.body import json_body
from autumn_mock.wire.schema import ValidationFailed
from tests.fuzz.bodies import NOW
from tests.fuzz.reference import Unspecified, Verdict, batch_verdict, track_verdict


def batch_is_judged_as_the_contract_says(body: bytes) -> None:
    """batch_track accepts exactly what the contract accepts, as the very items, and refuses the rest in its words."""
    try:
        expected = batch_verdict(body, NOW)
    except Unspecified:
        return
    try:
        found = Verdict(None, [_plain(item) for item in read_batch(body, NOW)])
    except ValidationFailed as failure:
        found = Verdict(failure.message)
    if expected.value is not None:
        expected = Verdict(None, [_kept(item) for item in expected.value])
    assert found == expected, (body, found, expected)


def track_is_judged_as_the_contract_says(body: bytes) -> None:
    """track does the same with one item, and names no index."""
    try:
        expected = track_verdict(body, NOW)
    except Unspecified:
        return
    try:
        found = Verdict(None, _plain(read_track(json_body(body), NOW)))
    except ValidationFailed as failure:
        found = Verdict(failure.message)
    if expected.value is not None:
        expected = Verdict(None, _kept(expected.value))
    assert found == expected, (body, found, expected)


_DEFAULTS = {"value": 1.0, "overage_behavior": "cap", "skip_event": False}


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    """An item of the reference with what the contract lets stand for what was left out."""
    kept = {**_DEFAULTS, **fields}
    if kept.get("feature_id") == "":
        del kept["feature_id"]
    return kept


def _plain(item: TrackItem) -> dict[str, Any]:
    """An item as the reference has it: what was given and what is assumed, every number a double."""
    fields = {name: value for name, value in msgspec.structs.asdict(item).items() if value is not None}
    if "async_" in fields:
        fields["async"] = fields.pop("async_")
    if item.lock is not None:
        lock = msgspec.structs.asdict(item.lock)
        fields["lock"] = {name: value for name, value in lock.items() if value is not None}
    plain: dict[str, Any] = _doubled(fields)
    return plain


def _doubled(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    if isinstance(value, list):
        return [_doubled(each) for each in value]
    if isinstance(value, dict):
        return {key: _doubled(each) for key, each in value.items()}
    return value
