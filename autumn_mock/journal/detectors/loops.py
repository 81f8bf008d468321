"""Findings of requests that are repeated although they cannot succeed, and of routes that do not exist."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence

from autumn_mock.counting import count_of, were
from autumn_mock.journal import wording as w
from autumn_mock.journal.bodies import BATCH_CALLS, Item, RequestBody
from autumn_mock.journal.finding import Finding, detects, finding
from autumn_mock.journal.purchases import CARD_PAGES, PURCHASE_CALLS
from autumn_mock.journal.requests import RequestEntry

#: The fewest equal replies that are a loop.
LOOP = 3
#: Replies about the request itself: the same one gets the same reply.
_HOPELESS = (400, 403, 413, 422)
#: Seconds that a client waits at least after a 423, whose message asks for "a few".
_PROCESSING_S = 1.0
#: Calls of these verbs only read.
_READS = frozenset({"get", "list", "check", "aggregate"})
_NO_ROUTE = re.compile(r"(\S+ \S+) does not exist here(?:; the nearest route is (\S+) (/v1/(\S+)))?")


@detects("loop_on_404", "loop_on_409")
def loops(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each row of at least :data:`LOOP` equal requests that were answered 409 or 404."""
    for status in (409, 404):
        for row in _rows(entries, (status,)):
            first = row[0]
            if len(row) < LOOP or (status == 404 and first.call in BATCH_CALLS):  # resent_after_refusal
                continue
            yield finding(
                f"loop_on_{status}",
                row,
                f"{w.what(first)} was answered {status} {w.times(len(row))} in a row ({_reason(row[-1])})",
                items=len(first.sent) or None,
                doubt=_clicked(first) or (_waits(first) if status == 404 else None),
            )


@detects("loop_on_423")
def processing(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each row of at least :data:`LOOP` equal requests that were answered 423, each sent within
    :data:`_PROCESSING_S` of the reply before it."""
    refused = [each for each in entries if each.service_status == each.status == 423 and each.is_answered]
    rows: dict[Hashable, list[list[RequestEntry]]] = {}
    for entry in refused:
        own = rows.setdefault(_identity(entry), [[]])
        if own[-1] and entry.waited(own[-1][-1]) >= _PROCESSING_S:
            own.append([])
        own[-1].append(entry)
    for row in (row for own in rows.values() for row in own if len(row) >= LOOP):
        yield finding(
            "loop_on_423",
            row,
            f"{w.what(row[0])} was answered 423 {w.times(len(row))} in a row ({_reason(row[-1])}), and sent again "
            f"within {w.seconds(_PROCESSING_S)} of each reply",
            items=None,
        )


def _waits(entry: RequestEntry) -> str | None:
    """Why a client may ask again."""
    is_read = entry.method == "GET" or entry.call.rpartition(".")[2] in _READS
    return "the client may wait until another one creates it" if is_read else None


@detects("retried_impossible")
def hopeless(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each row of equal requests, batches apart, that were refused for what they are."""
    for row in _rows([entry for entry in entries if entry.call and entry.call not in BATCH_CALLS], _HOPELESS):
        if len(row) > 1:
            first = row[0]
            yield finding(
                "retried_impossible",
                row,
                f"{w.what(first)} was refused with {first.status} ({_reason(first)}) and sent again unchanged "
                f"{w.times(len(row) - 1)}",
                items=len(first.sent) or None,
                amounts=w.amounts(first.sent),
                doubt=_clicked(first),
            )


def _clicked(entry: RequestEntry) -> str | None:
    """Why a purchase, or a change of one, may be asked for again."""
    is_purchase = entry.call in PURCHASE_CALLS or entry.call in ("cancel", *CARD_PAGES)
    return "the customer may have asked for it each time" if is_purchase else None


def _rows(entries: Iterable[RequestEntry], statuses: Sequence[int]) -> list[list[RequestEntry]]:
    """Equal requests that got one of the statuses from the service, one after the other; those that later succeeded are
    left out."""
    rows: list[list[RequestEntry]] = []
    current: dict[Hashable, list[RequestEntry]] = {}
    for entry in entries:
        refused = entry.service_status in statuses and entry.status == entry.service_status and entry.is_answered
        if not (current or refused):
            continue
        name = _identity(entry)
        row = current.get(name)
        if refused and "insufficient" in (entry.message or "").lower():  # a top-up makes the same request succeed
            continue
        if refused and row is not None and entry.follows(row[-1]):
            row.append(entry)
        elif refused and row is None:
            current[name] = [entry]
            rows.append(current[name])
        elif row is not None and entry.is_accepted:
            rows.remove(row)
            del current[name]
    return rows


def _identity(entry: RequestEntry) -> Hashable:
    """Equal for the same request."""
    query = entry.exchange.query if entry.exchange is not None else ""
    what = entry.signature if entry.content is not None else entry.body
    return entry.method, entry.path, query, what


def _reason(entry: RequestEntry) -> str:
    return (entry.message or "without a message").rstrip(".")


# -- keys


@detects("wrong_key_retried")
def wrong_keys(entries: Iterable[RequestEntry]) -> Iterator[Finding]:
    """One for each secret key that was refused at least :data:`LOOP` times. ``entries``: also of no organisation."""
    rows: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        if entry.service_status == 401 and entry.status == 401 and _NO_ROUTE.match(entry.note or "") is None:
            key = entry.exchange.authorization if entry.exchange is not None else None
            rows.setdefault(entry.unknown_key or key or "", []).append(entry)
    for key, row in rows.items():
        if len(row) >= LOOP:
            named = f"The key {key.removeprefix('Bearer ')}" if key else "No key"
            message = (
                f"{named} was sent with {count_of(len(row), 'request')}, which were all answered 401 "
                f"({_reason(row[-1])})"
            )
            yield finding("wrong_key_retried", row, message, items=None)


# -- routes


@detects("unknown_route")
def unknown_routes(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each route that does not exist, with the usage that was sent to it."""
    rows: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        if not entry.call and _NO_ROUTE.search(entry.note or "") and entry.service_status == entry.status:
            rows.setdefault(f"{entry.method} {entry.path}", []).append(entry)
    for route, row in rows.items():
        found = _NO_ROUTE.search(row[0].note or "")
        assert found is not None  # as above
        _, method, path, call = found.groups()
        items = [item for entry in row for item in _usage(entry, call)]
        amounts = w.amounts(items)
        near = f"; the nearest route is {method} {path}" if path else ""
        lost = f", with {w.listed(amounts)}" if amounts else ""
        yield finding(
            "unknown_route",
            row,
            f"{route} does not exist, and {count_of(len(row), 'request')} {were(len(row))} sent to it{lost}{near}",
            items=len(items) or None,
            amounts=amounts,
        )


def _usage(entry: RequestEntry, call: str | None) -> tuple[Item, ...]:
    """The usage of a body, if it is one of the nearest call."""
    return RequestBody(entry.body, call).items if entry.body is not None and call else ()
