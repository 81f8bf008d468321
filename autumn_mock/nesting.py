"""How deep lists and objects are nested in JSON. What is nested too deep can be read and not be encoded again."""

from __future__ import annotations

from typing import Any

#: The most of a request body.
MAX_DEPTH = 128


def openings(body: bytes) -> int:
    """An upper bound of the lists and objects in ``body``, and so of their depth."""
    return body.count(b"{") + body.count(b"[")


def is_deeper_than(limit: int, value: Any) -> bool:
    """Whether lists and objects are nested more than ``limit`` deep in ``value``."""
    containers = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        if not containers:
            return False
        containers = [
            child
            for parent in containers
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
    return bool(containers)
