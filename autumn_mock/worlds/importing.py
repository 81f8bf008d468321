"""Rows that are added to an environment in use: customers as in worlds, and events of customers that exist.

A row is checked as in a world. Customers are first created in an empty copy with the same features and plans, so what a
call would refuse is found before anything is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from autumn_mock.domain.amount import amount
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.track import TrackItem
from autumn_mock.input_files import KeyPath
from autumn_mock.input_schema import parse_strictly
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.subjects import find_customer, get_customer, get_entity, open_account
from autumn_mock.operations.track import record
from autumn_mock.operations.usage import write_event
from autumn_mock.store.environment import Environment
from autumn_mock.wire.schema import array, field, obj, string
from autumn_mock.worlds.entries import CustomerEntry, EventEntry
from autumn_mock.worlds.history import made_at
from autumn_mock.worlds.model import customer_steps, in_order

T = TypeVar("T")


class EventRow(EventEntry, leading=("customer_id",)):
    """An event, and the customer that it is of."""

    customer_id: str = field(string(min=1))


class RowProblem(Struct, frozen=True):
    """What is wrong with a row, by its index, and the key that it is about."""

    index: int
    key: KeyPath
    message: str


class Imported(Struct):
    """How many rows were added, and what is wrong with the others. Rows after a refused one are not added."""

    count: int
    problems: list[RowProblem]


def import_customers(call: Call, rows: list[Any], *, check_only: bool) -> Imported:
    """Add customers. A customer that exists is a problem, and no row is added when there are problems."""
    entries, problems = _parsed(obj(CustomerEntry), rows)
    copy = Call(_empty_copy(call.environment), call.version, call.now)

    def check(index: int, entry: CustomerEntry) -> None:
        if find_customer(call.environment, entry.customer_id) is not None:
            raise _Refused(("customer_id",), f"the customer {entry.customer_id} exists already")
        _create(copy, index, entry)

    problems += _each(entries, check)
    if problems or check_only:
        return Imported(0, problems)
    return _added(entries, lambda index, entry: _create(call, index, entry))


def import_events(call: Call, rows: list[Any], *, check_only: bool, is_history: bool) -> Imported:
    """Add events. ``is_history``: they deduct nothing. No row is added when there are problems."""
    entries, problems = _parsed(obj(EventRow), rows)
    problems += _each(entries, lambda _, entry: _check_event(call, entry))
    if problems or check_only:
        return Imported(0, problems)
    add = _write if is_history else _track
    return _added(entries, lambda _, entry: add(call, entry))


def _parsed(schema: Any, rows: list[Any]) -> tuple[dict[int, Any], list[RowProblem]]:
    """The entries of the valid rows, by index, and what is wrong with the others."""
    entries, issues = parse_strictly(array(schema), rows)
    problems = [RowProblem(int(each.path[0]), each.path[1:], each.text) for each in issues]
    wrong = {each.index for each in problems}
    return {index: entry for index, entry in enumerate(entries) if index not in wrong}, problems


class _Refused(Exception):
    """A row is refused."""

    def __init__(self, key: KeyPath, message: str) -> None:
        super().__init__(message)
        self.key = key


def _each(entries: Mapping[int, T], do: Callable[[int, T], None]) -> Iterator[RowProblem]:
    for index, entry in entries.items():
        try:
            do(index, entry)
        except _Refused as error:
            yield RowProblem(index, error.key, str(error))


def _added(entries: Mapping[int, T], add: Callable[[int, T], None]) -> Imported:
    for problem in _each(entries, add):
        return Imported(problem.index, [problem])
    return Imported(len(entries), [])


def _empty_copy(environment: Environment) -> Environment:
    """An environment with the same catalogue, in memory only."""
    copy = Environment(environment.organisation, environment.env, environment.clock, lambda _: None)
    copy.payments = environment.payments
    with environment.lock:
        for name in ("features", "plans"):
            list(copy.tables[name].put_all(environment.tables[name].snapshot()))
    return copy


def _create(call: Call, index: int, entry: CustomerEntry) -> None:
    for step in in_order(customer_steps(entry, (index,)), call.now):
        try:
            step(call)
        except ApiError as error:
            raise _Refused(step.path[1:], error.message) from None


def _check_event(call: Call, entry: EventRow) -> None:
    key = "timestamp"
    try:
        made_at(call, entry.timestamp)
        key = "feature_id" if entry.feature_id else "event_name"
        call.tracked_features(entry.feature_id, entry.event_name)
        key = "customer_id"
        customer = get_customer(call.environment, entry.customer_id)
        key = "entity_id"
        if entry.entity_id:
            get_entity(call.environment, customer, entry.entity_id)
    except ApiError as error:
        raise _Refused((key,), error.message) from None


def _track(call: Call, entry: EventRow) -> None:
    item = TrackItem(
        customer_id=entry.customer_id,
        feature_id=entry.feature_id,
        event_name=entry.event_name,
        entity_id=entry.entity_id,
        value=entry.value,
        properties=entry.properties,
        overage_behavior=entry.overage_behavior,
        timestamp=made_at(call, entry.timestamp).now,
    )
    try:
        record(call, item)
    except ApiError as error:
        raise _Refused(("customer_id",), error.message) from None


def _write(call: Call, entry: EventRow) -> None:
    """Write an event that deducts nothing."""
    with call.write() as transaction:
        customer = get_customer(call.environment, entry.customer_id)
        account = open_account(call, transaction, customer)
        entity: Entity | None = get_entity(call.environment, customer, entry.entity_id) if entry.entity_id else None
        name = entry.feature_id or entry.event_name or ""
        timestamp = made_at(call, entry.timestamp).now
        write_event(transaction, account, entity, name, amount(entry.value), (), entry.properties, timestamp)
