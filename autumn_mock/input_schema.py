"""Schemas that only world and scenario files need. Their messages say what is possible, where the API's do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct, UnsetType

from autumn_mock.faults.grammar import RuleError, parse_rule
from autumn_mock.input_files import MOST_PROBLEMS, InputFile, KeyPath, guess, report
from autumn_mock.wire.schema import Array, Issue, Issues, Object, Path, Schema
from autumn_mock.wire.schema.base import JsonSchema, kind_of
from autumn_mock.wire.schema.compounds import Default, Nullable, Optional

T = TypeVar("T")


class Read(Schema[T]):
    """A value parsed by a function, which raises :class:`ValueError` with what is possible."""

    def __init__(self, read: Callable[[Any], T], like: JsonSchema | None = None) -> None:
        self._read = read
        #: What JSON Schema can say of it.
        self._like = like or {"type": "string"}

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        try:
            return self._read(value)
        except ValueError as error:
            issues.append(Issue(path, str(error)))
            return value

    def json_schema(self) -> JsonSchema:
        return self._like


class Choice(Schema[T]):
    """One schema for each possible type of a value; ``text`` is the issue for a value of another type."""

    def __init__(self, text: str, **schemas: Schema[T]) -> None:
        self._text = text
        self._schemas = schemas

    def select(self, value: Any) -> tuple[Schema[T] | None, Any]:
        """The schema for a value, and what that schema is to check; None for a type that is not possible."""
        return self._schemas.get(kind_of(value)), value

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        schema, value = self.select(value)
        if schema is None:
            issues.append(Issue(path, self._text))
            return value
        return schema.check(value, path, issues)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [each.json_schema() for each in self._schemas.values()]}


class Shorthand(Choice[T]):
    """An object, or a text that stands for the object with this one key."""

    def __init__(self, key: str, inner: Object[T]) -> None:
        super().__init__("", object=inner)
        self._key = key
        self._inner = inner

    def select(self, value: Any) -> tuple[Schema[T] | None, Any]:
        """The object, with a text put under its key."""
        return self._inner, {self._key: value} if isinstance(value, str) else value

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [self._inner.fields[self._key].json_schema(), self._inner.json_schema()]}


class NotEmpty(Choice[T]):
    """An object with at least one key; ``text`` is the issue for one without any."""

    def __init__(self, text: str, inner: Object[T]) -> None:
        super().__init__(text)
        self._inner = inner

    def select(self, value: Any) -> tuple[Schema[T] | None, Any]:
        """The object, unless it is empty."""
        return None if value == {} else self._inner, value

    def json_schema(self) -> JsonSchema:
        return {**self._inner.json_schema(), "minProperties": 1}


class Fields(NamedTuple):
    """A map in a file whose keys are known, where it is, and its schema."""

    path: KeyPath
    data: Mapping[str, Any]
    schema: Object[Any]


def maps_in(schema: Schema[Any], value: Any, path: KeyPath = ()) -> Iterator[Fields]:
    """Every map with known keys within a value.

    Skipped are records, which have the caller's own keys, and unions, which in these files are of single values.
    """
    while isinstance(schema, (Optional, Nullable, Default)):
        schema = schema.inner
    if isinstance(schema, Choice):
        selected, value = schema.select(value)
        if selected is not None:
            yield from maps_in(selected, value, path)
    elif isinstance(schema, Object) and isinstance(value, dict):
        yield Fields(path, value, schema)
        for key, inner in value.items():
            if key in schema.fields:
                yield from maps_in(schema.fields[key], inner, (*path, key))
    elif isinstance(schema, Array) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from maps_in(schema.item, item, (*path, index))


def file_schema(schema: Object[Any], title: str) -> JsonSchema:
    """The JSON Schema (2020-12) of a kind of file, for editors: unknown keys are errors, as they are for the loader."""
    closed: JsonSchema = _closed(schema.json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **closed}


def _closed(node: Any) -> Any:
    """The same schema, in which an object with known keys has no others."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {
        key: value if key in ("default", "enum", "const") else _closed(value)
        for key, value in node.items()
        if not (key == "default" and isinstance(value, (Struct, UnsetType)))  # one that no file can have
    }
    if node.get("type") == "object" and "properties" in node:
        closed["properties"] = {key: _closed(each) for key, each in node["properties"].items()}
        closed["additionalProperties"] = False
    return closed


def parse_strictly(schema: Schema[T], data: Any) -> tuple[T, Issues]:
    """The parsed data, and the issues of the schema; an unknown key is one, too."""
    issues = Issues(0)
    parsed: T = schema.check(data, (), issues)
    for path, fields, known in maps_in(schema, data):
        for key in fields:
            if key not in known.fields:
                # Guesses cost far more than the rest, and no one reads more of them.
                hint = guess(key, known.fields) if len(issues) < MOST_PROBLEMS else ""
                issues.append(Issue((*path, key), f"unknown key{hint}"))
    return parsed, issues


def parse_file(file: InputFile, schema: Object[T], *checks: Callable[[Any], Iterable[Issue]]) -> T:
    """The data of a file, parsed.

    Raises :class:`~autumn_mock.input_files.InputFileError` with every issue of the schema and of further checks of
    the data, and with every unknown key. (Requests drop unknown keys; in a file they are errors.)
    """
    parsed, issues = parse_strictly(schema, file.data)
    for check in checks:
        issues += check(file.data)
    report(file.problem(issue.path, issue.text) for issue in issues)
    return parsed


def read_rule(value: Any, parse: Callable[[str], object] = parse_rule) -> str:
    """A fault rule as it is written. Raises :class:`ValueError` with the error in one line."""
    if not isinstance(value, str):
        raise ValueError("must be a rule, like queue:down times=2")
    try:
        parse(value)
    except RuleError as error:
        raise ValueError(error.line) from None
    return value
