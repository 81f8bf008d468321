"""Durations in text: ``90m``, ``1d``, ``2678400000ms``, ``1h30m``."""

from __future__ import annotations

import re

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
#: A hundred years, in ms.
_LONGEST = 36_525 * _UNITS["d"]
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def duration_text(length: int) -> str:
    """A number of ms as :func:`parse_duration` reads it, in the largest units: ``1h30m``."""
    parts = []
    for name, size in reversed(_UNITS.items()):
        count, length = divmod(length, size)
        parts += [f"{count}{name}"] if count else []
    return "".join(parts) or "0s"


def parse_duration(text: str, examples: str = "90m, 1d, 1h30m or 250ms") -> int:
    """The ms of a duration, which may have a minus sign. Raises :class:`ValueError`, which names the ``examples``."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    total, position = 0.0, 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            break
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not rest or position < len(rest):
        raise ValueError(f"{text!r} is not a duration; write {examples}")
    if total > _LONGEST:
        raise ValueError("must not be longer than a hundred years")
    return sign * round(total)
