"""The words in which a screen tells of steps, requests and replies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from autumn_mock.scenarios.events import ReplyReceived, Waited
from autumn_mock.scenarios.model import (
    Action,
    Advance,
    Arm,
    ClearFaults,
    Drain,
    Expect,
    Freeze,
    Outcome,
    Send,
    SetWorkers,
)

#: Said of a wait that took no time.
_ON_CLOCK = " (the clock is moved)"
#: What a step is called that says nothing itself.
_HEADLINES: dict[type[Action], str] = {
    Arm: "Something is made to fail.",
    ClearFaults: "Everything works again.",
    Drain: "All that waits is worked off.",
    Advance: "Time passes.",
    Freeze: "The clock stands still.",
    Expect: "How things stand now.",
}
#: How much of a batch a line names.
_MOST_GROUPS = 4
_MOST_AMOUNTS = 8
#: Of a body, in characters.
_LONGEST = 160


def figure(value: float, *, sign: bool = False) -> str:
    """A number without a needless point, to the ten decimals that Autumn keeps."""
    rounded = round(value, 10)
    text = str(int(rounded)) if rounded == int(rounded) else str(rounded)
    return f"+{text}" if sign and value > 0 else text


def headline(action: Action) -> str:
    """What a step is about that says nothing itself."""
    if isinstance(action, SetWorkers):
        return "The workers stop." if action.paused else "The workers go on."
    if isinstance(action, Send):
        what = {"batch": "a batch", "track": "a track", "check": "a check"}.get(action.verb, "a call")
        return f"The client makes {what}." if action.verb == "call" else f"The client sends {what}."
    return _HEADLINES[type(action)]


def request(action: Send) -> str:
    """What is sent, and how often."""
    often = f"{action.count} times " if action.count > 1 else ""
    if action.verb == "call":
        return f"{often}{action.path}{'' if action.body is UNSET else ' ' + _plain(action.body)}"
    items = action.body if isinstance(action.body, list) else [action.body]
    if action.verb == "check":
        return f"{often}{_named(items[0])}"
    count = len(items) * action.repeat
    of = f"{count} {'item' if count == 1 else 'items'}: " if action.verb == "batch" else ""
    return f"{often}{of}{_usage(items, action.repeat)}"


def _usage(items: Iterable[Mapping[str, Any]], repeat: int) -> str:
    """What items ask for: ``10, 20 messages of cus_123; 3 x 5 seats of cus_456``."""
    groups: dict[str, list[str]] = {}
    for item in items:
        groups.setdefault(_named(item), []).extend([_plain(item.get("value", 1))] * repeat)
    lines = [f"{_amounts(amounts)} {name}" for name, amounts in groups.items()]
    more = len(lines) - _MOST_GROUPS
    return "; ".join(lines[:_MOST_GROUPS]) + (f"; and {more} other" if more > 0 else "")


def _amounts(amounts: Sequence[str]) -> str:
    if len(amounts) > 1 and len(set(amounts)) == 1:
        return f"{len(amounts)} x {amounts[0]}"
    more = len(amounts) - _MOST_AMOUNTS
    return ", ".join(amounts[:_MOST_AMOUNTS]) + (f" and {more} other" if more > 0 else "")


def _named(item: Mapping[str, Any]) -> str:
    name = item.get("feature_id") or item.get("event_name") or "nothing"
    return f"{_plain(name)} of {_plain(item.get('customer_id', 'nobody'))}"


def _plain(value: Any) -> str:
    """A text as it is, anything else as JSON; not more than a few lines of it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def manners(action: Send) -> list[str]:
    """What is special about the client, a line each."""
    words = []
    if action.with_fault is not None:
        words.append(f"with the fault {action.with_fault}")
    if action.timeout_is is not None:
        words.append(f"waits {_length(action.timeout)} for a reply, and takes none for a {action.timeout_is}")
    if action.retry is not None:
        on = " or ".join(str(each) for each in sorted(action.retry.on, key=str))
        words.append(f"tries again after {on}, at most {_times(action.retry.times)}")
    return words


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def outcome_of(attempt: ReplyReceived, action: Send) -> str:
    """What a client sees of a request: a status, or why there is none."""
    words = {
        "timeout": f"no reply within {_length(action.timeout)}",
        "reset": "no reply: the connection was closed",
        "truncated": "the reply was cut off",
    }
    if attempt.failure is None:
        return str(attempt.outcome)
    taken = f"; the client takes it for a {attempt.outcome}" if isinstance(attempt.outcome, int) else ""
    return f"{words[attempt.failure]}{taken}"


def content_of(attempt: ReplyReceived) -> str:
    """What a reply says: the message of an error, and else its body."""
    if attempt.failure is not None:
        return ""
    body = attempt.body
    failed = isinstance(attempt.outcome, int) and attempt.outcome >= 400
    said = body["message"] if failed and isinstance(body, dict) and "message" in body else body
    asked = attempt.headers.get("retry-after")
    text = " ".join(_plain(said).split()) if said != "" else "(no body)"
    return f"{text}{f' (Retry-After: {asked})' if asked is not None else ''}"


def way_of(events: Sequence[ReplyReceived | Waited]) -> str:
    """How a call of a burst went."""
    return ", ".join(f"waits {wait_of(event)}" if isinstance(event, Waited) else str(event.outcome) for event in events)


def wait_of(event: Waited) -> str:
    """How long a client waited, and why."""
    return f"{_length(event.length)}{' as asked' if event.was_asked else ''}{_ON_CLOCK if event.on_clock else ''}"


def _length(length: float) -> str:
    return f"{length / 1000:g} s" if length >= 1000 else f"{length:.0f} ms"


def tone_of(outcome: Outcome) -> str:
    """The colour of an outcome: yellow for those after which a retry is safe."""
    if not isinstance(outcome, int):
        return "red"
    return "green" if outcome < 300 else "yellow" if outcome in (429, 503) else "red"
