"""Request parameters: a struct and its schema from one declaration.

>>> class Example(Params):
...     customer_id: str = field(String())
...     value: float = field(Number(), default=1)
...
...     @rule("value must not be 0", ("value",))
...     def _has_a_value(self) -> bool:
...         return self.value != 0
>>> parse(Example, {"customer_id": "cus_1", "unknown": True})
Example(customer_id='cus_1', value=1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec
from msgspec import NODEFAULT, UNSET, Struct, StructMeta

from autumn_mock.wire.schema.base import Issues, Path, Schema, ValidationFailed
from autumn_mock.wire.schema.compounds import Default, Object, Optional
from autumn_mock.wire.schema.rules import Constraint

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[Any], Any]:
        return lambda decorated: decorated


T = TypeVar("T")
D = TypeVar("D")
P = TypeVar("P", bound="Params")
R = TypeVar("R", bound=Callable[[Any], bool])


class _Field:
    """A field before its class is made."""

    def __init__(self, schema: Schema[Any], default: Any) -> None:
        self.default = default
        self.schema = schema
        if default is not NODEFAULT:
            self.schema = Optional(schema) if default is None or default is UNSET else Default(schema, default)


@overload
def field(schema: Schema[T]) -> T: ...
@overload
def field(schema: Schema[T], *, default: D) -> T | D: ...
def field(schema: Schema[Any], *, default: Any = NODEFAULT) -> Any:
    """A key of a request.

    With ``default`` the key may be absent; the attribute then has that value: None, or ``UNSET`` where null means
    something else.
    """
    return _Field(schema, default)


def rule(text: str, path: Path = ()) -> Callable[[R], R]:
    """Declare a method as a rule about the whole object; its issue is reported at ``path``."""

    def declare(holds: R) -> R:
        holds.rule = Constraint(lambda params, _: holds(params), text, path=path)  # type: ignore[attr-defined]  # a function
        return holds

    return declare


class _ParamsMeta(StructMeta):
    """Makes the schema of a class from its fields and rules, those of its base class included."""

    schema: Object[Any]

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], leading: tuple[str, ...] = (), **config: Any
    ) -> Any:
        """``leading``: own fields that are checked before the inherited ones."""
        own = {key: value for key, value in namespace.items() if isinstance(value, _Field)}
        for key in namespace.get("__annotations__", ()):
            if key not in own:
                raise TypeError(f"{name}.{key} has no schema: declare it with field(...)")
        for key, value in own.items():
            del namespace[key]
            if value.default is not NODEFAULT:
                namespace[key] = value.default
        made: Any = super().__new__(mcs, name, bases, namespace, **{"kw_only": True, **config})
        inherited: Object[Any] | None = next((base.schema for base in bases if isinstance(base, _ParamsMeta)), None)
        fields = {key.removesuffix("_"): value.schema for key, value in own.items()}
        first = {key: fields[key] for key in leading}
        rules = [each.rule for each in namespace.values() if hasattr(each, "rule")]
        if inherited is not None:
            fields = {**first, **inherited.fields, **fields}
            rules = [*inherited.rules, *rules]
        made.schema = Object(fields, tuple(rules), made)
        return made


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Params(Struct, metaclass=_ParamsMeta, frozen=True, gc=False):
    """The base of request parameters. Every field is declared with :func:`field`."""


def schema_of(params: type[P]) -> Object[P]:
    """The schema that parses to a class of parameters."""
    return params.schema


@overload
def parse(schema: type[P], value: Any, *, now_ms: int = 0) -> P: ...
@overload
def parse(schema: Schema[T], value: Any, *, now_ms: int = 0) -> T: ...
def parse(schema: Any, value: Any, *, now_ms: int = 0) -> Any:
    """The parsed ``value``; raises :class:`ValidationFailed` with every issue.

    ``now_ms`` is needed by schemas with a rule about the present.
    """
    issues = Issues(now_ms)
    checked: Schema[Any] = schema.schema if isinstance(schema, _ParamsMeta) else schema
    parsed = checked.check(value, (), issues)
    if issues:
        raise ValidationFailed(issues)
    return parsed


def as_body(params: Any) -> Any:
    """The JSON that :func:`parse` reads parameters from: what has its default is left out."""
    if isinstance(params, Params):
        fields = ((each, getattr(params, each.name)) for each in msgspec.structs.fields(type(params)))
        return {
            each.encode_name: as_body(value)
            for each, value in fields
            if value is not UNSET and (each.default is NODEFAULT or value != each.default)
        }
    if isinstance(params, list):
        return [as_body(each) for each in params]
    return params
