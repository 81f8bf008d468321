"""The schema of a step: one of its keys decides what it does, and which other keys it may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autumn_mock.input_files import guess
from autumn_mock.input_schema import Choice
from autumn_mock.wire.schema import Issue, Issues, Params, Path, Schema, obj
from autumn_mock.wire.schema.base import JsonSchema

#: A comment may stand in every step; ``expect`` belongs to most actions, and is an action without them.
_COMMENT, _EXPECT = "say", "expect"


class ActionSchema(Choice[Any]):
    """A map whose main key, one of ``actions``, selects the class that it is parsed to."""

    def __init__(self, actions: Mapping[str, type[Params]]) -> None:
        super().__init__("a step is a map, like {drain: 10s}")
        self._actions = actions

    def select(self, value: Any) -> tuple[Schema[Any] | None, Any]:
        """The class of the only main key; None when there is none, or more than one."""
        verbs = self._main_keys(value)
        return (obj(self._actions[verbs[0]]) if len(verbs) == 1 else None), value

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        if not isinstance(value, dict) or self.select(value)[0] is not None:
            return super().check(value, path, issues)
        verbs = self._main_keys(value)
        others = [key for key in value if key != _COMMENT]
        if verbs:
            text = f"a step has one action, and this one already has {verbs[0]}; begin another step"
            issues.append(Issue((*path, verbs[1]), text))
        elif others:
            issues.append(Issue((*path, others[0]), f"unknown action{guess(others[0], self._actions)}"))
        else:
            issues.append(Issue(path, f"a step needs one of these keys: {', '.join(self._actions)}"))
        return value

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [obj(each).json_schema() for each in self._actions.values()]}

    def _main_keys(self, value: Any) -> list[str]:
        named = [key for key in value if key in self._actions] if isinstance(value, dict) else []
        return [key for key in named if key != _EXPECT] or named
