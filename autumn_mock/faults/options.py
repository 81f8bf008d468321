"""The options of fault rules: how each value is read, and the modifiers that every rule accepts.

The kinds of faults and the options of their own are in :mod:`autumn_mock.faults.kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from autumn_mock.domain.payment import DECLINE_REASONS
from autumn_mock.durations import parse_duration

#: Reads a written value. Raises :class:`ValueError`, which describes a valid value.
Reader = Callable[[str], Any]

#: The value of ``before=`` and ``after=`` that selects the phase of a reply fault instead of a count.
PHASE = "enqueue"


class Option(Struct, frozen=True):
    """One ``name=value`` of a rule."""

    name: str
    read: Reader
    #: What it means, for help and documentation.
    text: str
    #: Stands for the value in the documentation.
    placeholder: str


#: Headers that the server sets, for how it sends a reply.
_CONNECTION_HEADERS = {
    *("connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    *("proxy-authenticate", "proxy-authorization"),
}
#: The most digits of a number in a header or a limit, and of any other number.
_MOST_DIGITS, _LONGEST = 15, 100
#: The smallest and largest rate of worker:slow, in messages per second.
_SLOWEST, _FASTEST = 1 / 86_400, 1_000_000


def _integer(text: str) -> int:
    if len(text) > _LONGEST:
        raise ValueError(f"must have at most {_LONGEST} digits")
    return int(text)


def whole(text: str) -> int:
    """A whole number from 0."""
    value = _integer(text)
    if value < 0:
        raise ValueError("must not be negative")
    return value


def positive(text: str) -> int:
    """A whole number from 1."""
    value = _integer(text)
    if value < 1:
        raise ValueError("must be at least 1")
    return value


def probability(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("must be between 0 and 1")
    return value


def indexes(text: str) -> frozenset[int]:
    """Item indexes, separated by commas."""
    return frozenset(whole(part) for part in text.split(","))


def duration(text: str) -> int:
    """A duration such as 2s, in ms."""
    length = parse_duration(text)
    if length <= 0:
        raise ValueError("must be greater than 0")
    return length


def duration_range(text: str) -> tuple[int, int]:
    """The shortest and the longest delay in ms; equal for a fixed delay."""
    low, dash, high = text.partition("-")
    bounds = (duration(low), duration(high if dash else low))
    if bounds[0] > bounds[1]:
        raise ValueError("the shorter duration must come first, as in 1s-3s")
    return bounds


def calls_or_duration(text: str) -> tuple[str, int]:
    """``("calls", n)`` or ``("ms", n)``."""
    return ("calls", positive(text)) if text.isdigit() else ("ms", duration(text))


def per_second(text: str) -> float:
    """A rate such as 100/s or 30/minute, per second."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|second|m|minute)", text)
    rate = float(found[1]) / (1 if found[2].startswith("s") else 60) if found else 0
    if not _SLOWEST <= rate <= _FASTEST:
        raise ValueError("write it like 100/s or 30/minute; at least one a day, at most a million a second")
    return rate


def request_limit(text: str) -> str:
    """A rate limit such as 3/second, as written."""
    found = re.fullmatch(rf"[1-9][0-9]{{,{_MOST_DIGITS - 1}}}/(second|minute|hour)", text)
    if not found:
        raise ValueError("write it like 3/second, 60/minute or 1000/hour")
    return text


def status(text: str) -> int:
    """An HTTP status from 200 to 599."""
    code = int(text) if re.fullmatch(r"\d{3}", text) else 0
    if not 200 <= code <= 599:
        raise ValueError("must be a status from 200 to 599")
    return code


def retry_after(text: str) -> str:
    """The header value as written; ``date+5s`` is resolved when the reply is sent."""
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return text
    if text.startswith("date+"):
        duration(text.removeprefix("date+"))
        return text
    try:
        if not text.isascii():  # other digits are digits, too
            raise ValueError
        datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")
    except ValueError:
        raise ValueError('write seconds, date+5s, or an HTTP date in quotes: "Wed, 21 Oct 2026 07:28:00 GMT"') from None
    return text


def body_kind(text: str) -> str:
    """The body of a substituted reply: json, html or empty."""
    if text not in ("json", "html", "empty"):
        raise ValueError("must be json, html or empty")
    return text


def topup_problem(text: str) -> str:
    """Why a charge fails: charge_failed or missing_payment_method."""
    if text not in ("charge_failed", "missing_payment_method"):
        raise ValueError("must be charge_failed or missing_payment_method")
    return text


def decline_reason(text: str) -> str:
    """Why a card is declined, as the payment provider names it."""
    if text not in DECLINE_REASONS:
        raise ValueError(f"must be one of {', '.join(DECLINE_REASONS)}")
    return text


def content_type(text: str) -> str:
    """A content type such as text/plain."""
    if not re.fullmatch(r"[!-~]+/[!-~]+", text):
        raise ValueError("must be a content type such as text/plain")
    return text


def json_text(text: str) -> str:
    """JSON, as written."""
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ValueError("""must be JSON in single quotes, such as '{"allowed":true}'""") from None
    return text


def header_lines(text: str) -> tuple[tuple[str, str], ...]:
    """Names and values of headers: ``X-Region: eu | X-Request: 7``."""
    headers = tuple(
        (header.strip(), value.strip()) for header, _, value in (each.partition(":") for each in text.split("|"))
    )
    for header, value in headers:
        is_name = re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", header) is not None
        if not is_name or not value or not value.isascii() or not value.isprintable():
            raise ValueError("must be a name, a colon and a value, such as 'X-Region: eu'")
        if header.lower() in _CONNECTION_HEADERS:
            raise ValueError(f"{header} belongs to the connection; the reply:... kinds change that")
    return headers


def name(text: str) -> str:
    """Any text."""
    return text


#: An option of the kinds that act on items.
EVENT = Option("event", name, "only items with this event name", "NAME")

#: The options that every rule accepts.
MODIFIERS: dict[str, Option] = {
    option.name: option
    for option in (
        Option("times", positive, "fire at most N times", "N"),
        Option("after", whole, "skip the first N matches", "N"),
        Option("every", positive, "fire on every N-th match", "N"),
        Option("rate", probability, "fire with probability P, from 0 to 1", "P"),
        Option("seed", _integer, "random seed; chosen and reported if omitted", "N"),
        Option("ttl", duration, "expire after this time on the organisation's clock", "TIME"),
        Option("org", name, "only this organisation, by id or slug", "ORG"),
        Option("customer", name, "only this customer", "ID"),
        Option("feature", name, "only this feature", "ID"),
        Option("route", name, "only calls that match this name; * matches any part: balances.*", "CALL"),
    )
}
