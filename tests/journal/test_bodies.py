from __future__ import annotations

import json
from typing import Any

import pytest

from autumn_mock.domain.version import Version
from autumn_mock.journal.bodies import RequestBody
from autumn_mock.wire.batch import read_batch, read_track
from autumn_mock.wire.requests.track import BATCH_TRACK_TOKENS
from autumn_mock.wire.schema import parse

NOW = 1_700_000_000_000
ITEM: dict[str, Any] = {"customer_id": "c", "feature_id": "f", "value": 2.0, "properties": {"n": 1.0, "deep": [1e3]}}
TOKENS = {"customer_id": "c", "model_id": "openai/gpt", "input_tokens": 1, "output_tokens": 2, "idempotency_key": "k"}


@pytest.mark.parametrize(
    ("call", "sent", "parsed"),
    [
        ("balances.batch_track", [ITEM, {**ITEM, "timestamp": NOW}], read_batch),
        ("balances.track", ITEM, lambda raw, now: [read_track(json.loads(raw), now)]),
        ("balances.batch_track_tokens", [TOKENS], lambda raw, _: parse(BATCH_TRACK_TOKENS, json.loads(raw))),
    ],
)
def test_request_body_is_the_same_parsed_by_the_service_or_on_first_use(call: str, sent: Any, parsed: Any) -> None:
    raw = json.dumps(sent).encode()
    early, late = RequestBody(raw, call, parsed(raw, NOW)), RequestBody(raw, call)
    assert early.items
    assert (early.items, early.signature, early.count) == (late.items, late.signature, late.count)


def test_request_body_reads_the_value_of_old_versions() -> None:
    raw = json.dumps({"customer_id": "c", "feature_id": "f", "properties": {"value": 7}}).encode()
    [item] = RequestBody(raw, "balances.track", version=Version.V1_2).items
    assert (item.amount, item.has_properties) == (7, False)


def test_request_body_of_other_calls_is_compared_by_its_json() -> None:
    one, two = (RequestBody(raw, "balances.finalize") for raw in (b'{"lock_id":"l"}', b'{"lock_id": "l"}'))
    assert (one.items, one.count) == ((), 0)
    assert one.signature == two.signature
    assert one.signature != RequestBody(b'{"lock_id":"m"}', "balances.finalize").signature
    assert one.signature == RequestBody(one.raw, "balances.finalize").signature
