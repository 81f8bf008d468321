"""Bodies: what counts as JSON, and what is made of what does not."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock.nesting import MAX_DEPTH
from autumn_mock.wire.body import json_body


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b" [1] \r\n", [1]),
        (b"5", 5),
        (b"false", False),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (rb'{"\ud800":"\udc00x"}', {"\ufffd": "\ufffdx"}),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (b"1e999", math.inf),
        (b"-1e999", -math.inf),
        (b"9" * 5000, math.inf),
        (b"-" + b"9" * 5000, -math.inf),
        (b"1" + b"0" * 400, 10**400),
        (b"18446744073709551616", 2**64),
    ],
)
def test_json_body_reads(body: bytes, value: Any) -> None:
    assert json_body(body) == value


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"null", b"{", b"[1,]", b"NaN", b"-Infinity", b"[Infinity]", b"'a'", b'"\x01"', b"\x0c1", b"01"],
)
def test_json_body_reads_invalid_json_as_an_empty_object(body: bytes) -> None:
    assert json_body(body) == {}


def test_json_body_refuses_deep_nesting() -> None:
    assert json_body(nested(MAX_DEPTH)) != {}
    assert json_body(nested(MAX_DEPTH + 1)) == {}
    assert json_body(nested(1_000_000)) == {}
    assert json_body(b"[" + b"{}," * 500 + b'"[[["]') != {}


@given(st.binary(max_size=60))
def test_json_body_never_raises(body: bytes) -> None:
    msgspec.json.encode(json_body(body))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_json_body_reads_what_json_writes(value: Any) -> None:
    written = json.dumps(value)
    if "Infinity" in re.sub(r'"(\\.|[^"\\])*"', "", written):
        assert json_body(written.encode()) == {}
    else:
        assert json_body(written.encode()) == ({} if value is None else value)
