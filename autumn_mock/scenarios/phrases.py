"""The words for steps, requests and replies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from autumn_mock.counting import count_of
from autumn_mock.scenarios.events import ReplyReceived, Waited
from autumn_mock.scenarios.model import Send, SendBatch, SendCall, SendCheck, request_of
from autumn_mock.scenarios.values import Outcome

#: How much of a batch a line shows.
_MAX_GROUPS = 4
_MAX_AMOUNTS = 8
#: Of a body, in characters.
_MAX_LENGTH = 160


def figure(value: float, *, sign: bool = False) -> str:
    """A number without trailing zeros, to the ten decimals that Autumn keeps."""
    rounded = round(value, 10)
    text = str(int(rounded)) if rounded == int(rounded) else str(rounded)
    return f"+{text}" if sign and value > 0 else text


def request(action: Send) -> tuple[str, str]:
    """A label for what is sent, and the content with the number of calls."""
    times = f"{action.count} times " if action.count > 1 else ""
    method, path, body = request_of(action)
    if isinstance(action, SendCall):
        return method, f"{times}{path}{'' if body is UNSET else ' ' + _plain(body)}"
    if isinstance(action, SendCheck):
        return "check", f"{times}{_subject(body)}"
    if not isinstance(action, SendBatch):
        return "track", f"{times}{_usage([body], 1)}"
    count = len(body) * action.repeat
    return "batch", f"{times}{count_of(count, 'item')}: {_usage(body, action.repeat)}"


def _usage(items: Iterable[Mapping[str, Any]], repeat: int) -> str:
    """What items use: ``10, 20 messages of cus_123; 3 x 5 seats of cus_456``."""
    groups: dict[str, list[str]] = {}
    for item in items:
        groups.setdefault(_subject(item), []).extend([_plain(item.get("value", 1))] * repeat)
    lines = [f"{_amounts(amounts)} {name}" for name, amounts in groups.items()]
    more = len(lines) - _MAX_GROUPS
    return "; ".join(lines[:_MAX_GROUPS]) + (f"; and {more} more" if more > 0 else "")


def _amounts(amounts: Sequence[str]) -> str:
    if len(amounts) > 1 and len(set(amounts)) == 1:
        return f"{len(amounts)} x {amounts[0]}"
    more = len(amounts) - _MAX_AMOUNTS
    return ", ".join(amounts[:_MAX_AMOUNTS]) + (f" and {more} more" if more > 0 else "")


def _subject(item: Mapping[str, Any]) -> str:
    name = item.get("feature_id") or item.get("event_name") or "no feature"
    return f"{_plain(name)} of {_plain(item.get('customer_id', 'no customer'))}"


def _plain(value: Any) -> str:
    """A text as it is, anything else as JSON, cut after some lines."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."


def client_settings(action: Send) -> list[str]:
    """The settings of the client that are not the usual ones, a line each."""
    lines = []
    if action.with_fault is not None:
        lines.append(f"with the fault {action.with_fault}")
    if action.timeout_is is not None:
        lines.append(f"treats a timeout after {_length(action.timeout)} as a {action.timeout_is}")
    if action.retry is not None:
        on = " or ".join(str(each) for each in sorted(action.retry.on, key=str))
        times = {1: "once", 2: "twice"}.get(action.retry.times, f"{action.retry.times} times")
        lines.append(f"retries after {on}, at most {times}")
    return lines


def outcome_of(attempt: ReplyReceived, action: Send) -> str:
    """The result of a request for the client: a status, or why there is none."""
    if attempt.failure is None:
        return str(attempt.outcome)
    words = {
        "timeout": f"no reply within {_length(action.timeout)}",
        "reset": "no reply: the connection was closed",
        "truncated": "the reply was cut off",
    }
    taken = f"; the client treats it as a {attempt.outcome}" if isinstance(attempt.outcome, int) else ""
    return f"{words[attempt.failure]}{taken}"


def content_of(attempt: ReplyReceived) -> str:
    """The message of an error, otherwise the body."""
    if attempt.failure is not None:
        return ""
    body = attempt.body
    failed = isinstance(attempt.outcome, int) and attempt.outcome >= 400
    content = body["message"] if failed and isinstance(body, dict) and "message" in body else body
    asked = attempt.headers.get("retry-after")
    text = " ".join(_plain(content).split()) if content != "" else "(no body)"
    return f"{text}{f' (Retry-After: {asked})' if asked is not None else ''}"


def sequence_of(events: Sequence[ReplyReceived | Waited]) -> str:
    """The outcomes and waits of one call."""
    return ", ".join(f"waits {wait_of(event)}" if isinstance(event, Waited) else str(event.outcome) for event in events)


def wait_of(event: Waited) -> str:
    """How long a client waited, and why."""
    asked = " as asked" if event.was_asked else ""
    return f"{_length(event.length)}{asked}{' (the clock is moved)' if event.on_clock else ''}"


def _length(length: float) -> str:
    return f"{length / 1000:g} s" if length >= 1000 else f"{length:.0f} ms"


def style_of(outcome: Outcome) -> str:
    """The colour of an outcome: yellow if a retry is safe."""
    if not isinstance(outcome, int):
        return "red"
    return "green" if outcome < 300 else "yellow" if outcome in (429, 503) else "red"
