"""Requests as lines of a report: for the section of a failed test, and for the end of ``exec``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from autumn_mock.counting import count_of
from autumn_mock.journal.exchange import shown_text
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.unknown_keys import unknown_keys_text

#: Failed requests whose bodies are shown, and characters of each body.
MAX_WITH_BODIES = 3
_MAX_BODY = 400


def request_line(entry: RequestEntry) -> str:
    """Number, method, path, status, customer, items, faults and message of a request."""
    status = "no reply" if entry.status is None else str(entry.status)
    if entry.service_status != entry.status:
        status += f" (the service: {entry.service_status or 'not reached'})"
    customer = f" {entry.customer_id}" if entry.customer_id else ""
    items = f", {count_of(entry.items, 'item')}, {entry.refused} refused" if entry.items is not None else ""
    faults = f", faults: {'; '.join(entry.faults)}" if entry.faults else ""
    message = f": {entry.message}" if entry.message else ""
    return f"{entry.id} {entry.method} {entry.path} {status}{customer}{items}{faults}{message}"


def failure_lines(entries: Iterable[RequestEntry]) -> list[str]:
    """The first requests that failed, with their bodies."""
    failed = [entry for entry in entries if not entry.is_known_accepted]
    lines = []
    for entry in failed[:MAX_WITH_BODIES]:
        lines += [request_line(entry), *_body("sent", entry.body, entry.size)]
        exchange = entry.exchange
        lines += _body("received", entry.reply_body, exchange.reply_size if exchange is not None else 0)
    return lines


def _body(label: str, body: bytes | None, size: int) -> list[str]:
    if not size:
        return []
    if body is None:
        return [f"  {label}: {size} bytes, no longer in the journal"]
    text = (shown_text(body[: 4 * _MAX_BODY]) or "").replace("\n", " ")
    if len(text) <= _MAX_BODY:
        return [f"  {label}: {text}"]
    return [f"  {label}: {text[:_MAX_BODY]}… ({size} bytes)"]


def unknown_key_lines(keys: Mapping[str, int], known: Sequence[str] = ()) -> list[str]:
    """What to do about requests with keys that open no organisation; ``known``: the key to use."""
    if not keys:
        return []
    instead = f"; the key here is {known[0]}" if known else ""
    return [f"{unknown_keys_text(keys)}{instead}"]
