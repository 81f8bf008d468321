"""Plays cases: calls with what their answers must contain.

A line of the file with ``features`` alone says what the organisation of each further case begins with. Every other line
is a case: ``steps`` with ``path``, ``body``, and optionally ``method`` (POST), ``x-api-version`` (2.3.0), ``status``,
``advance_ms`` (the clock is moved first; the step may do that alone) and ``expect``.

An answer may contain more than is expected. A list has at least as many entries as are expected (an empty one none),
and an expected object may be anywhere in it. An expected string that ends in ``*`` is a beginning. In a body
``now+3d``, ``now-1h`` or ``now+5s`` is an instant on the organisation's clock, in ms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from autumn_mock.clock import wall_clock
from autumn_mock.fidelity.recordings import BATCHES, Played, lines
from autumn_mock.fidelity.service import API_VERSION, NotPlayable, Service

_INSTANT = re.compile(r"now([+-]\d+)(d|h|s|ms)")
_UNITS = {"d": 86_400_000, "h": 3_600_000, "s": 1000, "ms": 1}
#: Either may be answered where the other one is expected: both say that the call was accepted.
_ACCEPTED = (200, 202)


def play_cases(service: Service, file: str) -> Iterator[Played]:
    """Every case, each in an organisation that is empty but for the features of the file."""
    features: list[Any] = []
    for line in lines(file):
        if "case" not in line:
            features = line["features"]
            continue
        with service.organisation() as key:
            try:
                yield Played(line["case"], list(_case(service, key, features, line["steps"])))
            except NotPlayable as error:
                yield Played(line["case"], skipped=str(error))


def _case(service: Service, key: str, features: list[Any], steps: list[dict[str, Any]]) -> Iterator[str]:
    """The differences of the first step that has any: the steps after it build on it."""
    if not service.is_emulator and any("advance_ms" in step for step in steps):
        raise NotPlayable("a clock that moves")
    headers = service.headers(key)
    for feature in features:
        service.send("POST", "/v1/features.create", headers, feature)
    ahead = 0
    for number, step in enumerate(steps):
        if "advance_ms" in step:
            service.advance(headers, step["advance_ms"])
            ahead += step["advance_ms"]
        if "path" not in step:
            continue
        found = _step(service, key, step, wall_clock() + ahead)
        if found:
            yield from (f"step {number} {step.get('method', 'POST')} {step['path']} {each}" for each in found)
            return


def _step(service: Service, key: str, step: dict[str, Any], now: int) -> list[str]:
    headers = service.headers(key, step.get("x-api-version", API_VERSION))
    reply = service.send(step.get("method", "POST"), step["path"], headers, _with_instants(step.get("body"), now))
    if reply.status == 202 or step["path"] in BATCHES:
        service.settle(headers)
    wanted = step.get("status")
    if wanted is not None and reply.status not in (_ACCEPTED if wanted in _ACCEPTED else (wanted,)):
        return [f"status: expected {wanted}, given {reply.status} {str(reply.body)[:200]}"]
    return list(lacking(step["expect"], reply.body)) if "expect" in step else []


def _with_instants(value: Any, now: int) -> Any:
    if isinstance(value, dict):
        return {key: _with_instants(each, now) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_instants(each, now) for each in value]
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    return now + int(found[1]) * _UNITS[found[2]] if found else value


def lacking(expected: Any, given: Any, path: str = "") -> Iterator[str]:
    """One line for each expected part that an answer does not contain."""
    if isinstance(expected, dict) and isinstance(given, dict):
        for key, value in expected.items():
            if key in given:
                yield from lacking(value, given[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: missing, expected {json.dumps(value)[:160]}"
    elif isinstance(expected, list) and isinstance(given, list):
        yield from _lacking_of_list(expected, given, path)
    elif isinstance(expected, str) and expected.endswith("*") and isinstance(given, str):
        if not given.startswith(expected[:-1]):
            yield f"{path or 'body'}: expected {expected!r}, given {given!r}"
    elif _is_number(expected) and _is_number(given):
        if abs(expected - given) > 1e-12 * max(1, abs(expected)):
            yield f"{path}: expected {expected!r}, given {given!r}"
    elif expected != given or type(expected) is not type(given):
        yield f"{path or 'body'}: expected {expected!r}, given {given!r}"


def _lacking_of_list(expected: list[Any], given: list[Any], path: str) -> Iterator[str]:
    if len(given) < len(expected) or (given and not expected):
        yield f"{path}: {len(expected)} entries expected, {len(given)} given"
    for index, each in enumerate(expected):
        if isinstance(each, dict):
            candidates = [list(lacking(each, other, f"{path}[{index}]")) for other in given]
            if candidates and all(candidates):
                yield from min(candidates, key=len)
        elif index < len(given):
            yield from lacking(each, given[index], f"{path}[{index}]")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
