"""Every recorded answer of the real server that its request schemas decided, given by these schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest

from autumn_mock.domain.version import Version, parse_version
from autumn_mock.web.resources.registry import ROUTES
from autumn_mock.wire.body import json_body
from autumn_mock.wire.requests.customers import CustomersQuery
from autumn_mock.wire.schema import Schema, ValidationFailed, obj, parse

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"
#: Long before anything the recordings call the future, and after what they call the past.
RECORDED_AT_MS = 1_795_384_200_000

GOOD_ITEM = {"customer_id": "cus_1", "feature_id": "messages", "value": 0}
PLACEHOLDERS: dict[str, Any] = {
    "<array of 1000 x {customer_id:cus_1,feature_id:messages,value:0}>": [GOOD_ITEM] * 1000,
    "<array of 1001 valid items>": [GOOD_ITEM] * 1001,
    "<1000 valid items + {}>": [GOOD_ITEM] * 1000 + [{}],
    "<item with 200 kB property>": [{**GOOD_ITEM, "properties": {"blob": "x" * 200_000}}],
    "<item with 1.1 MB property>": [{**GOOD_ITEM, "properties": {"blob": "x" * 1_100_000}}],
}
#: Calls of other parts of the server; answered by schemas that are not these.
ELSEWHERE = frozenset({"POST /v1/billing.multi_attach", "POST /v1/referrals.create_code"})


class Exchange(NamedTuple):
    name: str
    call: str
    version: str
    query: dict[str, str]
    body: Any
    status: int
    answer: Any

    @property
    def schema(self) -> Schema | None:
        """The schema that decides the answer; None for a route that is not served."""
        if self.call.startswith("GET /v1/customers/"):
            return obj(CustomersQuery)
        endpoint = ROUTES.get(self.call)
        if endpoint is None or self.call.startswith("GET "):
            return None if endpoint is None else endpoint.query
        return endpoint.request_at(parse_version(self.version) or Version.V2_3)

    @property
    def value(self) -> Any:
        """What the schema is shown."""
        if self.call.startswith("GET "):
            return self.query
        if isinstance(self.body, str) and self.body not in PLACEHOLDERS:
            return json_body(self.body.encode())
        body = PLACEHOLDERS.get(self.body, self.body) if isinstance(self.body, str) else self.body
        return json_body(json.dumps(body).encode())


def exchange(name: str, step: dict[str, Any], status: int, answer: Any) -> Exchange:
    url = urlsplit(step["path"])
    version = step.get("x-api-version") or step.get("headers", {}).get("x-api-version") or "2.3.0"
    call = f"{step.get('method', 'POST')} {url.path}"
    return Exchange(name, call, version, dict(parse_qsl(url.query)), step.get("body"), status, answer)


def lines(file: str) -> Iterator[dict[str, Any]]:
    with (RECORDINGS / file).open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def recorded() -> Iterator[Exchange]:
    for file in ("exchanges.jsonl", "atmn.jsonl"):
        for row in lines(file):
            if "response" in row:
                yield exchange(row["name"], row["request"], row["response"]["status"], row["response"]["body"])
    for file in ("scenarios.jsonl", "scenarios-time.jsonl", "walks.jsonl"):
        for row in lines(file):
            for step in row.get("steps", []):
                if "path" in step and "response" in step:
                    yield exchange(row["scenario"], step, step["status"], step["response"])
            for result in [*row.get("results", []), *row.get("results_c", [])]:
                step = {"path": result.get("path", "/v1/plans.create"), "body": result["request"]}
                yield exchange(row["scenario"], step, result["status"], result["response"])


def refused_by_schema(row: Exchange) -> bool:
    """A late refusal has the same code, but no path in front of its text, or the status 500."""
    if row.status != 400 or not isinstance(row.answer, dict) or row.answer.get("code") != "invalid_inputs":
        return False
    return ": " in row.answer["message"]


ALL = list(recorded())
REFUSED = [row for row in ALL if refused_by_schema(row) and row.call not in ELSEWHERE]
TAKEN = [row for row in ALL if row.status < 300 and row.schema is not None]
LATE = [row for row in ALL if row.status == 500 and row.answer["message"] == "input: Invalid input"]


@pytest.mark.parametrize("row", REFUSED, ids=[f"{row.name}-{n}" for n, row in enumerate(REFUSED)])
def test_parse_refuses_as_recorded(row: Exchange) -> None:
    assert row.schema is not None
    with pytest.raises(ValidationFailed) as caught:
        parse(row.schema, row.value, now_ms=RECORDED_AT_MS)
    assert caught.value.message == row.answer["message"]


def test_parse_accepts_what_was_accepted() -> None:
    later_than_anything = RECORDED_AT_MS * 2
    for row in TAKEN:
        assert row.schema is not None
        if row.version < "2" and "product_id" in (row.body or {}):
            continue  # the oldest versions name plans differently; their requests are translated first
        try:
            parse(row.schema, row.value, now_ms=later_than_anything)
        except ValidationFailed as failure:
            pytest.fail(f"{row.name}: {row.call} {row.body!r}: {failure.message}")


def test_parse_accepts_what_was_refused_later() -> None:
    assert LATE
    for row in LATE:
        assert row.schema is not None
        parse(row.schema, row.value, now_ms=RECORDED_AT_MS)


def test_the_recordings_were_found() -> None:
    assert len(REFUSED) > 100
    assert len(TAKEN) > 1000
