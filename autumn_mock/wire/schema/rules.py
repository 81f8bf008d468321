"""Constraints about a value whose type is already right.

Order and short-circuiting follow zod: rules are applied in the order they were given; once an issue aborted the value,
only the rules about size are applied, which accept any value that has a length.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from autumn_mock.wire.schema.base import Issue, Issues, JsonSchema, Path, Schema, T_co

if TYPE_CHECKING:
    from typing_extensions import Self

#: The largest integer that a double holds without a gap.
SAFE = 2**53 - 1

#: zod's definition of an email address: dotted non-empty segments, the last one not ending in an apostrophe; host
#: labels that start with a letter or digit; a top level of two letters or more.
_EMAIL = re.compile(r"(?:[\w'+-]+\.)*[\w'+-]*[\w+-]@(?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,}", re.ASCII | re.IGNORECASE)


class Constraint(NamedTuple):
    """One constraint: the value and the present instant (ms) must satisfy ``holds``."""

    holds: Callable[[Any, int], bool]
    #: The text of the issue, or a function of the value.
    text: str | Callable[[Any], str]
    #: The rule in JSON Schema, where that can express it.
    keywords: JsonSchema = {}  # never changed
    #: Where the issue is, or a function of the value.
    path: Path | Callable[[Any], Path] = ()
    aborts: bool = False
    #: Whether it is applied to values of the wrong type as well.
    sized: bool = False


Constraints = tuple[Constraint, ...]


def apply_rules(rules: Constraints, value: Any, path: Path, issues: Issues, since: int) -> None:
    """Apply ``rules`` to a value whose own issues are those from number ``since`` on."""
    aborted = issues.aborted(since)
    for rule in rules:
        if (not aborted or rule.sized) and not rule.holds(value, issues.now_ms):
            text = rule.text if isinstance(rule.text, str) else rule.text(value)
            inner = rule.path if isinstance(rule.path, tuple) else rule.path(value)
            issues.append(Issue(path + inner, text, rule.aborts))
            aborted = aborted or rule.aborts


#: A whole number that a double holds exactly.
WHOLE: Constraints = (
    Constraint(
        lambda value, _: not isinstance(value, float) or value.is_integer(),
        "Invalid input: expected int, received number",
        {"type": "integer"},
        aborts=True,
    ),
    Constraint(lambda value, _: value <= SAFE, f"Too big: expected int to be <{SAFE}"),
    Constraint(lambda value, _: value >= -SAFE, f"Too small: expected int to be >-{SAFE}"),
)

#: An instant (ms) that is not in the future.
NOT_IN_THE_FUTURE = Constraint(lambda value, now: bool(value <= now), "timestamp cannot be in the future")


def at_least(limit: int, text: str = "") -> Constraint:
    """A number not below ``limit``. ``text`` replaces zod's own."""
    text = text or f"Too small: expected number to be >={limit}"
    return Constraint(lambda value, _: bool(value >= limit), text, {"minimum": limit})


def more_than(limit: int) -> Constraint:
    """A number above ``limit``."""
    text = f"Too small: expected number to be >{limit}"
    return Constraint(lambda value, _: bool(value > limit), text, {"exclusiveMinimum": limit})


def at_most(limit: int) -> Constraint:
    """A number not above ``limit``."""
    return Constraint(
        lambda value, _: bool(value <= limit), f"Too big: expected number to be <={limit}", {"maximum": limit}
    )


def sizes(min: int, max: int | None, what: str) -> Constraints:
    """From ``min`` to ``max`` characters (``what`` is ``Length``) or items (``Items``)."""
    rules = []
    if min:

        def too_small(value: Any) -> str:
            return "cannot be empty" if min == 1 and isinstance(value, str) else _size_text("small", ">=", value, min)

        rules.append(Constraint(lambda value, _: _size(value, min) >= min, too_small, {f"min{what}": min}, sized=True))
    if max is not None:
        rules.append(
            Constraint(
                lambda value, _: _size(value, max) <= max,
                lambda value: _size_text("big", "<=", value, max),
                {f"max{what}": max},
                sized=True,
            )
        )
    return tuple(rules)


def _size(value: Any, default: int) -> int:
    """The length as JavaScript counts it (UTF-16 units for text), or ``default`` for what has none."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2
    return len(value) if isinstance(value, list) else default


def _size_text(size: str, sign: str, value: Any, limit: int) -> str:
    what, parts = ("array", "items") if isinstance(value, list) else ("string", "characters")
    return f"Too {size}: expected {what} to have {sign}{limit} {parts}"


def matches(pattern: str, text: str) -> Constraint:
    """Text that a regular expression matches as a whole."""
    found = re.compile(pattern)
    return Constraint(lambda value, _: found.fullmatch(value) is not None, text, {"pattern": f"^{pattern}$"})


def email_address(text: str) -> Constraint:
    """An email address."""
    return Constraint(lambda value, _: _EMAIL.fullmatch(value) is not None, text, {"format": "email"})


V = TypeVar("V")


class Constrained(Schema[T_co]):
    """A schema that carries rules. Immutable: every addition makes a new schema."""

    __slots__ = ("rules",)

    def __init__(self, rules: Constraints = ()) -> None:
        self.rules = rules

    def refine(
        self,
        holds: Callable[[Any], bool],
        text: str | Callable[[Any], str],
        path: Path | Callable[[Any], Path] = (),
    ) -> Self:
        """The same schema with one more rule, whose issue is reported at ``path``."""
        refined = copy.copy(self)
        refined.rules = (*self.rules, Constraint(lambda value, _: holds(value), text, path=path))
        return refined

    def described(self, schema: JsonSchema) -> JsonSchema:
        """``schema`` with every rule added that JSON Schema can express."""
        for rule in self.rules:
            schema |= rule.keywords
        return schema
