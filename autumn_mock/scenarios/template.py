"""Placeholders in bodies: ``${now}`` and ``${now-5m}``, an instant of the organisation's clock (ms), and ``${n}``,
the number of a copy, counted from 1 over all calls of a step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

from autumn_mock.durations import parse_duration
from autumn_mock.wire.schema import Issue, Issues, Path, Schema
from autumn_mock.wire.schema.base import JsonSchema

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_NOW = re.compile(r"now(?:(?P<sign>[+-])(?P<length>[^+-]+))?")


def fill(body: Any, now: int, number: int = 1) -> Any:
    """A body with its placeholders filled in. A text that is one placeholder becomes a number."""
    if isinstance(body, list):
        return [fill(each, now, number) for each in body]
    if isinstance(body, dict):
        return {key: fill(each, now, number) for key, each in body.items()}
    if not isinstance(body, str):
        return body
    whole = _PLACEHOLDER.fullmatch(body)
    if whole is not None:
        return _value(whole[1], now, number)
    return _PLACEHOLDER.sub(lambda found: str(_value(found[1], now, number)), body)


class TemplateBody(Schema[T]):
    """A body with placeholders."""

    def __init__(self, inner: Schema[T]) -> None:
        self._inner = inner

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        issues += _unknown_placeholders(value, path)
        return self._inner.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return self._inner.json_schema()


def _unknown_placeholders(body: Any, path: Path) -> Iterator[Issue]:
    if isinstance(body, list):
        for index, each in enumerate(body):
            yield from _unknown_placeholders(each, (*path, index))
    elif isinstance(body, dict):
        for key, each in body.items():
            yield from _unknown_placeholders(each, (*path, key))
    elif isinstance(body, str):
        for found in _PLACEHOLDER.finditer(body):
            try:
                _value(found[1], 0, 0)
            except (ValueError, OverflowError):
                yield Issue(path, f"unknown placeholder {found[0]}; use ${{now}}, ${{now-5m}} or ${{n}}")


def _value(word: str, now: int, number: int) -> int:
    if word == "n":
        return number
    found = _NOW.fullmatch(word)
    if found is None:
        raise ValueError(word)
    length = parse_duration(found["length"]) if found["length"] else 0
    return now - length if found["sign"] == "-" else now + length
