"""Lists, maps, objects, and the ways to make a schema take more than it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autumn_mock.wire.schema.base import UNDEFINED, Issue, Issues, JsonSchema, Path, Schema, expected_but
from autumn_mock.wire.schema.checks import Constrained, Constraint, Refinement, apply_constraints


class Optional(Schema):
    """A key that may be left out (but not be null)."""

    __slots__ = ("inner",)

    def __init__(self, inner: Schema) -> None:
        self.inner = inner

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        return value if value is UNDEFINED else self.inner.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return self.inner.json_schema()

    @property
    def takes_absence(self) -> bool:
        return True


class Nullable(Schema):
    """A value or null."""

    __slots__ = ("inner",)

    def __init__(self, inner: Schema) -> None:
        self.inner = inner

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        return value if value is None else self.inner.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [self.inner.json_schema(), {"type": "null"}]}


class Default(Schema):
    """A key that may be left out and then has this value."""

    __slots__ = ("inner", "value")

    def __init__(self, inner: Schema, value: str | int | bool | None) -> None:
        self.inner = inner
        self.value = value

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        return self.value if value is UNDEFINED else self.inner.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return {**self.inner.json_schema(), "default": self.value}

    @property
    def takes_absence(self) -> bool:
        return True


class Union(Schema):
    """The first of several schemas that accepts the value; no word about why none did."""

    __slots__ = ("options",)

    def __init__(self, options: tuple[Schema, ...]) -> None:
        self.options = options

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        for option in self.options:
            attempt = Issues(issues.now_ms)
            parsed = option.check(value, path, attempt)
            if not attempt:
                return parsed
        issues.append(Issue(path, "Invalid input"))
        return value

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [option.json_schema() for option in self.options]}


class Array(Constrained):
    """A list. Its rules come after the issues of its items."""

    __slots__ = ("item",)

    def __init__(self, item: Schema, rules: tuple[Constraint, ...] = ()) -> None:
        super().__init__(rules)
        self.item = item

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        since = len(issues)
        parsed = value
        if isinstance(value, list):
            check = self.item.check
            parsed = [check(item, (*path, index), issues) for index, item in enumerate(value)]
        else:
            issues.append(Issue(path, expected_but("array", value)))
        if self.rules:
            apply_constraints(self.rules, parsed, path, issues, since)
        return parsed

    def json_schema(self) -> JsonSchema:
        return self.described({"type": "array", "items": self.item.json_schema()})


class CommaSeparated(Schema):
    """A list that a query string may also write as one text with commas."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        return self.array.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return self.array.json_schema()


class Record(Constrained):
    """A map with any keys. Keeps everything that is in it."""

    __slots__ = ("value",)

    def __init__(self, value: Schema, rules: tuple[Constraint, ...] = ()) -> None:
        super().__init__(rules)
        self.value = value

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        since = len(issues)
        if not isinstance(value, dict):
            issues.append(Issue(path, expected_but("record", value)))
            return value
        check = self.value.check
        parsed = {key: check(item, (*path, key), issues) for key, item in value.items()}
        if self.rules:
            apply_constraints(self.rules, parsed, path, issues, since)
        return parsed

    def refine(self, holds: Callable[[dict[str, Any]], bool], text: str) -> Record:
        """The same with one more rule."""
        return Record(self.value, (*self.rules, Refinement(holds, text, ())))

    def json_schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": self.value.json_schema()}


class Object(Constrained):
    """A map with known keys, looked at in the order they are declared. Unknown keys are dropped silently."""

    __slots__ = ("_order", "fields")

    def __init__(self, fields: Mapping[str, Schema], rules: tuple[Constraint, ...] = ()) -> None:
        super().__init__(rules)
        self.fields = dict(fields)
        self._order = [(key, field, isinstance(field, Optional)) for key, field in self.fields.items()]

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        since = len(issues)
        if not isinstance(value, dict):
            issues.append(Issue(path, expected_but("object", value)))
            return value
        parsed = {}
        for key, field, optional in self._order:
            given = value.get(key, UNDEFINED)
            if given is UNDEFINED and optional:
                continue
            result = field.check(given, (*path, key), issues)
            if result is not UNDEFINED:
                parsed[key] = result
        if self.rules:
            apply_constraints(self.rules, parsed, path, issues, since)
        return parsed

    def extend(self, fields: Mapping[str, Schema]) -> Object:
        """The same with more keys, or other schemas for known ones. Its rules are not taken along."""
        return Object({**self.fields, **fields})

    def omit(self, *keys: str) -> Object:
        """The same without some keys. Its rules are not taken along."""
        return Object({key: field for key, field in self.fields.items() if key not in keys})

    def refine(self, holds: Callable[[dict[str, Any]], bool], text: str, path: Path = ()) -> Object:
        """The same with one more rule, whose issue is reported at ``path``."""
        return Object(self.fields, (*self.rules, Refinement(holds, text, path)))

    def json_schema(self) -> JsonSchema:
        schema: JsonSchema = {
            "type": "object",
            "properties": {key: field.json_schema() for key, field in self.fields.items()},
        }
        required = [key for key, field in self.fields.items() if not field.takes_absence]
        return {**schema, "required": required} if required else schema
