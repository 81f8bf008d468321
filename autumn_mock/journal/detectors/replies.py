"""Findings of how a client reacts to replies: to Retry-After, to refusals, and to waiting."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from autumn_mock.journal import wording as w
from autumn_mock.journal.detectors.usage import INDISTINGUISHABLE, NEW_IDENTIFIERS
from autumn_mock.journal.early_retries import early_retries, hammering
from autumn_mock.journal.finding import Finding, detects, finding
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.wire.requests.track import MAX_ITEMS

#: The fewest 429 replies in a row that are hammering.
HAMMERING = 3


@detects("retried_too_soon")
def _early_retries(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for retry in early_retries(_with_body(entries)):
        first = retry.requests[0]
        unsure = INDISTINGUISHABLE if retry.items else "another request may have meant the same"
        if retry.has_new_keys:
            unsure = NEW_IDENTIFIERS
        yield finding(
            "retried_too_soon",
            retry.requests,
            f"{w.what(first)}, {w.outcome(first)}, was sent again {w.times(retry.times)} too soon: "
            f"{w.seconds(retry.waited)} after a reply that asked to wait {w.seconds(retry.asked)}",
            items=len(retry.items) or None,
            doubt=None if retry.is_certain else unsure,
        )


@detects("hammering")
def _hammering(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for row in hammering(entries, HAMMERING):
        last = row[-1]
        yield finding(
            "hammering",
            row,
            f"{w.call(last)} answered 429 {w.times(len(row))} in a row, and each of these requests but the first was "
            f"sent before the Retry-After of the one before it had passed",
            items=last.items,
        )


@detects("batch_too_large")
def _too_large(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each different body, with all requests that sent it."""
    rows: dict[Hashable, list[RequestEntry]] = {}
    for entry in filter(w.is_batch, entries):
        if entry.service_status == 400 and (w.count(entry) or 0) > MAX_ITEMS:
            rows.setdefault(entry.signature, []).append(entry)
    for row in rows.values():
        count = w.count(row[0])
        message = f"A batch of {count} items was refused: at most {MAX_ITEMS} are accepted in one request"
        yield finding("batch_too_large", row, message, items=count)


@detects("resent_after_refusal")
def _resent_refusals(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    """One for each row of requests with a body that had been refused. A row ends when the body is accepted after all,
    because a missing feature may have been created."""
    rows: list[list[RequestEntry]] = []
    current: dict[Hashable, list[RequestEntry]] = {}
    for entry in filter(w.is_batch, entries):
        refused = _is_refused(entry)
        if not (current or refused):
            continue
        row = current.get(entry.signature)
        if entry.is_accepted:
            current.pop(entry.signature, None)
        elif row is not None and entry.follows(row[-1]):
            row.append(entry)
        elif row is None and refused:
            current[entry.signature] = [entry]
            rows.append(current[entry.signature])
    for row in rows:
        if len(row) > 1:
            first = row[0]
            message = (
                f"{w.what(first)} was refused with {first.status} and sent again unchanged {w.times(len(row) - 1)}"
            )
            yield finding("resent_after_refusal", row, message, items=w.count(first))


@detects("reply_not_awaited")
def _disconnects(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for entry in entries:
        if entry.reply == "not_awaited":
            status = entry.service_status
            outcome = "the service was not reached" if status is None else f"the service answered {status}"
            yield finding(
                "reply_not_awaited",
                [entry],
                f"The client of {w.call(entry)} disconnected before the reply, which was ready after "
                f"{w.seconds(entry.replied - entry.received)}; {outcome}",
                items=entry.items,
            )


def _with_body(entries: Iterable[RequestEntry]) -> list[RequestEntry]:
    return [entry for entry in entries if entry.content is not None]


def _is_refused(entry: RequestEntry) -> bool:
    """Whether the service refused the body, and the client received that."""
    return entry.service_status in (400, 404) and entry.status == entry.service_status and entry.is_answered
