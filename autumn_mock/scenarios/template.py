"""What bodies leave open: ``${now}`` and ``${now-5m}``, an instant of the organisation's clock in milliseconds, and
``${n}``, the number of a copy, counted from 1 over all calls of a step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from autumn_mock.durations import parse_duration
from autumn_mock.wire.schema import Issue, Path

_PLACE = re.compile(r"\$\{([^}]*)\}")
_NOW = re.compile(r"now(?:(?P<sign>[+-])(?P<length>[^+-]+))?")


def fill(body: Any, now: int, number: int = 1) -> Any:
    """A body with everything filled in. A text that is one place and nothing else becomes a number."""
    if isinstance(body, list):
        return [fill(each, now, number) for each in body]
    if isinstance(body, dict):
        return {key: fill(each, now, number) for key, each in body.items()}
    if not isinstance(body, str):
        return body
    whole = _PLACE.fullmatch(body)
    if whole is not None:
        return _value(whole[1], now, number)
    return _PLACE.sub(lambda found: str(_value(found[1], now, number)), body)


def mistakes(body: Any, path: Path) -> Iterator[Issue]:
    """The places of a body that nothing can be filled into."""
    if isinstance(body, list):
        for index, each in enumerate(body):
            yield from mistakes(each, (*path, index))
    elif isinstance(body, dict):
        for key, each in body.items():
            yield from mistakes(each, (*path, key))
    elif isinstance(body, str):
        for found in _PLACE.finditer(body):
            try:
                _value(found[1], 0, 0)
            except (ValueError, OverflowError):
                yield Issue(path, f"{found[0]} is nothing that can be filled in; write ${{now}}, ${{now-5m}} or ${{n}}")


def _value(word: str, now: int, number: int) -> int:
    return number if word == "n" else now + _offset(word)


def _offset(word: str) -> int:
    found = _NOW.fullmatch(word)
    if found is None:
        raise ValueError(word)
    length = parse_duration(found["length"]) if found["length"] else 0
    return -length if found["sign"] == "-" else length
