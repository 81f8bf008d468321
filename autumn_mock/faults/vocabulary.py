"""The words of the fault grammar: every kind of rule and every option, with what they mean.

This is the one place that knows them. The parser reads rules by it, ``autumn-mock fault kinds`` and the README's table
show it, and a test walks it to see that every kind and every option really does something.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from autumn_mock.durations import parse_duration

#: Where in the way of a batch a rule acts: at the key, at the limit, when items are queued, when a worker takes a
#: message, at the reply.
Site = Literal["auth", "limit", "enqueue", "worker", "reply"]

Reader = Callable[[str], Any]


class Option(Struct, frozen=True):
    """One ``name=value``. ``read`` raises :class:`ValueError` with what would fit."""

    name: str
    read: Reader
    text: str
    #: What stands for the value in the docs.
    placeholder: str


class FaultKind(Struct, frozen=True):
    """One kind of rule."""

    name: str
    site: Site
    text: str
    #: A rule of this kind as somebody would write it.
    example: str
    #: What follows the kind without a name (``reply:delay 2s``).
    argument: Reader | None = None
    argument_placeholder: str = ""
    #: Stands for an argument that was left out; None: there must be one.
    argument_default: Any = None
    #: The options that only some kinds have.
    options: tuple[Option, ...] = ()
    #: Whether it is possible to choose if it strikes before the service has done its work or after.
    has_phase: bool = False
    #: Whether a chance (``rate=p``) makes sense.
    has_rate: bool = True
    #: Whether it changes a figure that others act on, and does not strike by itself.
    is_setting: bool = False


# -- readers

#: The rates that worker:slow can keep, a second.
_SLOWEST, _FASTEST = 1 / 86_400, 1_000_000


def _whole(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("must not be negative")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("must be at least 1")
    return value


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("must be between 0 and 1")
    return value


def _indexes(text: str) -> frozenset[int]:
    return frozenset(_whole(part) for part in text.split(","))


def _duration(text: str) -> int:
    length = parse_duration(text)
    if length <= 0:
        raise ValueError("must be longer than nothing")
    return length


def _range(text: str) -> tuple[int, int]:
    """Two lengths of time (ms), equal ones for a fixed length."""
    low, dash, high = text.partition("-")
    bounds = (_duration(low), _duration(high if dash else low))
    if bounds[0] > bounds[1]:
        raise ValueError("the shorter length comes first, as in 1s-3s")
    return bounds


def _turn(text: str) -> tuple[str, int]:
    """A number of calls, or a length of time (ms)."""
    return ("calls", _positive(text)) if text.isdigit() else ("ms", _duration(text))


def _per_second(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|second|m|minute)", text)
    rate = float(found[1]) / (1 if found[2].startswith("s") else 60) if found else 0
    if not _SLOWEST <= rate <= _FASTEST:
        raise ValueError("write it like 100/s or 30/minute; at least one a day, at most a million a second")
    return rate


def _limit(text: str) -> str:
    found = re.fullmatch(r"([1-9]\d*)/(second|minute|hour)", text)
    if not found:
        raise ValueError("write it like 3/second, 60/minute or 1000/hour")
    return text


def _status(text: str) -> int:
    status = int(text) if re.fullmatch(r"\d{3}", text) else 0
    if not 200 <= status <= 599:
        raise ValueError("must be a status from 200 to 599")
    return status


def _retry_after(text: str) -> str:
    """As it is sent; ``date+5s`` is worked out when it is sent."""
    if text.isascii() and text.isdigit():
        return text
    if text.startswith("date+"):
        _duration(text.removeprefix("date+"))
        return text
    try:
        datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")
    except ValueError:
        raise ValueError('write seconds, date+5s, or an HTTP date in quotes: "Wed, 21 Oct 2026 07:28:00 GMT"') from None
    return text


def _body(text: str) -> str:
    if text not in ("json", "html", "empty"):
        raise ValueError("must be json, html or empty")
    return text


def _content_type(text: str) -> str:
    if not re.fullmatch(r"[!-~]+/[!-~]+", text):
        raise ValueError("must be a content type, like text/plain")
    return text


def _name(text: str) -> str:
    return text


# -- words

_SLOW_RATE = Option("rate", _per_second, "how many messages it lets through", "N/s")
_ITEMS = (
    Option("items", _indexes, "the items with these indexes in the batch, counted from 0", "I,J"),
    Option("first", _positive, "the first n items of a batch", "N"),
    Option("last", _positive, "the last n items of a batch", "N"),
)
_EVENT = Option("event", _name, "items of this event name", "NAME")

FAULT_KINDS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind(
            "enqueue:fail",
            "enqueue",
            "items of a batch cannot be queued, all or those picked; the reply stays 202 unless none could",
            "enqueue:fail items=3,7",
            options=(*_ITEMS, _EVENT),
        ),
        FaultKind(
            "queue:down",
            "enqueue",
            "nothing can be queued: 503 with Retry-After",
            "queue:down ttl=30s",
            options=(_EVENT,),
        ),
        FaultKind(
            "queue:flap",
            "enqueue",
            "the queue is down and up in turn, by calls or by time",
            "queue:flap down=2 up=3",
            options=(
                Option("down", _turn, "calls, or a length of time, that it is down (1)", "N|TIME"),
                Option("up", _turn, "calls, or a length of time, that it is up (1)", "N|TIME"),
            ),
        ),
        FaultKind(
            "worker:pause",
            "worker",
            "accepted items wait until the rule is cleared or its ttl is over",
            "worker:pause customer=cus_123",
            options=(_EVENT,),
        ),
        FaultKind(
            "worker:slow",
            "worker",
            "items are deducted no faster than this",
            "worker:slow rate=100/s",
            options=(_SLOW_RATE, _EVENT),
            has_rate=False,
        ),
        FaultKind(
            "worker:delay",
            "worker",
            "items are deducted that much later, on the organisation's clock",
            "worker:delay 2s",
            argument=_duration,
            argument_placeholder="TIME",
            options=(_EVENT,),
        ),
        FaultKind(
            "worker:duplicate",
            "worker",
            "an item is delivered twice; the second delivery finds it done and changes nothing",
            "worker:duplicate every=5",
            options=(_EVENT,),
        ),
        FaultKind(
            "worker:reorder",
            "worker",
            "items that wait together are deducted last first",
            "worker:reorder",
            options=(_EVENT,),
        ),
        FaultKind(
            "worker:crash",
            "worker",
            "the worker dies after the deduction, before it acknowledges; another gets the item again",
            "worker:crash times=1",
            options=(_EVENT,),
        ),
        FaultKind(
            "worker:drop",
            "worker",
            "an accepted item is lost, with the reason dropped",
            "worker:drop every=10",
            options=(_EVENT,),
        ),
        FaultKind(
            "reply:status",
            "reply",
            "this status instead; below 300 the reply keeps its body",
            "reply:status 502 body=html",
            argument=_status,
            argument_placeholder="STATUS",
            options=(
                Option(
                    "retry-after", _retry_after, "the header Retry-After: seconds, date+5s, or a quoted date", "WHEN"
                ),
                Option("body", _body, "json as Autumn sends it (usual), a proxy's html page, or empty", "KIND"),
            ),
            has_phase=True,
        ),
        FaultKind(
            "reply:delay",
            "reply",
            "the reply comes that much later; 1s-3s draws a length",
            "reply:delay 2s after=enqueue",
            argument=_range,
            argument_placeholder="TIME",
            has_phase=True,
        ),
        FaultKind(
            "reply:hang",
            "reply",
            "no reply, and the connection stays open until the client gives up",
            "reply:hang after=enqueue",
            has_phase=True,
        ),
        FaultKind(
            "reply:reset",
            "reply",
            "no reply, and the connection is reset",
            "reply:reset after=enqueue times=1",
            has_phase=True,
        ),
        FaultKind(
            "reply:truncate", "reply", "half of the reply, then the connection is closed", "reply:truncate times=1"
        ),
        FaultKind("reply:malformed", "reply", "a body that is no JSON", "reply:malformed times=1"),
        FaultKind("reply:empty", "reply", "the status and no body", "reply:empty"),
        FaultKind(
            "reply:content-type",
            "reply",
            "the body under another content type",
            "reply:content-type text/plain",
            argument=_content_type,
            argument_placeholder="TYPE",
            argument_default="text/html",
        ),
        FaultKind(
            "reply:dribble",
            "reply",
            "the body comes byte by byte over this time",
            "reply:dribble 3s",
            argument=_duration,
            argument_placeholder="TIME",
            argument_default=2000,
        ),
        FaultKind("auth:revoke", "auth", "the key is no longer known: 401", "auth:revoke after=10"),
        FaultKind("limit:exhaust", "limit", "every limit is used up: 429", "limit:exhaust times=3"),
        FaultKind(
            "limit",
            "limit",
            "another limit for batches, or for the calls of route=",
            "limit 3/second",
            argument=_limit,
            argument_placeholder="N/second",
            has_rate=False,
            is_setting=True,
        ),
    )
}

#: What every rule may say.
MODIFIERS: dict[str, Option] = {
    option.name: option
    for option in (
        Option("times", _positive, "so many times, then no more", "N"),
        Option("after", _whole, "only after n were let through", "N"),
        Option("every", _positive, "every n-th only", "N"),
        Option("rate", _probability, "each with this chance, 0 to 1", "P"),
        Option("seed", int, "what the rule's own generator starts from; drawn and told when it is left out", "N"),
        Option("ttl", _duration, "until so much time has passed on the organisation's clock", "TIME"),
        Option("org", _name, "of one organisation, by id or slug", "ORG"),
        Option("customer", _name, "of one customer", "ID"),
        Option("feature", _name, "of one feature", "ID"),
        Option("route", _name, "of calls with this name, * for any part: balances.*", "CALL"),
    )
}

#: The values of ``before`` and ``after`` that say when a reply is struck, and not how often.
PHASE = "enqueue"


def options_of(kind: FaultKind) -> dict[str, Option]:
    """Every option that a kind takes, its own first."""
    own = {option.name: option for option in kind.options}
    common = {name: option for name, option in MODIFIERS.items() if kind.has_rate or name not in ("rate", "seed")}
    return {**common, **own}
