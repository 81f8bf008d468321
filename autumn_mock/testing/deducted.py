"""What was deducted from a customer, and by which request: for the message of a failed assertion."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from autumn_mock.counting import count_of
from autumn_mock.domain.amount import ZERO, number
from autumn_mock.domain.event import Deduction
from autumn_mock.journal.bodies import TRACK_CALLS
from autumn_mock.journal.item_status import accepted_messages
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.wording import figure
from autumn_mock.store.environment import Environment

#: Calls that may deduct besides those that record usage. A check does with ``send_event`` or a lock.
_OTHER_CALLS = {"balances.check", "balances.finalize"}
#: How many requests a message lists.
_MAX_LISTED = 20


class Deducted(Struct):
    """What the events of a customer deducted of a feature, in the feature's units or credits."""

    total: Decimal
    #: By the queued message; that of direct calls under None.
    by_message: dict[str | None, Decimal]
    #: The balances that it was taken from.
    balance_ids: set[str]


def deducted_from(environment: Environment, customer: str, feature: str) -> Deducted:
    """What was deducted from a customer by queued items and direct calls. Usage with ``skip_event`` has no event."""
    found = Deducted(ZERO, {}, set())
    with environment.lock:
        owners = set(environment.customers.of(customer))
        for event in environment.events:
            if event.customer not in owners:
                continue
            value = _sum(event.deductions, feature)
            found.total += value
            found.by_message[event.message_id] = found.by_message.get(event.message_id, ZERO) + value
            found.balance_ids |= {each.balance_id for each in event.deductions}
    return found


def deduction_lines(
    environment: Environment, entries: Sequence[RequestEntry], found: Deducted, customer: str, feature: str
) -> list[str]:
    """Each request that recorded usage, with what it deducted; and what no request of the journal deducted."""
    lines = []
    rest = found.total
    for entry in entries:
        if not _may_deduct(entry):
            continue
        queued, value = accepted_messages(entry), ZERO
        if entry.items is not None:
            value = sum((found.by_message.get(each, ZERO) for each in queued.values()), ZERO)
        elif entry.customer_id == customer or any(each.balance_id in found.balance_ids for each in entry.deducted):
            value = _sum(entry.deducted, feature)
        has_event = b"skip_event" not in (entry.body or b"")
        rest -= value if has_event or entry.items is not None else ZERO
        amount = f"{figure(float(number(value)))} {feature}"
        lines.append(f"request {entry.id}: {_request(entry, environment, queued)}: {amount}{_why(entry)}")
        if not has_event:
            lines.append("  (items with skip_event have no event and are not counted)")
    left_out = len(lines) - _MAX_LISTED
    shown = [count_of(left_out, "earlier line"), *lines[-_MAX_LISTED:]] if left_out > 0 else lines
    if rest:
        shown.append(f"by no request of the journal, as of the world's past: {figure(float(number(rest)))} {feature}")
    return shown or ["no usage was sent"]


def _may_deduct(entry: RequestEntry) -> bool:
    if entry.call == "balances.check":  # most only ask
        return bool(entry.deducted) or bool(entry.sent)
    return bool(entry.deducted) or entry.items is not None or entry.call in TRACK_CALLS | _OTHER_CALLS


def _request(entry: RequestEntry, environment: Environment, queued: dict[int, str]) -> str:
    """Its call, its status, and what became of its items."""
    status = "no reply" if entry.status is None else f"status {entry.status}"
    if entry.items is None:
        return f"{entry.call}, {status}"
    reasons = [lost.reason for each in queued.values() if (lost := environment.lost.get(each)) is not None]
    lost_ones = f", {len(reasons)} lost ({', '.join(dict.fromkeys(reasons))})" if reasons else ""
    return f"{entry.call}, {count_of(entry.items, 'item')}, {entry.refused} refused{lost_ones}, {status}"


def _why(entry: RequestEntry) -> str:
    return f" ({entry.message})" if entry.message else ""


def _sum(deductions: Sequence[Deduction], feature: str) -> Decimal:
    return sum((each.value for each in deductions if each.feature_id == feature), ZERO)
