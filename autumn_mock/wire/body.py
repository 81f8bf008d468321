"""Reading a request body as the real server does: never an error, at worst an empty object (contract 3.1).

The content type does not matter. A byte order mark is ignored, bytes that are not UTF-8 are replaced, and a body that
is not JSON, or is ``null``, counts as ``{}``, which the schema of the call then accepts or refuses.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import msgspec

from autumn_mock.nesting import MAX_DEPTH, is_deeper_than, openings

_MARK = b"\xef\xbb\xbf"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
#: Python does not parse more digits than this; JavaScript reads them as infinity.
_MOST_DIGITS = 4300


def json_body(body: bytes) -> Any:
    """The value of ``body``. Its strings can be encoded again, and no number is NaN."""
    if body.startswith(_MARK):
        body = body[len(_MARK) :]
    try:
        value = _decode(body)
        if openings(body) > MAX_DEPTH and is_deeper_than(MAX_DEPTH, value):
            return {}
    except (ValueError, RecursionError):
        return {}
    return {} if value is None else value


def json_problem(body: bytes) -> str | None:
    """Why a body counts as ``{}``, for people; None if it is empty, or JSON."""
    if not body.strip():
        return None
    try:
        json.loads(body.removeprefix(_MARK).decode("utf-8", "replace"), parse_int=_integer, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        why = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    else:
        return None
    return f"the body is not valid JSON ({why}); it is read as {{}}"


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # msgspec is stricter than JavaScript about broken text and about numbers out of range.
        text = body.decode("utf-8", "replace")
    value = json.loads(text, parse_int=_integer, parse_constant=_refuse)
    return _mended(value) if _SURROGATE_ESCAPE.search(text) else value


def _integer(digits: str) -> int | float:
    if len(digits) > _MOST_DIGITS:
        return -math.inf if digits.startswith("-") else math.inf
    return int(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _mended(value: Any) -> Any:
    """``value`` with lone surrogates replaced, which cannot be encoded."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
