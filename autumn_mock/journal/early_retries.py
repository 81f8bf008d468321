"""Requests that did not wait as long as a reply had asked them to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from msgspec import Struct

from autumn_mock.journal.attempts import Attempt, Item, follows, is_accepted, is_answered, waited
from autumn_mock.journal.requests import RequestEntry

#: Seconds by which a wait may be shorter than it should be: SDKs round.
TOLERANCE = 0.05


class EarlyRetry(Struct, eq=False):
    """Requests that were sent again before the time that a reply had asked for."""

    requests: list[RequestEntry]
    #: The shortest wait among them, and what had been asked for, in seconds.
    waited: float
    asked: float
    #: How many came too soon.
    times: int = 0
    #: The items of the last.
    items: tuple[Item, ...] = ()
    #: Whether they can be no others.
    is_certain: bool = True


def early_retries(attempts: Iterable[Attempt]) -> list[EarlyRetry]:
    """The same items, or the same body, sent again too soon; one for each row of such requests."""
    #: The last reply that asked to wait, by what was sent.
    asking: dict[Hashable, RequestEntry] = {}
    rows: dict[int, EarlyRetry] = {}
    for attempt in attempts:
        entry = attempt.entry
        if not asking and entry.retry_after is None:
            continue
        keys: list[Hashable] = [attempt.signature, *(item for item in attempt.items if item.has_timestamp)]
        for key in keys:
            earlier = asking.get(key)
            if earlier is not None and _is_too_soon(entry, earlier):
                _extend(rows, attempt, earlier, key)
        for key in keys:
            if entry.retry_after is not None and is_answered(entry):
                asking[key] = entry
            elif is_accepted(entry):
                asking.pop(key, None)
    return list({id(row): row for row in rows.values()}.values())


def _is_too_soon(later: RequestEntry, earlier: RequestEntry) -> bool:
    return follows(later, earlier) and waited(later, earlier) < (earlier.retry_after or 0) - TOLERANCE


def _extend(rows: dict[int, EarlyRetry], attempt: Attempt, earlier: RequestEntry, key: Hashable) -> None:
    """Add a request to the row that an earlier one stands in; ``rows`` are by the ids of their requests."""
    entry = attempt.entry
    row = rows.get(earlier.id) or EarlyRetry([earlier], waited(entry, earlier), earlier.retry_after or 0)
    rows[earlier.id] = rows[entry.id] = row
    if row.requests[-1] is not entry:
        row.requests.append(entry)
        row.times += 1
        row.items = attempt.items
        row.is_certain = row.is_certain and (attempt.is_marked or isinstance(key, Item))
    if waited(entry, earlier) < row.waited:
        row.waited, row.asked = waited(entry, earlier), earlier.retry_after or 0


def hammering(entries: Iterable[RequestEntry], least: int) -> list[list[RequestEntry]]:
    """Rows of at least so many 429 replies to one call, each request sent right into the wait that the one before it
    had been told."""
    rows: list[list[RequestEntry]] = []
    current: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        call = entry.call or f"{entry.method} {entry.path}"
        row = current.get(call)
        if entry.status != 429 or not is_answered(entry):
            current.pop(call, None)
        elif row is not None and _is_too_soon(entry, row[-1]):
            row.append(entry)
        elif row is None or follows(entry, row[-1]):
            current[call] = [entry]
            rows.append(current[call])
    return [row for row in rows if len(row) >= least]
