"""Kinds of schemas that only scenario files need. They tell what would fit, where those of the API may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autumn_mock.scenarios.template import mistakes
from autumn_mock.wire.schema import Issue, Issues, Object, Path, Schema
from autumn_mock.wire.schema.base import kind_of
from autumn_mock.worlds.document import guess


class Closed(Object):
    """A map that takes no other keys than its own. ``empty`` is said of one without any, if there have to be some."""

    def __init__(self, fields: Mapping[str, Schema], empty: str = "") -> None:
        super().__init__(fields)
        self._empty = empty

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        parsed = super().check(value, path, issues)
        if self._empty and value == {}:
            issues.append(Issue(path, self._empty))
        for key in value if isinstance(value, dict) else ():
            if key not in self.fields:
                issues.append(Issue((*path, key), f"there is no such key{guess(key, self.fields)}"))
        return parsed


class Read(Schema):
    """What a function reads. It raises :class:`ValueError` with what would fit."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        try:
            return self._read(value)
        except ValueError as error:
            issues.append(Issue(path, str(error)))
            return value


class Choice(Schema):
    """One schema for each type that is possible; ``text`` is said of a value of another type."""

    def __init__(self, text: str, **schemas: Schema) -> None:
        self._text = text
        self._schemas = schemas

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        schema = self._schemas.get(kind_of(value))
        if schema is None:
            issues.append(Issue(path, self._text))
            return value
        return schema.check(value, path, issues)


class Body(Schema):
    """A body, whose ``${...}`` can be filled in."""

    def __init__(self, inner: Schema) -> None:
        self._inner = inner

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        issues += mistakes(value, path)
        return self._inner.check(value, path, issues)


class StepSchema(Schema):
    """A map with one key that says what the step does, and others that say how."""

    def __init__(self, verbs: Mapping[str, Closed]) -> None:
        self._verbs = verbs

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, dict):
            issues.append(Issue(path, "a step is a map, like {drain: 10s}"))
            return value
        verb = self._verb(value, path, issues)
        return value if verb is None else {"verb": verb, **self._verbs[verb].check(value, path, issues)}

    def _verb(self, value: dict[str, Any], path: Path, issues: Issues) -> str | None:
        """What a step does; ``expect`` goes with most of the others, and is a step of its own without them."""
        named = [key for key in value if key in self._verbs and key != "expect"]
        if len(named) > 1:
            text = f"a step does one thing, and this one has {named[0]} already; begin another step for it"
            issues.append(Issue((*path, named[1]), text))
            return None
        if named or "expect" in value:
            return named[0] if named else "expect"
        strange = [key for key in value if key != "say"]
        if strange:
            issues.append(Issue((*path, strange[0]), f"is nothing that a step does{guess(strange[0], self._verbs)}"))
        else:
            issues.append(Issue(path, f"a step does one of these: {', '.join(self._verbs)}"))
        return None
