"""Control calls about time: ``/_mock/clock``."""

from __future__ import annotations

from typing import Any

from flask import Response

from autumn_mock.clock import Clock, in_calendar, wall_clock
from autumn_mock.operations.clock_lengths import length_ahead, read_length
from autumn_mock.operations.errors import invalid_request
from autumn_mock.settings import read_instant
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply

_KNOWN = ("advance", "now", "freeze", "reset")


def show_clock(request: ControlRequest) -> Response:
    """The time (ms) of the key's organisation, or of the server, and how far it is ahead of the machine's."""
    clock = _clock_of(request)
    now = clock.now()
    return json_reply({"now": now, "frozen": clock.frozen, "offset": clock.offset, "ahead": now - wall_clock()})


def move_clock(request: ControlRequest) -> Response:
    """Change the clock by ``advance``, ``now``, ``freeze`` and ``reset``; nothing is changed when one is invalid.

    ``advance`` is a duration (``1d``), a number of calendar months (``1month``), or ``next-reset``.
    """
    clock, fields = _clock_of(request), request.fields()
    if not fields:
        raise invalid_request(f"input: give one or more of {', '.join(_KNOWN)}")
    for name in ("freeze", "reset"):
        if not isinstance(fields.get(name, False), bool):
            raise invalid_request(f"{name}: must be true or false")
    try:
        advance = _advance(fields["advance"], request, clock) if "advance" in fields else None
        instant = read_instant(str(fields["now"])) if "now" in fields else None
        in_calendar((instant if instant is not None else clock.now()) + (advance or 0))
    except ValueError as error:
        raise invalid_request(str(error)) from None
    if fields.get("reset"):
        clock.reset()
    if fields.get("freeze") is True:
        clock.freeze()
    if instant is not None:
        clock.set(instant)
    if advance is not None:
        clock.advance(advance)
    if fields.get("freeze") is False:
        clock.unfreeze()
    return show_clock(request)


def _clock_of(request: ControlRequest) -> Clock:
    environment = request.environment()
    return environment.clock if environment is not None else request.engine.clock


def _advance(value: Any, request: ControlRequest, clock: Clock) -> int:
    """By how many ms to advance."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return length_ahead(clock, read_length(value), request.environments())
    except ValueError as error:
        raise ValueError(f"advance: {error}") from None


ROUTES: dict[str, ControlHandler] = {"GET /clock": show_clock, "POST /clock": ControlCall(move_clock, _KNOWN)}
