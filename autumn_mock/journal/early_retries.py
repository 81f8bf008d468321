"""Requests that were sent before the Retry-After of a reply had passed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from msgspec import Struct

from autumn_mock.journal.bodies import Item
from autumn_mock.journal.requests import RequestEntry

#: Seconds by which a wait may be too short, because SDKs round.
TOLERANCE = 0.05


class EarlyRetry(Struct, eq=False):
    """A request and its retries that were sent too early."""

    requests: list[RequestEntry]
    #: The shortest wait, and the Retry-After before it, in seconds.
    waited: float
    asked: float
    #: How many retries were too early.
    times: int = 0
    #: The items of the last one.
    items: Sequence[Item] = ()
    #: Whether they cannot be other usages.
    is_certain: bool = True
    #: Whether a retry was only recognised without its idempotency keys: they were made anew.
    has_new_keys: bool = False


class _WithoutKeys(Struct, frozen=True):
    """What requests have in common that differ in their idempotency keys alone: the call, and the items sorted."""

    call: str
    items: tuple[Hashable, ...]


def early_retries(entries: Sequence[RequestEntry]) -> list[EarlyRetry]:
    """The same items, or the same body, sent again too early: one for each row of such requests.

    Items with new keys are taken for the same ones when the client never sent an identifier twice.
    """
    #: The last reply with a Retry-After, by what was sent.
    asking: dict[Hashable, RequestEntry] = {}
    rows: dict[int, EarlyRetry] = {}
    compares_without_keys = any(entry.retry_after is not None for entry in entries) and not _keeps_identifiers(entries)
    for entry in entries:
        if not asking and entry.retry_after is None:
            continue
        keys: list[Hashable] = [entry.signature, *(item for item in entry.sent if item.has_timestamp)]
        if compares_without_keys and entry.sent and all(item.has_key and not item.has_timestamp for item in entry.sent):
            keys.append(
                _WithoutKeys(entry.call, tuple(sorted((item.without_identifiers for item in entry.sent), key=repr)))
            )
        for key in keys:
            earlier = asking.get(key)
            if earlier is not None and _is_too_early(entry, earlier):
                _extend(rows, entry, earlier, key)
        for key in keys:
            if entry.retry_after is not None and entry.is_answered:
                asking[key] = entry
            elif entry.is_accepted:
                asking.pop(key, None)
    return list({id(row): row for row in rows.values()}.values())


def _keeps_identifiers(entries: Iterable[RequestEntry]) -> bool:
    """Whether two requests have an item with the same idempotency key or timestamp."""
    seen: set[bytes] = set()
    for entry in entries:
        identified = {item.key for item in entry.sent if item.has_key or item.has_timestamp}
        if not seen.isdisjoint(identified):
            return True
        seen |= identified
    return False


def _is_too_early(later: RequestEntry, earlier: RequestEntry) -> bool:
    """Whether a request was sent after a reply, but before its Retry-After had passed."""
    asked = earlier.retry_after
    return asked is not None and later.follows(earlier) and later.waited(earlier) < asked - TOLERANCE


def _extend(rows: dict[int, EarlyRetry], entry: RequestEntry, earlier: RequestEntry, key: Hashable) -> None:
    """Add a request to the row of an earlier one; ``rows`` are by the ids of their requests."""
    row = rows.get(earlier.id) or EarlyRetry([earlier], entry.waited(earlier), earlier.retry_after or 0)
    rows[earlier.id] = rows[entry.id] = row
    if row.requests[-1] is not entry:
        row.requests.append(entry)
        row.times += 1
        row.items = entry.sent
        is_distinguishable = bool(entry.sent) and all(item.is_distinguishable for item in entry.sent)
        row.has_new_keys = row.has_new_keys or isinstance(key, _WithoutKeys)
        row.is_certain = row.is_certain and not row.has_new_keys and (is_distinguishable or isinstance(key, Item))
    if entry.waited(earlier) < row.waited:
        row.waited, row.asked = entry.waited(earlier), earlier.retry_after or 0


def hammering(entries: Iterable[RequestEntry], least: int) -> list[list[RequestEntry]]:
    """Rows of at least ``least`` 429 replies to one call, each request sent before the Retry-After of the one before it
    had passed."""
    rows: list[list[RequestEntry]] = []
    current: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        call = entry.call or f"{entry.method} {entry.path}"
        row = current.get(call)
        if entry.status != 429 or not entry.is_answered:
            current.pop(call, None)
        elif row is not None and _is_too_early(entry, row[-1]):
            row.append(entry)
        elif row is None or entry.follows(row[-1]):
            current[call] = [entry]
            rows.append(current[call])
    return [row for row in rows if len(row) >= least]
