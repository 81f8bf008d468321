"""Holding what was expected against what is there. Expectations are partial: what they do not name may be anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def differences(expected: Any, actual: Any, name: str) -> list[str]:
    """How something differs from what was expected of it, one sentence for each place; empty when it does not.

    Of a map only the named keys count, a list has to be as long as the expected one, and 1 is 1.0.
    """
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return [_sentence(name, expected, actual)]
        return [
            sentence
            for key, value in expected.items()
            for sentence in (
                differences(value, actual[key], f"{name}.{key}")
                if key in actual
                else [f"expected {name}.{key} to be {shown(value)}, but it is not there"]
            )
        ]
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(expected) != len(actual):
            return [_sentence(name, expected, actual)]
        return [
            sentence
            for index, (value, other) in enumerate(zip(expected, actual, strict=True))
            for sentence in differences(value, other, f"{name}.{index}")
        ]
    is_same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return [] if is_same else [_sentence(name, expected, actual)]


def fits(expected: Any, actual: Any) -> bool:
    """Whether something is what was expected."""
    return not differences(expected, actual, "")


def shown(value: Any) -> str:
    """A value as JSON; a text that is a plain word without quotes."""
    if isinstance(value, str) and value.isprintable() and value and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def listed(values: Sequence[Any]) -> str:
    """Values with commas between."""
    return ", ".join(shown(each) for each in values)


def _sentence(name: str, expected: Any, actual: Any) -> str:
    return f"expected {name} to be {shown(expected)}, but it is {shown(actual)}"
