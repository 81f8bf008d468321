"""A small schema vocabulary that accepts and refuses values, with the texts of zod 4, as the real server does.

>>> item = obj({"customer_id": string(), "value": optional(number())})
>>> parse(item, {"customer_id": "cus_1", "value": 2.5, "unknown": True})
{'customer_id': 'cus_1', 'value': 2.5}

Requests are declared as classes (:mod:`autumn_mock.wire.schema.params`), which are parsed to structs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, overload

from autumn_mock.wire.schema.base import (
    UNDEFINED,
    Issue,
    Issues,
    JsonSchema,
    Path,
    Schema,
    Undefined,
    ValidationFailed,
)
from autumn_mock.wire.schema.compounds import (
    Array,
    AsJson,
    CommaSeparated,
    Default,
    Map,
    Nullable,
    Object,
    Optional,
    Union,
)
from autumn_mock.wire.schema.params import P, Params, as_body, field, parse, rule, schema_of
from autumn_mock.wire.schema.rules import (
    NOT_IN_THE_FUTURE,
    WHOLE,
    Constraints,
    at_least,
    at_most,
    email_address,
    matches,
    more_than,
    sizes,
)
from autumn_mock.wire.schema.scalars import Anything, Boolean, Enum, Literal, Number, String

__all__ = ["UNDEFINED", "Issue", "Issues", "JsonSchema", "Path", "Schema", "Undefined", "ValidationFailed"]
__all__ += ["Array", "CommaSeparated", "Map", "Number", "Object", "String"]
__all__ += ["Params", "as_body", "field", "parse", "rule", "schema_of"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

_NOT_AN_EMAIL: Final = "not a valid email address"


def string(*, min: int = 0, max: int | None = None, trim: bool = False) -> String:
    """Text of ``min`` to ``max`` characters."""
    return String(sizes(min, max, "Length"), trim=trim)


def identifier() -> String:
    """A non-empty id of letters, numbers, underscores and hyphens."""
    allowed = matches("[a-zA-Z0-9_-]+", "must contain only letters, numbers, underscores, hyphens")
    return String((*sizes(1, None, "Length"), allowed))


def email() -> String:
    """An email address; everything else, text or not, is refused with one text."""
    return String((email_address(_NOT_AN_EMAIL),), type_text=_NOT_AN_EMAIL)


def number(*, min: int | None = None, max: int | None = None, min_text: str = "") -> Number[float]:
    """A finite number. ``min_text`` replaces the text for one that is too small."""
    return Number(_bounds(min, max, min_text))


def integer(*, min: int | None = None, max: int | None = None) -> Number[int]:
    """A whole number within the range that a double holds exactly."""
    return Number((*WHOLE, *_bounds(min, max)))


def instant() -> Number[int]:
    """An instant in milliseconds since the epoch."""
    return Number((*WHOLE, *WHOLE, at_least(0)))


def past_instant() -> Number[int]:
    """An instant after the epoch that is not in the future. Needs ``parse(..., now_ms=...)``."""
    return Number((*WHOLE, *WHOLE, at_least(0), more_than(0), NOT_IN_THE_FUTURE))


def coerced_number() -> Number[float]:
    """A number, or a value that JavaScript converts to one."""
    return Number(coerce=True)


def coerced_integer(*, min: int | None = None, max: int | None = None) -> Number[int]:
    """A whole number, or a value that JavaScript converts to one, as for the ``limit`` of lists."""
    return Number((*WHOLE, *_bounds(min, max)), coerce=True)


def boolean() -> Boolean:
    """True or false."""
    return Boolean()


def literal(value: T) -> Literal[T]:
    """This value only."""
    return Literal(value)


def enum(*values: T, unlisted: tuple[T, ...] = ()) -> Enum[T]:
    """One of ``values``, or of the ``unlisted`` ones, which newer clients send and the issue does not name."""
    return Enum(values, unlisted)


@overload
def union(first: Schema[A], second: Schema[B], /) -> Schema[A | B]: ...
@overload
def union(first: Schema[A], second: Schema[B], third: Schema[C], /) -> Schema[A | B | C]: ...
def union(*options: Schema[Any]) -> Schema[Any]:
    """Any of several schemas."""
    return Union(options)


def array(item: Schema[T], *, min: int = 0, max: int | None = None) -> Array[T]:
    """A list of ``min`` to ``max`` items."""
    return Array(item, sizes(min, max, "Items"))


def comma_separated(item: Schema[T]) -> CommaSeparated[T]:
    """A list in a query string."""
    return CommaSeparated(Array(item))


@overload
def record() -> Map[Any]: ...
@overload
def record(value: Schema[T]) -> Map[T]: ...
def record(value: Schema[Any] | None = None) -> Map[Any]:
    """A map from any keys to ``value``, or to anything."""
    return Map(value or Anything())


@overload
def obj(fields: type[P]) -> Object[P]: ...
@overload
def obj(fields: Mapping[str, Schema[Any]]) -> Object[dict[str, Any]]: ...
@overload
def obj(fields: Mapping[str, Schema[Any]], build: Callable[..., T]) -> Object[T]: ...
def obj(fields: Any, build: Any = None) -> Object[Any]:
    """A class of parameters, or a map with these keys, checked in this order; other keys are dropped.

    ``build`` is the struct that a map is parsed to.
    """
    return schema_of(fields) if isinstance(fields, type) else Object(fields, build=build)


def as_json(params: type[P]) -> AsJson:
    """Parameters that are parsed to a plain map, as records keep them. Their rules judge their own fields only."""
    return AsJson(schema_of(params))


def optional(inner: Schema[T]) -> Optional[T]:
    """May be absent."""
    return Optional(inner)


def nullable(inner: Schema[T]) -> Nullable[T]:
    """May be null."""
    return Nullable(inner)


def nullish(inner: Schema[T]) -> Optional[T | None]:
    """May be absent or null."""
    return Optional(Nullable(inner))


def default(inner: Schema[T], value: T) -> Default[T]:
    """May be absent, and is ``value`` then."""
    return Default(inner, value)


def anything() -> Anything:
    """Any JSON value."""
    return Anything()


def _bounds(min: int | None, max: int | None, min_text: str = "") -> Constraints:
    lower = () if min is None else (at_least(min, min_text),)
    return lower if max is None else (*lower, at_most(max))
