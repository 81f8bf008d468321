"""Rules about a value whose type is already right.

Order and short-circuiting follow zod: rules run in the order they were given, a rule is skipped once an
issue aborted the value, except the rules about size, which look at anything that has a length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from autumn_mock.wire.schema.base import Issue, Issues, JsonSchema, Path, Schema

#: The largest integer that a double holds without a gap.
SAFE = 2**53 - 1

#: zod's idea of an email address: dotted non-empty segments, the last one not ending in an apostrophe; host
#: labels that start with a letter or digit; a top level of two letters or more.
_EMAIL = re.compile(r"(?:[\w'+-]+\.)*[\w'+-]*[\w+-]@(?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,}", re.ASCII | re.IGNORECASE)


class Constraint:
    """One rule. ``sized`` rules run even on a value of the wrong type."""

    __slots__ = ()
    sized = False

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        """Add an issue unless ``value`` keeps the rule."""
        raise NotImplementedError

    def describe(self, schema: JsonSchema) -> None:
        """Add the rule to a JSON Schema, as far as that can say it."""


def apply_constraints(rules: tuple[Constraint, ...], value: Any, path: Path, issues: Issues, since: int) -> None:
    """Run ``rules`` on a value whose own issues are those from number ``since`` on."""
    aborted = issues.aborted(since)
    for rule in rules:
        if not aborted or rule.sized:
            before = len(issues)
            rule.run(value, path, issues)
            aborted = aborted or issues.aborted(before)


def _size(value: Any) -> int | None:
    """The length as JavaScript counts it (UTF-16 units for text), or none."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2
    return len(value) if isinstance(value, list) else None


class MinSize(Constraint):
    """At least so many characters or items."""

    __slots__ = ("limit",)
    sized = True

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        size = _size(value)
        if size is None or size >= self.limit:
            return
        if isinstance(value, list):
            text = f"Too small: expected array to have >={self.limit} items"
        elif self.limit == 1:
            text = "cannot be empty"
        else:
            text = f"Too small: expected string to have >={self.limit} characters"
        issues.append(Issue(path, text, aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["minItems" if schema.get("type") == "array" else "minLength"] = self.limit


class MaxSize(Constraint):
    """At most so many characters or items."""

    __slots__ = ("limit",)
    sized = True

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        size = _size(value)
        if size is not None and size > self.limit:
            what = ("array", "items") if isinstance(value, list) else ("string", "characters")
            text = f"Too big: expected {what[0]} to have <={self.limit} {what[1]}"
            issues.append(Issue(path, text, aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["maxItems" if schema.get("type") == "array" else "maxLength"] = self.limit


class Whole(Constraint):
    """A whole number that a double holds exactly."""

    __slots__ = ()

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if isinstance(value, float) and not value.is_integer():
            issues.append(Issue(path, "Invalid input: expected int, received number"))
        elif value > SAFE:
            issues.append(Issue(path, f"Too big: expected int to be <{SAFE}", aborts=False))
        elif value < -SAFE:
            issues.append(Issue(path, f"Too small: expected int to be >-{SAFE}", aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["type"] = "integer"


class AtLeast(Constraint):
    """Not below a limit. ``text`` replaces zod's own words."""

    __slots__ = ("limit", "text")

    def __init__(self, limit: int, text: str = "") -> None:
        self.limit = limit
        self.text = text or f"Too small: expected number to be >={limit}"

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if value < self.limit:
            issues.append(Issue(path, self.text, aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["minimum"] = self.limit


class MoreThan(Constraint):
    """Above a limit."""

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if value <= self.limit:
            issues.append(Issue(path, f"Too small: expected number to be >{self.limit}", aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["exclusiveMinimum"] = self.limit


class AtMost(Constraint):
    """Not above a limit."""

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if value > self.limit:
            issues.append(Issue(path, f"Too big: expected number to be <={self.limit}", aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["maximum"] = self.limit


class NotInTheFuture(Constraint):
    """An instant (in milliseconds) that has already been."""

    __slots__ = ()

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if value > issues.now_ms:
            issues.append(Issue(path, "timestamp cannot be in the future", aborts=False))


class Matches(Constraint):
    """Only characters of one class, which ``text`` spells out."""

    __slots__ = ("pattern", "text")

    def __init__(self, pattern: str, text: str) -> None:
        self.pattern = re.compile(pattern)
        self.text = text

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if self.pattern.fullmatch(value) is None:
            issues.append(Issue(path, self.text, aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["pattern"] = f"^{self.pattern.pattern}$"


class Email(Constraint):
    """An email address."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if _EMAIL.fullmatch(value) is None:
            issues.append(Issue(path, self.text, aborts=False))

    def describe(self, schema: JsonSchema) -> None:
        schema["format"] = "email"


class Refinement(Constraint):
    """Any other rule: ``holds`` says whether it is kept, ``text`` (or what it returns) is what is printed."""

    __slots__ = ("holds", "path", "text")

    def __init__(self, holds: Callable[[Any], bool], text: str | Callable[[Any], str], path: Path) -> None:
        self.holds = holds
        self.text = text
        self.path = path

    def run(self, value: Any, path: Path, issues: Issues) -> None:
        if not self.holds(value):
            text = self.text if isinstance(self.text, str) else self.text(value)
            issues.append(Issue(path + self.path, text, aborts=False))


class Constrained(Schema):
    """A schema that carries rules. Immutable: every addition gives a new schema."""

    __slots__ = ("rules",)

    def __init__(self, rules: tuple[Constraint, ...] = ()) -> None:
        self.rules = rules

    def described(self, schema: JsonSchema) -> JsonSchema:
        """``schema`` with every rule added that JSON Schema can say."""
        for rule in self.rules:
            rule.describe(schema)
        return schema
