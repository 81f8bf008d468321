"""Cursors of lists: the place where the next page begins, as an opaque text.

A cursor is base64url without padding of ``{"v":0,"id":...,"t":...}``: the id and time of the previous row. The time
is in ms, for events in µs.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import msgspec

from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.schema.base import UNDEFINED, kind_of

_VERSION = 0
_NOT_IN_ALPHABET = re.compile(r"[^A-Za-z0-9_-]")


def encode_cursor(t: int, id: str | None) -> str:
    """The cursor behind a row with this time and id."""
    payload = msgspec.json.encode({"v": _VERSION, "id": id, "t": t})
    return base64.urlsafe_b64encode(payload).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[int, str]:
    """The (time, id) of a cursor. Raises :class:`ApiError` (400, ``invalid_cursor``)."""
    try:
        payload = msgspec.json.decode(_decoded(cursor))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid("cursor payload is not valid JSON") from None
    issues = _issues(payload)
    if issues:
        raise _invalid(f"cursor shape mismatch: {json.dumps(issues, indent=2)}")
    return int(payload["t"]), payload["id"]


def _decoded(cursor: str) -> bytes:
    """Decoded as the real server does: characters outside the alphabet are ignored."""
    text = _NOT_IN_ALPHABET.sub("", cursor.partition("=")[0].replace("+", "-").replace("/", "_"))
    if len(text) % 4 == 1:  # six bits do not make a byte
        text = text[:-1]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _issues(payload: Any) -> list[dict[str, Any]]:
    """The errors in a payload, as the real server's validator prints them."""
    if not isinstance(payload, dict):
        return [_wrong_type("object", payload)]
    issues: list[dict[str, Any]] = []
    if isinstance(payload.get("v"), bool) or payload.get("v") != _VERSION:
        expected = f"Invalid input: expected {_VERSION}"
        issues.append({"code": "invalid_value", "values": [_VERSION], "path": ["v"], "message": expected})
    for name, expected in (("id", "string"), ("t", "number")):
        value = payload.get(name, UNDEFINED)
        if kind_of(value) != expected:
            issues.append(_wrong_type(expected, value, name))
    return issues


def _wrong_type(expected: str, value: Any, *path: str) -> dict[str, Any]:
    return {
        "expected": expected,
        "code": "invalid_type",
        "path": list(path),
        "message": f"Invalid input: expected {expected}, received {kind_of(value)}",
    }


def _invalid(message: str) -> ApiError:
    return ApiError(400, message, "invalid_cursor")
