"""What became of every item of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from autumn_mock.journal.messages import MessageJournal, MessageNote
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.environment import Environment

#: Not accepted; accepted and still in the queue; accepted and deducted; accepted and dropped by a worker.
Fate = Literal["refused", "waiting", "deducted", "lost"]


class ItemStatus(Struct, frozen=True, omit_defaults=True):
    """One item: where it went, and why if that needs saying."""

    index: int
    fate: Fate
    #: The rule that refused it, or why a worker dropped it.
    reason: str = ""
    #: What faults did to its message on the way.
    notes: list[MessageNote] = []
    #: The item as it was sent, as long as the journal has room for it.
    item: Any = None


def was_accepted(entry: RequestEntry) -> bool:
    """Whether the service took items of a request in; those in ``refusals`` are not among them."""
    return entry.items is not None and entry.service_status in (200, 202)


def message_ids(entry: RequestEntry) -> Iterator[tuple[int, str]]:
    """Index and message of every item that was accepted."""
    if not was_accepted(entry):
        return
    is_single = not entry.call.startswith("balances.batch")
    for index in range(entry.items or 0):
        if index not in entry.refusals:
            yield index, entry.request_id if is_single else f"{entry.request_id}-{index}"


def item_statuses(entry: RequestEntry, environment: Environment, deliveries: MessageJournal) -> list[ItemStatus]:
    """The fate of every item of a request; none for a call that queues nothing."""
    accepted = dict(message_ids(entry))
    items = sent_items(entry)
    with environment.lock:
        fates = []
        for index in range(entry.items or 0):
            item = items[index] if index < len(items) else None
            fates.append(_fate(index, accepted.get(index), entry, environment, deliveries, item))
        return fates


def _fate(
    index: int,
    message_id: str | None,
    entry: RequestEntry,
    environment: Environment,
    deliveries: MessageJournal,
    item: Any,
) -> ItemStatus:
    if message_id is None:
        reason = entry.refusals.get(index, f"the request was answered {entry.service_status}")
        return ItemStatus(index, "refused", reason, item=item)
    notes = deliveries.of(environment.name, message_id)
    if message_id in environment.messages:
        return ItemStatus(index, "waiting", notes=notes, item=item)
    lost = environment.lost.get(message_id)
    if lost is not None:
        return ItemStatus(index, "lost", lost.reason, notes, item)
    return ItemStatus(index, "deducted", notes=notes, item=item)


def sent_items(entry: RequestEntry) -> list[Any]:
    """The items of a request as they were sent; none when the journal has forgotten its body."""
    if entry.body is None:
        return []
    try:
        body = msgspec.json.decode(entry.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return body if isinstance(body, list) else [body]
