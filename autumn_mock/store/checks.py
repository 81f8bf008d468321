"""Checks the values of records that were read from a file: JSON may hold what no call lets in.

Records are checked many at a time, by iterators that run in C: a million events have some million amounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import inspect

from autumn_mock.nesting import MAX_DEPTH, is_deeper_than

#: Digits before or after the point. A product of two doubles, which the ledger can make, has 617 at most.
_MOST_DIGITS = 700

#: All values at one place in some records.
Values = Callable[[Iterable[Any]], Iterable[Any]]


class Place(NamedTuple):
    """A place in the records of a kind whose values are checked."""

    name: str
    values: Values
    #: What is wrong with some values; None if nothing is.
    problem: Callable[[Iterable[Any]], str | None]


def problem(records: Sequence[Any]) -> str | None:
    """What is wrong with a value in records of one kind, with its field; None if nothing is."""
    for place in _places_of(type(records[0])) if records else ():
        why = place.problem(place.values(records))
        if why is not None:
            return f"{place.name} {why}"
    return None


def _amounts(values: Iterable[Decimal]) -> str | None:
    amounts = list(values)
    if not all(map(Decimal.is_finite, amounts)):
        return "is not a finite number"
    if any(abs(each) > _MOST_DIGITS for each in set(map(Decimal.adjusted, filter(None, amounts)))):
        return f"is out of range: a number has at most {_MOST_DIGITS} digits on each side of the point"
    return None


def _divisors(values: Iterable[Decimal]) -> str | None:
    divisors = list(values)
    return _amounts(divisors) or (None if all(divisors) else "must not be 0")


def _nested(values: Iterable[Any]) -> str | None:
    found = list(values)
    if {dict, list}.isdisjoint(map(type, found)) or not is_deeper_than(MAX_DEPTH, found):
        return None
    return f"is nested more than {MAX_DEPTH} levels deep"


#: The places of the kinds that were checked.
_KNOWN: dict[type[Any], list[Place]] = {}


def _places_of(kind: type[Any]) -> list[Place]:
    if kind not in _KNOWN:
        _KNOWN[kind] = list(_places(inspect.type_info(kind), "", lambda records: records))
    return _KNOWN[kind]


def _places(kind: inspect.Type, path: str, found: Values) -> Iterator[Place]:
    """Every place that is checked within the values of a type, which are ``found`` at a path."""
    if isinstance(kind, inspect.Metadata):
        divides = (kind.extra or {}).get("divisor", False)
        yield from [Place(path, found, _divisors)] if divides else _places(kind.type, path, found)
    elif isinstance(kind, inspect.DecimalType):
        yield Place(path, found, _amounts)
    elif isinstance(kind, inspect.FloatType):
        yield Place(path, _each(Decimal, found), _amounts)
    elif isinstance(kind, inspect.AnyType):
        yield Place(path, found, _nested)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            if not isinstance(each, inspect.NoneType):
                yield from _places(each, path, _those(each, found))
    elif isinstance(kind, inspect.VarTupleType):
        yield from _places(kind.item_type, f"{path}[]", _inside(found))
    elif isinstance(kind, inspect.TupleType):
        yield from _places(kind.item_types[0], f"{path}[]", _inside(found))
    elif isinstance(kind, inspect.DictType):
        yield from _places(kind.value_type, f"{path}[]", _inside(_each(dict.values, found)))
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            name = f"{path}.{field.encode_name}" if path else field.encode_name
            yield from _places(field.type, name, _each(attrgetter(field.name), found))


def _each(what: Callable[[Any], Any], found: Values) -> Values:
    return lambda records: map(what, found(records))


def _inside(found: Values) -> Values:
    return lambda records: chain.from_iterable(found(records))


def _those(kind: inspect.Type, found: Values) -> Values:
    """The values of one type of a union."""
    if isinstance(kind, inspect.FloatType):
        return lambda records: (each for each in found(records) if type(each) in (int, float))
    if isinstance(kind, inspect.DecimalType):
        return lambda records: (each for each in found(records) if each is not None)
    return lambda records: filter(None, found(records))
