"""The grammar of fault rules as data, for the control API and the command line."""

from __future__ import annotations

from typing import Any

from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS, Option


def described(only: str | None = None) -> dict[str, Any]:
    """The fault kinds, or one, with their options, and the modifiers of every rule."""
    kinds = [
        {
            "kind": kind.name,
            "text": kind.summary(),
            "argument": kind.argument_placeholder,
            "example": kind.example,
            "has_phase": kind.has_phase,
            "options": [_option(each) for each in kind.own_options],
        }
        for kind in FAULT_KINDS.values()
        if only in (None, kind.name)
    ]
    return {"kinds": kinds, "modifiers": [_option(each) for each in MODIFIERS.values()]}


def _option(option: Option) -> dict[str, str]:
    return {"name": option.name, "value": option.placeholder, "text": option.text}
