"""What requests led to: the deductions of the calls and of their queued items, and the webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from autumn_mock.domain.amount import number
from autumn_mock.domain.event import Deduction
from autumn_mock.journal.item_status import accepted_messages
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.environment import Environment
from autumn_mock.webhooks.journal import WebhookJournal

#: Fields of a delivery.
_SHOWN = ("id", "at", "type", "endpoint", "status", "attempts", "http_status", "error")


class Effects(Struct):
    """Of one request; ``index`` is that of an item, None for what the call did itself."""

    deductions: list[dict[str, Any]]
    webhooks: list[dict[str, Any]]


def effects_of(
    entries: Sequence[RequestEntry], environment: Environment | None, webhooks: WebhookJournal
) -> dict[int, Effects]:
    """The effects of requests of one environment, by the id of the request.

    Items with ``skip_event`` have no event, so their deductions are not known. Takes time for every event of the
    environment when requests have queued items that are not deducted yet.
    """
    found = {entry.id: Effects([_deduction(None, each) for each in entry.deducted], []) for entry in entries}
    if environment is None:
        return found
    messages = {
        message_id: (entry.id, index) for entry in entries for index, message_id in accepted_messages(entry).items()
    }
    for entry_id, index, deductions in _deductions(environment, messages):
        found[entry_id].deductions += [_deduction(index, each) for each in deductions]
    for effects in found.values():
        effects.deductions.sort(key=lambda each: -1 if each["index"] is None else each["index"])
    own = {entry.request_id: (entry.id, None) for entry in entries if entry.request_id}
    for delivery in webhooks.entries(*environment.name):
        cause = messages.get(delivery["cause"]) or own.get(delivery["cause"])
        if cause is not None:
            entry_id, position = cause
            found[entry_id].webhooks.append({"index": position, **{name: delivery[name] for name in _SHOWN}})
    return found


def _deductions(
    environment: Environment, messages: dict[str, tuple[int, int]]
) -> list[tuple[int, int, tuple[Deduction, ...]]]:
    """Those of queued items, with the id of the request and the index of the item. The newest events are read first."""
    if not messages:
        return []
    with environment.lock:
        events = environment.events.snapshot()
        missing = sum(each not in environment.messages and each not in environment.lost for each in messages)
    found = []
    for event in reversed(events):
        if not missing:
            break
        if event.message_id in messages:
            missing -= 1
            found.append((*messages[event.message_id], event.deductions))
    return found


def _deduction(index: int | None, deduction: Deduction) -> dict[str, Any]:
    return {
        "index": index,
        "feature_id": deduction.feature_id,
        "value": number(deduction.value),
        "balance_id": deduction.balance_id,
        "plan_id": deduction.plan_id,
    }
