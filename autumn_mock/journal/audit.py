"""The audit: the counters compared with the queue, the lost items, the events and the requests of the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from autumn_mock.clock import Clock
from autumn_mock.counting import are, count_of, were
from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.event import Event
from autumn_mock.journal.item_status import accepted_messages, parsed_items
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.store.changes import ENCODER, decode
from autumn_mock.store.database import Database
from autumn_mock.store.documents import kinds_of_tables
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import StoreError
from autumn_mock.store.recovery import main_log
from autumn_mock.store.state import State


class Amounts(Struct):
    """Of one feature: the values of items, and what was deducted for them, which is less when a balance ran out."""

    asked: Decimal = ZERO
    taken: Decimal = ZERO


class CustomerAudit(Struct):
    """The items of one customer, by status."""

    customer: str
    accepted: int = 0
    waiting: int = 0
    deducted: int = 0
    lost: int = 0
    #: ``asked`` by the feature id or event name of items, ``taken`` by the feature of the balance that paid.
    amounts: dict[str, Amounts] = field(default_factory=dict)


class Doubt(Struct, frozen=True):
    """An accepted item that is missing, or that was deducted more than once."""

    message_id: str
    request: int | None
    index: int | None
    deductions: int


class Audit(Struct):
    """The result for one environment. Without problems, all lists but ``customers`` are empty."""

    org: str
    env: str
    balanced: bool
    problems: list[str]
    books: dict[str, int]
    missing: list[Doubt]
    double: list[Doubt]
    customers: list[CustomerAudit]


class Accepted(Struct, frozen=True):
    """An accepted item: how to find its deduction, and its request."""

    message_id: str
    customer_id: str
    at: int
    skips_event: bool
    request: int | None
    index: int


def audit(environment: Environment, accepted: Iterable[Accepted] = ()) -> Audit:
    """Audit one environment.

    The counters are compared with the tables, and each item of ``accepted`` is searched for. Read-only.
    """
    with environment.lock:
        counters = environment.counters
        waiting = len(environment.messages)
        events = environment.events.snapshot()
        customers = _customers(environment, events)
        doubts = _doubts(environment, events, list(accepted))
    sums = {
        "offered": counters.offered,
        "refused": counters.refused,
        "accepted": counters.accepted,
        "waiting": waiting,
        "deducted": counters.deducted,
        "lost": counters.lost,
    }
    missing, double = [each for each in doubts if not each.deductions], [each for each in doubts if each.deductions]
    problems = _problems(sums, counters.lost_by_reason, missing, double)
    org, env = environment.name
    return Audit(org, env, not problems, problems, sums, missing, double, customers)


def _problems(
    sums: dict[str, int], lost_by_reason: dict[str, int], missing: Sequence[Doubt], double: Sequence[Doubt]
) -> list[str]:
    problems = []
    accepted, waiting, deducted, lost = (sums[name] for name in ("accepted", "waiting", "deducted", "lost"))
    if accepted != waiting + deducted + lost:
        problems.append(
            f"{count_of(accepted, 'item')} {were(accepted)} accepted, but {waiting} {are(waiting)} waiting, "
            f"{deducted} deducted and {lost} lost"
        )
    if lost != sum(lost_by_reason.values()):
        reasons = sum(lost_by_reason.values())
        problems.append(f"{count_of(lost, 'item')} {are(lost)} lost, but the reasons add up to {reasons}")
    if missing:
        problems.append(f"accepted and neither waiting, deducted nor lost: {len(missing)}")
    if double:
        problems.append(f"deducted more than once: {len(double)}")
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


def _doubts(environment: Environment, events: Iterable[Event], accepted: Sequence[Accepted]) -> list[Doubt]:
    deductions = Counter(event.message_id for event in events if event.message_id is not None)
    by_message = {each.message_id: each for each in accepted}
    doubts = []
    for message_id, count in deductions.items():
        if count > 1:
            found = by_message.get(message_id)
            request, index = (found.request, found.index) if found is not None else (None, None)
            doubts.append(Doubt(message_id, request, index, count))
    if environment.counters.forgotten or environment.counters.lost > len(environment.lost):
        return doubts  # the oldest events or lost items were dropped, and would seem to be missing
    for each in by_message.values():
        is_somewhere = (
            each.message_id in deductions
            or each.message_id in environment.messages
            or each.message_id in environment.lost
        )
        if not is_somewhere and _leaves_an_event(environment, each):
            doubts.append(Doubt(each.message_id, each.request, each.index, 0))
    return doubts


def _leaves_an_event(environment: Environment, accepted: Accepted) -> bool:
    """Whether the deduction of an item has an event: not with ``skip_event``, nor when its customer, and with it the
    events, were deleted later."""
    if accepted.skips_event:
        return False
    owners = environment.customers.of(accepted.customer_id).values()
    return any(customer.created_at <= accepted.at for customer in owners)


def report(audits: Sequence[Audit]) -> dict[str, Any]:
    """Audits as JSON: ``balanced``, the ``problems`` of all in words, and the ``organisations``."""
    return {
        "balanced": all(each.balanced for each in audits),
        "problems": [f"{each.org} {each.env}: {problem}" for each in audits for problem in each.problems],
        "organisations": msgspec.json.decode(ENCODER.encode(audits)),
    }


# -- what was accepted


def accepted_by(entries: Iterable[RequestEntry]) -> Iterator[Accepted]:
    """The accepted items of requests of the journal, as far as their bodies are kept."""
    for entry in entries:
        items = parsed_items(entry)
        for index, message in accepted_messages(entry).items():
            if index < len(items):
                item = items[index]
                yield Accepted(message, item.customer_id, entry.at, bool(item.skip_event), entry.id, index)


def accepted_in(log: Iterable[bytes], name: tuple[str, str]) -> list[Accepted]:
    """The accepted items of an environment in a write-ahead log, since it was last cleared."""
    kinds = kinds_of_tables()
    found: list[Accepted] = []
    for change in (part for payload in log for part in decode(payload, kinds).each()):
        is_its = (change.org, change.env) == name
        if change.cleared and (is_its or not change.org):
            found.clear()
        for message in change.put.get("messages", ()) if is_its else ():
            item = message.item
            found.append(
                Accepted(message.id, item.customer_id, message.accepted_at, item.skip_event, None, message.index)
            )
    return found


def audit_file(path: Path) -> list[Audit]:
    """Audit the database of a stopped server: its file, and the log beside it.

    Raises :class:`~autumn_mock.store.errors.StoreError` when it cannot be read, or when a server has it open.
    """
    if not path.exists() and not main_log(path).exists():
        raise StoreError(f"there is no database {path}")
    with Database.open(path) as database:
        log = list(database.entries)
        state = State(Clock(), database)
        return [audit(each, accepted_in(log, each.name)) for each in state.environments()]
