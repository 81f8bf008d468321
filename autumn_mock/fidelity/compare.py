"""Compares an answer with a recorded one.

Ids are compared by their prefix and instants by their distance from the moment they were made; cursors are not
compared, nor the bins of aggregates, which depend on the hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

#: The exchanges, and all scenarios that do not jump in time, were recorded within minutes of this instant (ms).
RECORDED_AT = 1_795_380_600_000
#: The scenarios that jump in time were recorded within half an hour of this one.
JUMPED_AT = 1_795_384_500_000

_ID = re.compile(r"\b([a-z]+(?:_[a-z]+)*)_[0-9A-Za-z]{16,}\b")
_DAYS = 2e11
#: Instants further from the moment than this may differ by a tenth.
_SLACK = 2_400_000
#: The recorded server was moved in time by moving its rows into the past; its clock did not move. What it stored after
#: a jump is therefore in another frame than what it stored before, and cannot be compared.
_STANDING = re.compile(r"(created_at|timestamp|started_at|canceled_at)$|\.deductions\[\d+\]\.reset\.resets_at$")


class Frame:
    """Two moments: when an answer was recorded, and when it was given now. ``jumps``: the run jumps in time."""

    def __init__(self, recorded_at: float, now: float, *, jumps: bool = False) -> None:
        self.recorded_at = recorded_at
        self.now = now
        self.jumps = jumps


def is_instant(value: float) -> bool:
    """Whether a number is a moment (ms) in the years around the recording."""
    return abs(value - RECORDED_AT) < _DAYS


def differences(recorded: Any, given: Any, frame: Frame, path: str = "", *, bins: bool = False) -> Iterator[str]:
    """One line for each difference. ``bins``: leave out the list of an aggregate."""
    if type(recorded) is bool or recorded is None or type(given) is bool or given is None:
        if recorded is not given:
            yield f"{path or 'body'}: recorded {recorded!r}, given {given!r}"
    elif isinstance(recorded, dict) and isinstance(given, dict):
        for key in sorted(recorded.keys() | given.keys()):
            if bins and key == "list":
                continue
            if key not in given:
                yield f"{path}.{key}: missing"
            elif key not in recorded:
                yield f"{path}.{key}: not recorded"
            else:
                yield from differences(recorded[key], given[key], frame, f"{path}.{key}", bins=bins)
    elif isinstance(recorded, list) and isinstance(given, list):
        if len(recorded) != len(given):
            yield f"{path}: {len(recorded)} entries recorded, {len(given)} given"
        for index, (left, right) in enumerate(zip(recorded, given, strict=False)):
            yield from differences(left, right, frame, f"{path}[{index}]", bins=bins)
    elif isinstance(recorded, int | float) and isinstance(given, int | float):
        yield from _numbers(recorded, given, frame, path)
    elif isinstance(recorded, str) and isinstance(given, str):
        same = path.endswith("cursor") or _ID.sub(r"<\1>", recorded) == _ID.sub(r"<\1>", given)
        if not same:
            yield f"{path or 'body'}: recorded {recorded!r}, given {given!r}"
    else:
        yield f"{path or 'body'}: recorded {recorded!r}, given {given!r}"


def _numbers(recorded: float, given: float, frame: Frame, path: str) -> Iterator[str]:
    if is_instant(recorded):
        if frame.jumps and _STANDING.search(path):
            return
        then, now = recorded - frame.recorded_at, given - frame.now
        if abs(then - now) > max(_SLACK, 0.1 * abs(then)):
            yield f"{path}: recorded {then / 3.6e6:+.2f} h from then, given {now / 3.6e6:+.2f} h from now"
    elif abs(recorded - given) > 1e-9 * max(1, abs(recorded)):
        yield f"{path}: recorded {recorded!r}, given {given!r}"


class Names:
    """The ids that a server gave in place of recorded ones, found at the same places of its answers."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def learn(self, recorded: Any, given: Any) -> None:
        """Remember the ids and cursors of an answer."""
        if isinstance(recorded, dict) and isinstance(given, dict):
            for key in recorded.keys() & given.keys():
                self.learn(recorded[key], given[key])
        elif isinstance(recorded, list) and isinstance(given, list):
            for left, right in zip(recorded, given, strict=False):
                self.learn(left, right)
        elif isinstance(recorded, str) and isinstance(given, str) and (_ID.search(recorded) or len(recorded) > 40):
            self._given[recorded] = given

    def translate(self, value: Any, shift: float) -> Any:
        """A recorded request with the ids of the server, and its instants moved by ``shift`` ms."""
        if isinstance(value, dict):
            return {key: self.translate(each, shift) for key, each in value.items()}
        if isinstance(value, list):
            return [self.translate(each, shift) for each in value]
        if isinstance(value, str):
            return self._given.get(value, value)
        if isinstance(value, int | float) and type(value) is not bool and abs(value - RECORDED_AT) < 4e10:
            return round(value + shift)
        return value
