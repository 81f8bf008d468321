"""The reference of request bodies: complete, and what the server does."""

from __future__ import annotations

import re

import pytest

from autumn_mock.docs import topics
from autumn_mock.domain.version import Version
from autumn_mock.testing.mock import AutumnMock
from autumn_mock.web.resources.registry import ENDPOINTS
from tests.docs.bodies import CALLS, MEANINGS, SHARED, fields, kind
from tests.testing.calls import post

_SCHEMAS = {each.name: each.request_at(Version.NEWEST) for each in ENDPOINTS}


@pytest.mark.parametrize("call", CALLS)
def test_every_field_has_a_row(call: str) -> None:
    schema = _SCHEMAS[call]
    assert schema is not None
    described = schema.json_schema()
    described = described.get("items", described)
    assert set(described["properties"]) == {each.path for each in fields(call) if "." not in each.path}
    assert {each.path for each in fields(call) if each.required and "." not in each.path} == set(
        described.get("required", ())
    )


def test_every_meaning_is_used() -> None:
    text = topics()["request-bodies"].text
    assert [name for name, meaning in MEANINGS.items() if f"| {meaning} |" not in text] == []
    assert [name for name in SHARED if f"## {name}" not in text] == []


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 9}, "string, not empty, at most 9 characters"),
        (
            {"type": "integer", "minimum": 1, "maximum": 5, "default": 2},
            "integer, at least 1, at most 5; `2` without it",
        ),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": 0}, "integer, above 0"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "list of `a` `b`"),
        ({"const": True}, "`true`"),
        ({"type": "boolean", "default": False}, "boolean; `false` without it"),
    ],
)
def test_types_are_written_with_their_limits(schema: dict[str, object], written: str) -> None:
    assert kind(schema) == written


@pytest.mark.parametrize("call", [each for each in CALLS if each != "events.list"])
def test_the_server_requires_what_the_table_marks(autumn_mock: AutumnMock, call: str) -> None:
    """An empty body, or an empty item, is refused with all required fields in the message."""
    reply = post(autumn_mock, call, [{}] if ".batch_" in call else {})
    assert (reply.status, reply.body["code"]) == (400, "invalid_inputs")
    named = set(re.findall(r"(?:0\.)?(\w+): ", reply.body["message"].removeprefix("[Validation Errors] ")))
    assert {each.path for each in fields(call) if each.required and "." not in each.path} <= named


def test_track_is_queued_by_default_from_2_5_on(autumn_mock: AutumnMock) -> None:
    body = {"customer_id": "cus_456", "feature_id": "messages"}
    statuses = [post(autumn_mock, "balances.track", body, x_api_version=each).status for each in ("2.4", "2.5")]
    assert statuses == [200, 202]
    assert post(autumn_mock, "balances.track", {**body, "async": False}, x_api_version="2.5").status == 200
