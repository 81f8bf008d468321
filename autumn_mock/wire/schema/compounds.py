"""Lists, maps, objects, and the schemas that extend what another schema accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from autumn_mock.wire.schema.base import UNDEFINED, Issue, Issues, JsonSchema, Path, Schema, T_co, expected_but
from autumn_mock.wire.schema.rules import Constrained, Constraints, apply_rules

T = TypeVar("T")


class Wrapper(Schema[T_co]):
    """A schema that changes what another one accepts."""

    __slots__ = ("inner",)

    def __init__(self, inner: Schema[Any]) -> None:
        self.inner = inner

    def json_schema(self) -> JsonSchema:
        return self.inner.json_schema()


class Optional(Wrapper["T | None"]):
    """A key that may be absent (but not null)."""

    __slots__ = ()
    takes_absence = True

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        return value if value is UNDEFINED else self.inner.check(value, path, issues)


class Nullable(Wrapper["T | None"]):
    """A value or null."""

    __slots__ = ()

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        return value if value is None else self.inner.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [self.inner.json_schema(), {"type": "null"}]}


class Default(Wrapper[T]):
    """A key that may be absent and then has this value."""

    __slots__ = ("value",)
    takes_absence = True

    def __init__(self, inner: Schema[T], value: Any) -> None:
        super().__init__(inner)
        self.value = value

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        return self.value if value is UNDEFINED else self.inner.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return {**self.inner.json_schema(), "default": self.value}


class CommaSeparated(Wrapper["list[T]"]):
    """A list that a query string may also write as one text with commas."""

    __slots__ = ()

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        return self.inner.check(value, path, issues)


class AsJson(Wrapper["dict[str, Any]"]):
    """An object that is checked by its schema and parsed to a plain map, as records keep it."""

    __slots__ = ()

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        before, issues.as_json = issues.as_json, True
        try:
            return self.inner.check(value, path, issues)
        finally:
            issues.as_json = before


class Union(Schema[T]):
    """The first of several schemas that accepts the value; the issue does not say why the others refuse it."""

    __slots__ = ("options",)

    def __init__(self, options: tuple[Schema[Any], ...]) -> None:
        self.options = options

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        for option in self.options:
            attempt = Issues(issues.now_ms)
            attempt.as_json = issues.as_json
            parsed = option.check(value, path, attempt)
            if not attempt:
                return parsed
        issues.append(Issue(path, "Invalid input"))
        return value

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [option.json_schema() for option in self.options]}


class Array(Constrained["list[T]"]):
    """A list. The issues of its items come before those of its own rules."""

    __slots__ = ("item",)

    def __init__(self, item: Schema[T], rules: Constraints = ()) -> None:
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
            apply_rules(self.rules, parsed, path, issues, since)
        return parsed

    def json_schema(self) -> JsonSchema:
        return self.described({"type": "array", "items": self.item.json_schema()})


class Map(Constrained["dict[str, T]"]):
    """A map with any keys, all of which are kept."""

    __slots__ = ("value",)

    def __init__(self, value: Schema[T], rules: Constraints = ()) -> None:
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
            apply_rules(self.rules, parsed, path, issues, since)
        return parsed

    def json_schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": self.value.json_schema()}


class Object(Constrained[T_co]):
    """A map with known keys, checked in the order they are declared. Unknown keys are dropped.

    ``build`` makes the parsed value of the fields that are present; without it that is a plain map. A key that is a
    Python keyword is the argument with an underscore behind it (``async_``).
    """

    __slots__ = ("_steps", "build", "fields")

    def __init__(
        self, fields: Mapping[str, Schema[Any]], rules: Constraints = (), build: Callable[..., T_co] | None = None
    ) -> None:
        super().__init__(rules)
        self.fields = dict(fields)
        self.build = build
        #: Of each field: key, step of a path, argument of ``build``, check, whether it may be absent.
        self._steps = [
            (
                key,
                (key,),
                "async_" if key == "async" else key,
                field.inner.check if isinstance(field, Optional) else field.check,
                isinstance(field, Optional),
            )
            for key, field in self.fields.items()
        ]

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        since = len(issues)
        if not isinstance(value, dict):
            issues.append(Issue(path, expected_but("object", value)))
            return value
        build = None if issues.as_json else self.build
        parsed: Any = {}
        for key, step, argument, check, is_optional in self._steps:
            if key in value:
                result = check(value[key], path + step, issues)
            elif is_optional:
                continue
            else:
                result = check(UNDEFINED, path + step, issues)
                if result is UNDEFINED:
                    continue
            parsed[key if build is None else argument] = result
        if issues.aborted(since):
            return value
        if build is not None:
            parsed = build(**parsed)
        if self.rules:
            judged = self.build(**parsed) if issues.as_json and self.build is not None else parsed
            apply_rules(self.rules, judged, path, issues, since)
        return parsed

    def omit(self, *keys: str) -> Object[dict[str, Any]]:
        """A plain map without some keys. The rules are not kept."""
        return Object({key: field for key, field in self.fields.items() if key not in keys})

    def json_schema(self) -> JsonSchema:
        schema: JsonSchema = {
            "type": "object",
            "properties": {key: field.json_schema() for key, field in self.fields.items()},
        }
        required = [key for key, field in self.fields.items() if not field.takes_absence]
        return {**schema, "required": required} if required else schema
