"""Checking the books against what is there: the queue, the lost items, the events, and the requests of the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.event import Event
from autumn_mock.journal.fates import message_ids, sent_items
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.environment import Environment


class Amounts(Struct):
    """Of one feature: what items asked for, and what was taken for them. Less is taken when a balance ran out."""

    asked: Decimal = ZERO
    taken: Decimal = ZERO


class CustomerAudit(Struct):
    """Where the items of one customer went."""

    customer: str
    accepted: int = 0
    waiting: int = 0
    deducted: int = 0
    lost: int = 0
    #: By the feature id or event name that items name, for what was asked; by the feature of the balance that paid,
    #: for what was taken.
    amounts: dict[str, Amounts] = field(default_factory=dict)


class Doubt(Struct, frozen=True):
    """An accepted item that is nowhere, or that was deducted more than once."""

    message_id: str
    request: int | None
    index: int | None
    deductions: int


class Audit(Struct):
    """What an audit of one environment found. The lists are empty when all is well."""

    org: str
    env: str
    balanced: bool
    problems: list[str]
    books: dict[str, int]
    missing: list[Doubt]
    double: list[Doubt]
    customers: list[CustomerAudit]


def audit(environment: Environment, entries: Iterable[RequestEntry] = ()) -> Audit:
    """Check one environment.

    The sums are checked against the tables for everything that ever happened; single items are looked for as far back
    as the journal's ``entries`` go. Nothing changes.
    """
    with environment.lock:
        books = environment.books
        waiting = len(environment.messages)
        events = environment.events.snapshot()
        customers = _customers(environment, events)
        doubts = _doubts(environment, events, list(entries))
    sums = {
        "offered": books.offered,
        "refused": books.refused,
        "accepted": books.accepted,
        "waiting": waiting,
        "deducted": books.deducted,
        "lost": books.lost,
    }
    missing, double = [each for each in doubts if not each.deductions], [each for each in doubts if each.deductions]
    problems = _problems(sums, books.lost_by_reason, missing, double)
    org, env = environment.name
    return Audit(org, env, not problems, problems, sums, missing, double, customers)


def _problems(
    sums: dict[str, int], lost_by_reason: dict[str, int], missing: Sequence[Doubt], double: Sequence[Doubt]
) -> list[str]:
    problems = []
    if sums["accepted"] != sums["waiting"] + sums["deducted"] + sums["lost"]:
        problems.append(
            f"{sums['accepted']} items were accepted, but {sums['waiting']} wait, {sums['deducted']} are deducted and "
            f"{sums['lost']} lost"
        )
    if sums["lost"] != sum(lost_by_reason.values()):
        problems.append(f"{sums['lost']} items are lost, but the reasons add up to {sum(lost_by_reason.values())}")
    if missing:
        problems.append(f"{len(missing)} items were accepted and are neither waiting, deducted nor lost")
    if double:
        problems.append(f"{len(double)} items were deducted more than once")
    return problems


def _customers(environment: Environment, events: Iterable[Event]) -> list[CustomerAudit]:
    ids = {customer.internal_id: customer.id or "" for customer in environment.customers}
    found: dict[str, CustomerAudit] = {}

    def of(customer_id: str) -> CustomerAudit:
        return found.setdefault(customer_id, CustomerAudit(customer_id))

    for event in events:
        if event.message_id is not None:
            customer = of(ids.get(event.customer, event.customer))
            customer.deducted += 1
            customer.amounts.setdefault(event.name, Amounts()).asked += event.value
            for deduction in event.deductions:
                customer.amounts.setdefault(deduction.feature_id, Amounts()).taken += deduction.value
    for message in environment.messages:
        of(message.item.customer_id).waiting += 1
    for lost in environment.lost:
        of(lost.item.customer_id).lost += 1
    for customer in found.values():
        customer.accepted = customer.waiting + customer.deducted + customer.lost
    return sorted(found.values(), key=lambda each: each.customer)


def _doubts(environment: Environment, events: Iterable[Event], entries: Sequence[RequestEntry]) -> list[Doubt]:
    deductions = Counter(event.message_id for event in events if event.message_id is not None)
    places = {message_id: (entry.id, index) for entry in entries for index, message_id in message_ids(entry)}
    doubts = []
    for message_id, count in deductions.items():
        if count > 1:
            request, index = places.get(message_id, (None, None))
            doubts.append(Doubt(message_id, request, index, count))
    if environment.books.lost > len(environment.lost):
        return doubts  # the oldest lost items are forgotten, and would seem to be missing
    for entry in entries:
        gone = [
            (index, message_id)
            for index, message_id in message_ids(entry)
            if message_id not in deductions
            and message_id not in environment.messages
            and message_id not in environment.lost
        ]
        items = sent_items(entry) if gone else []
        doubts += [
            Doubt(message_id, entry.id, index, 0)
            for index, message_id in gone
            if index < len(items) and _leaves_an_event(environment, items[index], entry.at)
        ]
    return doubts


def _leaves_an_event(environment: Environment, item: Any, at: int) -> bool:
    """Whether the deduction of an item would still be seen: not when it asked for no event, nor when its customer was
    deleted since, and the events with it."""
    if not isinstance(item, dict) or item.get("skip_event"):
        return False
    owners = environment.customers.of(item.get("customer_id")).values()
    return any(customer.created_at <= at for customer in owners)
