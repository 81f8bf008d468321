"""Strings, numbers, booleans and fixed values."""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeVar

from autumn_mock.wire.schema.base import UNDEFINED, Issue, Issues, JsonSchema, Path, Schema, must_be
from autumn_mock.wire.schema.rules import WHOLE, Constrained, Constraints, apply_rules

T = TypeVar("T")
N = TypeVar("N", int, float)

#: The largest whole number that still rounds to a finite double.
MAX_DOUBLE = 2**1024 - 2**970 - 1
_NUMERAL = re.compile(r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_RADIX = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")


class Anything(Schema[Any]):
    """Any JSON value, or none."""

    __slots__ = ()
    takes_absence = True

    def check(self, value: Any, path: Path, issues: Issues) -> Any:  # noqa: ARG002  # the signature of every schema
        return value

    def json_schema(self) -> JsonSchema:
        return {}


class String(Constrained[str]):
    """Text. ``trim`` removes white space around it first; ``type_text`` replaces the text for a wrong type."""

    __slots__ = ("trim", "type_text")

    def __init__(self, rules: Constraints = (), *, trim: bool = False, type_text: str = "") -> None:
        super().__init__(rules)
        self.trim = trim
        self.type_text = type_text

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        since = len(issues)
        if not isinstance(value, str):
            issues.append(Issue(path, self.type_text or must_be("string", value)))
        elif self.trim:
            value = value.strip()
        if self.rules:
            apply_rules(self.rules, value, path, issues, since)
        return value

    def json_schema(self) -> JsonSchema:
        return self.described({"type": "string"})


class Number(Constrained[N]):
    """A finite number. With the rules :data:`WHOLE` a float like ``5.0`` is parsed to ``5``.

    A number that no double can hold is infinite to the real server and refused as such.
    """

    __slots__ = ("coerce", "whole")

    def __init__(self, rules: Constraints = (), *, coerce: bool = False) -> None:
        super().__init__(rules)
        self.coerce = coerce
        self.whole = WHOLE[0] in rules

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if self.coerce:
            value = _to_number(value)
        since = len(issues)
        if not _is_finite_number(value):
            issues.append(Issue(path, must_be("number", value)))
            return value
        if self.rules:
            apply_rules(self.rules, value, path, issues, since)
            if self.whole and isinstance(value, float) and value.is_integer():
                return int(value)
        return value

    def json_schema(self) -> JsonSchema:
        return self.described({"type": "number"})


class Boolean(Schema[bool]):
    """True or false."""

    __slots__ = ()

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, bool):
            issues.append(Issue(path, must_be("boolean", value)))
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "boolean"}


class Literal(Schema[T]):
    """One value."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if type(value) is not type(self.value) or value != self.value:
            issues.append(Issue(path, f"Invalid input: expected {json.dumps(self.value)}"))
        return value

    def json_schema(self) -> JsonSchema:
        return {"const": self.value}


class Enum(Schema[T]):
    """One of several strings. ``unlisted`` ones are accepted, but the issue does not name them."""

    __slots__ = ("unlisted", "values")

    def __init__(self, values: tuple[T, ...], unlisted: tuple[T, ...] = ()) -> None:
        self.values = values
        self.unlisted = unlisted

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, str) or not (value in self.values or value in self.unlisted):
            issues.append(Issue(path, self._text()))
        return value

    def _text(self) -> str:
        if len(self.values) == 1:
            return f'Invalid input: expected "{self.values[0]}"'
        return f"must be one of: {', '.join(map(str, self.values))}"

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "enum": [*self.values, *self.unlisted]}


def _is_finite_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and -MAX_DOUBLE <= value <= MAX_DOUBLE


def _to_number(value: Any) -> Any:
    """What JavaScript's ``Number(value)`` gives, for any value that JSON or a query string can hold."""
    if value is UNDEFINED or isinstance(value, dict):
        return math.nan
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        if len(value) != 1 or isinstance(value[0], (bool, dict)):
            return math.nan if value else 0
        return _to_number(value[0])
    return _of_text(value.strip()) if isinstance(value, str) else value


def _of_text(text: str) -> int | float:
    if not text:
        return 0
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if not _NUMERAL.fullmatch(text):
        return math.nan
    number = float(text)
    return int(number) if number.is_integer() else number
