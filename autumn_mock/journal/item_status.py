"""The status of each item of a request."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from autumn_mock.domain.message import message_ids
from autumn_mock.journal.bodies import BATCH_CALLS, Parsed
from autumn_mock.journal.messages import MessageJournal, MessageNote
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.environment import Environment

#: Not accepted; accepted and still in the queue; accepted and deducted; accepted and dropped by a worker.
Fate = Literal["refused", "waiting", "deducted", "lost"]


class ItemStatus(Struct, frozen=True, omit_defaults=True):
    """One item: its status, and the reason if there is one."""

    index: int
    fate: Fate
    #: The rule that refused it, or the reason why a worker dropped it.
    reason: str = ""
    #: What faults did to its message.
    notes: list[MessageNote] = []
    #: The item as it was parsed; None when the journal has dropped it.
    item: Any = None


def accepted_messages(entry: RequestEntry) -> dict[int, str]:
    """Index and message id of each accepted item."""
    if entry.items is None or not entry.is_accepted:
        return {}
    ids = message_ids(entry.request_id, entry.items if entry.call in BATCH_CALLS else None)
    return {index: id for index, id in enumerate(ids) if index not in entry.refusals}


def item_statuses(entry: RequestEntry, environment: Environment, deliveries: MessageJournal) -> list[ItemStatus]:
    """The status of each item of a request; none for a call that does not queue."""
    accepted = accepted_messages(entry)
    items = msgspec.to_builtins(parsed_items(entry))
    with environment.lock:
        statuses = []
        for index in range(entry.items or 0):
            item = items[index] if index < len(items) else None
            statuses.append(_status(index, accepted.get(index), entry, environment, deliveries, item))
        return statuses


def parsed_items(entry: RequestEntry) -> Parsed:
    """The parsed items of a request; none when the journal has dropped its body."""
    return (entry.content.parsed if entry.content is not None else None) or ()


def _status(
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
