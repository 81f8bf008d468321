from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.cursor import decode_cursor, encode_cursor


def wrapped(payload: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")


def refusal(cursor: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        decode_cursor(cursor)
    assert (caught.value.status, caught.value.code) == (400, "invalid_cursor")
    return caught.value


def test_decode_cursor_of_a_recorded_one() -> None:
    cursor = "eyJ2IjowLCJpZCI6ImV2dF8zTVRocGtsb1ZzUEFSTnBhcEhKV3JIRDlOenUiLCJ0IjoxNzk1MzgwNjQ5Mzc3MDAwfQ"
    assert decode_cursor(cursor) == (1795380649377000, "evt_3MThpkloVsPARNpapHJWrHD9Nzu")
    assert encode_cursor(1795380649377000, "evt_3MThpkloVsPARNpapHJWrHD9Nzu") == cursor


@given(t=st.integers(-(2**53), 2**53), id=st.text())
def test_decode_cursor_reverses_encode_cursor(t: int, id: str) -> None:
    cursor = encode_cursor(t, id)
    assert decode_cursor(cursor) == (t, id)
    assert decode_cursor(cursor + "==") == (t, id)
    assert not set(cursor) & set("+/=")


@given(st.text() | st.text("abcdXYZ019-_+/=", max_size=30))
def test_decode_cursor_decodes_or_refuses_any_text(cursor: str) -> None:
    with suppress(ApiError):
        decode_cursor(cursor)


@pytest.mark.parametrize("cursor", ["xx", "zzz", "garbage", "=", "e30x", "[" * 9])
def test_decode_cursor_refuses_invalid_json(cursor: str) -> None:
    assert refusal(cursor).message == "cursor payload is not valid JSON"


def test_decode_cursor_names_missing_keys() -> None:
    assert refusal(wrapped({"v": 0, "id": "a"})).message == (
        "cursor shape mismatch: [\n"
        "  {\n"
        '    "expected": "number",\n'
        '    "code": "invalid_type",\n'
        '    "path": [\n'
        '      "t"\n'
        "    ],\n"
        '    "message": "Invalid input: expected number, received undefined"\n'
        "  }\n"
        "]"
    )


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ([], [([], "Invalid input: expected object, received array")]),
        (7, [([], "Invalid input: expected object, received number")]),
        ({"v": 1, "id": "a", "t": 1}, [(["v"], "Invalid input: expected 0")]),
        ({"v": False, "id": "a", "t": 1}, [(["v"], "Invalid input: expected 0")]),
        (
            {"v": 0, "id": None, "t": "1"},
            [
                (["id"], "Invalid input: expected string, received null"),
                (["t"], "Invalid input: expected number, received string"),
            ],
        ),
    ],
)
def test_decode_cursor_names_wrong_values(payload: Any, expected: list[tuple[list[str], str]]) -> None:
    message = refusal(wrapped(payload)).message
    issues = json.loads(message.removeprefix("cursor shape mismatch: "))
    assert [(issue["path"], issue["message"]) for issue in issues] == expected
