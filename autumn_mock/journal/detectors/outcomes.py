"""Findings that depend on what became of requests: items that a worker dropped, and locks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autumn_mock.counting import were
from autumn_mock.domain.message import LostItem
from autumn_mock.journal import wording as w
from autumn_mock.journal.bodies import Item
from autumn_mock.journal.finding import Finding, detects_in_state, finding
from autumn_mock.journal.finding_state import FindingState
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.retries import has_failed

#: Reasons for which an item is dropped that are the client's mistake.
_MISTAKES = ("customer_not_found", "entity_not_found", "feature_not_found")
#: A body of at least this share of the limit is nearly too large.
_NEARLY = 0.8


@detects_in_state("lost_after_accepted")
def lost_items(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each request, and reason, with items that were accepted and then dropped."""
    if not state.lost:
        return
    by_id = {entry.request_id: entry for entry in entries if entry.items is not None and entry.is_accepted}
    found: dict[tuple[str, str], list[tuple[int, LostItem]]] = {}
    for lost in state.lost:
        request_id, _, index = lost.id.partition("-")
        if request_id in by_id and lost.reason != "duplicate_idempotency_key":  # what the key is for
            found.setdefault((request_id, lost.reason), []).append((int(index or 0), lost))
    for (request_id, reason), rows in found.items():
        yield _lost(by_id[request_id], reason, rows)


def _lost(entry: RequestEntry, reason: str, rows: Sequence[tuple[int, LostItem]]) -> Finding:
    sent = entry.sent
    items = [sent[index] if index < len(sent) else _item(lost) for index, lost in rows]
    amounts = w.amounts(items)
    customers = ", ".join(sorted({item.customer_id for item in items})[:3])
    doubts = {
        "insufficient_balance": "the client asked that usage beyond the balance is refused",
        "dropped": "a fault of the worker dropped it",
    }
    return finding(
        "lost_after_accepted",
        [entry],
        f"{w.what(entry)} was accepted, and then {w.items(len(items))} of it {were(len(items))} dropped: "
        f"{reason} ({rows[0][1].message.rstrip('.')}); lost are {w.listed(amounts)} of {customers}",
        items=len(items),
        amounts=amounts,
        doubt=None if reason in _MISTAKES else doubts.get(reason, "the service dropped it"),
    )


def _item(lost: LostItem) -> Item:
    """An item whose body the journal has dropped."""
    item = lost.item
    return Item(
        key=b"",
        customer_id=item.customer_id,
        name=item.feature_id or item.event_name or "",
        amount=float(item.value),
        has_timestamp=False,
        has_key=False,
        has_properties=False,
    )


@detects_in_state("lock_not_finalized")
def open_locks(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each lock that holds usage and was never finalized."""
    held: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        if entry.content is None:
            continue
        if entry.call == "balances.finalize":
            lock_id = entry.content.fields.get("lock_id")
            if isinstance(lock_id, str) and lock_id in held:
                if entry.is_accepted:
                    del held[lock_id]
                else:
                    held[lock_id].append(entry)
        elif entry.deducted and b"lock" in entry.content.raw:
            lock_id = (entry.content.fields.get("lock") or {}).get("lock_id")
            if isinstance(lock_id, str):
                held[lock_id] = [entry]
    for lock_id, row in held.items():
        yield _open_lock(lock_id, row, state)


def _open_lock(lock_id: str, row: Sequence[RequestEntry], state: FindingState) -> Finding:
    first, tries = row[0], row[1:]
    lock = state.lock(lock_id)
    is_open = lock is not None and (lock.releases_at is None or lock.releases_at > state.now)
    became = "is still held" if is_open else "was returned when the lock expired" if _expires(first) else "stays taken"
    amounts = w.amounts(first.sent)
    failed = f", though {w.times(len(tries))} it was tried, and failed" if tries else ""
    is_failed = any(has_failed(entry) or not entry.is_answered for entry in tries)
    return finding(
        "lock_not_finalized",
        row,
        f"The lock {lock_id} of a {w.call(first)} was never finalized{failed}: {w.listed(amounts)} {became}",
        items=len(first.sent),
        amounts=amounts,
        doubt="the client may still finalize it" if is_open and not is_failed else None,
    )


def _expires(entry: RequestEntry) -> bool:
    assert entry.content is not None  # it has a lock
    return (entry.content.fields.get("lock") or {}).get("expires_at") is not None


@detects_in_state("near_size_limit")
def large_bodies(entries: Sequence[RequestEntry], state: FindingState) -> Iterator[Finding]:
    """One for each call with bodies near, or beyond, the limit of their size."""
    rows: dict[str, list[RequestEntry]] = {}
    for entry in entries:
        if entry.size >= state.max_body * _NEARLY:
            rows.setdefault(w.call(entry), []).append(entry)
    for call, row in rows.items():
        largest = max(entry.size for entry in row)
        yield finding(
            "near_size_limit",
            row,
            f"A body of {call} had {largest} bytes, {largest / state.max_body:.0%} of the limit of {state.max_body}",
            items=row[-1].items,
            doubt="it was small enough this time",
        )
