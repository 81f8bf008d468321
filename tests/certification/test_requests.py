"""What is expected of requests, on rows as the journal has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autumn_mock.certification.model import RequestsExpectation
from autumn_mock.certification.requests import judge_requests
from autumn_mock.wire.schema import parse


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A track that was answered after 10 ms; requests begin one second apart."""
    body = fields.pop("body", {"customer_id": "cus_1", "feature_id": "messages"})
    return {
        "id": number,
        "at": number * 1000,
        "duration_ms": 10.0,
        "call": "balances.track",
        "status": 200,
        "reply": "sent",
        "items": None,
        "retry_after": None,
        "request_headers": {"X-Api-Version": "2.3.0"},
        "request_body": json.dumps(body),
        "request_body_cut": False,
        **fields,
    }


KEYED = {"customer_id": "cus_1", "feature_id": "messages", "idempotency_key": "a"}
OTHER = {**KEYED, "idempotency_key": "b"}
BATCH = {"call": "balances.batch_track", "items": 2, "body": [KEYED, {**OTHER, "value": 2}]}


@pytest.mark.parametrize(
    ("rule", "rows", "met"),
    [
        ({"count": 1}, [row(1)], True),
        ({"count": 1}, [row(1), row(2)], False),
        ({"at_least": 2}, [row(1)], False),
        ({"at_most": 1}, [row(1), row(2)], False),
        ({"call": "balances.check", "count": 0}, [row(1)], True),
        ({"statuses": [503, 200]}, [row(1, status=503), row(2)], True),
        ({"statuses": ["reset", 200]}, [row(1, reply="lost"), row(2)], True),
        ({"statuses": [200]}, [row(1, status=503), row(2)], False),
        ({"largest_batch": 2}, [row(1, **BATCH)], True),
        ({"largest_batch": 1}, [row(1, **BATCH)], False),
        ({"largest_batch": 1}, [row(1, items=2, request_body_cut=True)], False),
        ({"obeys_retry_after": True}, [row(1, retry_after=0.9), row(2)], True),
        ({"obeys_retry_after": True}, [row(1, retry_after=2.0), row(2)], False),
        ({"obeys_retry_after": True}, [row(1, retry_after=2.0), row(2, call="balances.check")], True),
        ({"pause": "900ms"}, [row(1), row(2)], True),
        ({"pause": "2s"}, [row(1), row(2)], False),
        ({"headers": {"x-api-version": "^2"}}, [row(1)], True),
        ({"headers": {"x-api-version": "^1"}}, [row(1)], False),
        ({"headers": {"user-agent": "."}}, [row(1)], False),
        ({"keys": "present"}, [row(1, body=KEYED)], True),
        ({"keys": "present"}, [row(1)], False),
        ({"keys": "present"}, [row(1, request_headers={"Idempotency-Key": "a"})], True),
        ({"keys": "stable"}, [row(1), row(2)], True),
        ({"keys": "stable"}, [row(1, body=KEYED), row(2, body=KEYED)], True),
        ({"keys": "stable"}, [row(1, body=KEYED), row(2, body=OTHER)], False),
        ({"keys": "stable"}, [row(1, **BATCH), row(2, **BATCH)], True),
        ({"items": [{"feature_id": "messages"}]}, [row(1)], True),
        ({"items": [{"feature_id": "messages", "value": 2}]}, [row(1, **BATCH)], True),
        ({"items": [{"feature_id": "seats"}]}, [row(1, **BATCH)], False),
        ({"items": [{"feature_id": "seats"}]}, [], False),
        ({"items": [{"timestamp": "${now-1s}"}]}, [row(1, body={"timestamp": 4000})], True),
        ({"items": [{}]}, [row(1, request_body="no JSON")], False),
    ],
)
def test_rule_judges_requests(rule: dict[str, Any], rows: list[dict[str, Any]], met: bool) -> None:
    results = list(judge_requests(parse(RequestsExpectation, rule), rows, now=5000))
    assert results
    assert all(each.met for each in results) is met


def test_every_rule_is_judged() -> None:
    """A key of the schema that no code reads would be a rule that always passes."""
    assert set(RequestsExpectation.schema.fields) == {
        *("call", "count", "at_least", "at_most", "statuses", "largest_batch", "obeys_retry_after", "pause"),
        *("headers", "keys", "items"),
    }
