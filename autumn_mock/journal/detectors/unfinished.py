"""Findings of what a client leaves open: pages that it does not read, and retries that no key makes safe."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from autumn_mock.counting import count_of
from autumn_mock.journal import wording as w
from autumn_mock.journal.finding import Finding, detects, finding
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.wire.body import json_body

#: Failures after which a client cannot know whether anything was taken.
_AMBIGUOUS = (None, 500, 502, 504)
#: The query parameters that ask for a page.
_PAGE_KEYS = ("start_cursor", "cursor", "offset")


@detects("missing_idempotency_key")
def missing_keys(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each call whose retries are only harmless because the request before them had not reached the service."""
    failed: dict[object, RequestEntry] = {}
    pairs: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        sent = entry.sent
        if not sent or all(item.has_key for item in sent):
            continue
        name = entry.signature
        earlier = failed.pop(name, None)
        if earlier is not None and entry.follows(earlier):
            row = pairs.setdefault(entry.call, [])
            row += [each for each in (earlier, entry) if each not in row]
        if entry.service_status is None and (entry.status in _AMBIGUOUS or not entry.is_answered):
            failed[name] = entry
    for row in pairs.values():
        first, last = row[0], row[-1]
        yield finding(
            "missing_idempotency_key",
            row,
            f"{w.what(first)} without an idempotency key failed, {w.outcome(first)}, and was sent again; this time "
            f"nothing had been taken, which the client cannot have known",
            items=len(last.sent),
            amounts=w.amounts(last.sent),
            doubt="this time nothing was taken twice",
        )


@detects("page_not_followed")
def unread_pages(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each call that returned a page with a following one, which was never asked for."""
    unread: dict[str, dict[str, RequestEntry]] = {}
    for entry in entries:
        open_pages = unread.get(entry.call)
        if open_pages:
            for cursor in [cursor for cursor in open_pages if _asks_for(entry, cursor)]:
                del open_pages[cursor]
        if entry.next_page is not None and entry.is_known_accepted:
            unread.setdefault(entry.call, {})[entry.next_page] = entry
    for call, pages in unread.items():
        row = list(pages.values())
        if row:
            yield finding(
                "page_not_followed",
                row,
                f"{call} returned {count_of(len(row), 'page')} with a following one that was never asked for",
                items=None,
                doubt="the client may have wanted the first page only",
            )


def _asks_for(entry: RequestEntry, page: str) -> bool:
    query = parse_qsl(entry.exchange.query) if entry.exchange is not None else []
    if any(name in _PAGE_KEYS and value == page for name, value in query):
        return True
    body: Any = json_body(entry.body or b"")
    fields = body if isinstance(body, Mapping) else {}
    return page in (fields.get("start_cursor"), fields.get("cursor"), json.dumps(fields.get("offset")))
