"""A small schema vocabulary that accepts, refuses and words its refusals as zod 4 does on the real server.

>>> item = obj({"customer_id": string(), "value": optional(number())})
>>> parse(item, {"customer_id": "cus_1", "value": 2.5, "unknown": True})
{'customer_id': 'cus_1', 'value': 2.5}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autumn_mock.wire.schema.base import (
    UNDEFINED,
    Issue,
    Issues,
    JsonSchema,
    Path,
    Schema,
    Undefined,
    ValidationFailed,
    parse,
)
from autumn_mock.wire.schema.checks import (
    AtLeast,
    AtMost,
    Constraint,
    Email,
    Matches,
    MaxSize,
    MinSize,
    MoreThan,
    NotInTheFuture,
    Whole,
)
from autumn_mock.wire.schema.compounds import (
    Array,
    CommaSeparated,
    Default,
    Nullable,
    Object,
    Optional,
    Record,
    Union,
)
from autumn_mock.wire.schema.scalars import Anything, Boolean, Enum, Literal, Number, String

__all__ = [
    "UNDEFINED",
    "Array",
    "CommaSeparated",
    "Issue",
    "Issues",
    "JsonSchema",
    "Number",
    "Object",
    "Path",
    "Record",
    "Schema",
    "String",
    "Undefined",
    "ValidationFailed",
    "anything",
    "array",
    "boolean",
    "coerced_integer",
    "coerced_number",
    "comma_separated",
    "default",
    "email",
    "enum",
    "identifier",
    "instant",
    "integer",
    "literal",
    "nullable",
    "nullish",
    "number",
    "obj",
    "optional",
    "parse",
    "past_instant",
    "record",
    "string",
    "union",
]

_NOT_AN_EMAIL: Final = "not a valid email address"


def string(*, min: int = 0, max: int | None = None, trim: bool = False) -> String:
    """Text of ``min`` to ``max`` characters."""
    rules: list[Constraint] = []
    if min:
        rules.append(MinSize(min))
    if max is not None:
        rules.append(MaxSize(max))
    return String(tuple(rules), trim=trim)


def identifier() -> String:
    """A non-empty id of letters, numbers, underscores and hyphens."""
    allowed = Matches(r"[a-zA-Z0-9_-]+", "must contain only letters, numbers, underscores, hyphens")
    return String((MinSize(1), allowed))


def email() -> String:
    """An email address; everything else, text or not, is refused with the same words."""
    return String((Email(_NOT_AN_EMAIL),), type_text=_NOT_AN_EMAIL)


def number(*, min: int | None = None, max: int | None = None, min_text: str = "") -> Number:
    """A finite number. ``min_text`` replaces the words for one that is too small."""
    return Number(_bounds(min, max, min_text))


def integer(*, min: int | None = None, max: int | None = None) -> Number:
    """A whole number within the range that a double holds exactly."""
    return Number((Whole(), *_bounds(min, max)))


def instant() -> Number:
    """A moment in milliseconds since the epoch."""
    return Number((Whole(), Whole(), AtLeast(0)))


def past_instant() -> Number:
    """A moment after the epoch that is not in the future. Needs ``parse(..., now_ms=...)``."""
    return Number((Whole(), Whole(), AtLeast(0), MoreThan(0), NotInTheFuture()))


def coerced_number() -> Number:
    """A number, or anything that JavaScript turns into one."""
    return Number(coerce=True)


def coerced_integer(*, min: int | None = None, max: int | None = None) -> Number:
    """A whole number, or anything that JavaScript turns into one; lists take their ``limit`` so."""
    return Number((Whole(), *_bounds(min, max)), coerce=True)


def boolean() -> Boolean:
    """True or false."""
    return Boolean()


def literal(value: str | bool | int) -> Literal:
    """This value only."""
    return Literal(value)


def enum(*values: str, unlisted: tuple[str, ...] = ()) -> Enum:
    """One of ``values``, or of ``unlisted`` ones that newer clients send and the refusal does not name."""
    return Enum(values, unlisted)


def union(*options: Schema) -> Union:
    """Any of ``options``."""
    return Union(options)


def array(item: Schema, *, min: int = 0, max: int | None = None) -> Array:
    """A list of ``min`` to ``max`` items."""
    rules: list[Constraint] = []
    if min:
        rules.append(MinSize(min))
    if max is not None:
        rules.append(MaxSize(max))
    return Array(item, tuple(rules))


def comma_separated(item: Schema) -> CommaSeparated:
    """A list in a query string."""
    return CommaSeparated(Array(item))


def record(value: Schema | None = None) -> Record:
    """A map from any keys to ``value``, or to anything."""
    return Record(value or Anything())


def obj(fields: Mapping[str, Schema]) -> Object:
    """A map with these keys, checked in this order; others are dropped."""
    return Object(fields)


def optional(inner: Schema) -> Optional:
    """May be left out."""
    return Optional(inner)


def nullable(inner: Schema) -> Nullable:
    """May be null."""
    return Nullable(inner)


def nullish(inner: Schema) -> Optional:
    """May be left out or null."""
    return Optional(Nullable(inner))


def default(inner: Schema, value: str | int | bool | None) -> Default:
    """May be left out, and is ``value`` then."""
    return Default(inner, value)


def anything() -> Anything:
    """Whatever JSON can hold."""
    return Anything()


def _bounds(min: int | None, max: int | None, min_text: str = "") -> tuple[Constraint, ...]:
    rules: list[Constraint] = []
    if min is not None:
        rules.append(AtLeast(min, min_text))
    if max is not None:
        rules.append(AtMost(max))
    return tuple(rules)
