"""The one builder of worlds in memory: an environment with features, plans, customers and balances at a fixed time.

:class:`World` calls the operations and the ledger directly; :class:`IngestWorld` adds the queue, its workers and a
fault board. :class:`Disk` stands for the log and can be made to fail.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Customer, CustomerPlan, Entity
from autumn_mock.domain.event import Event
from autumn_mock.domain.message import ItemCounters, Message
from autumn_mock.domain.organisation import Organisation
from autumn_mock.domain.plan import Plan
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.ingest.accept import EnqueueContext, accept_batch, accept_track
from autumn_mock.ingest.queue import Queue
from autumn_mock.ingest.workers import Workers
from autumn_mock.journal.messages import MessageJournal
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.views import BalanceView, balance_view
from autumn_mock.operations import balances, check, customers, entities, features, finalize, plans, subjects, track
from autumn_mock.operations.billing import attach, update
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.changes import Change, encode
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.balances import BalancesCreate, Check, Finalize
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.plans import PlansCreate
from autumn_mock.wire.schema import parse

#: 15 January 2027, 08:00 UTC.
NOW = 1_800_000_000_000
#: When an organisation was created whose workers create unknown customers.
OLD = 1_700_000_000_000
#: Seconds that a test waits at most for what must happen.
TIMEOUT_S = 30.0

FEATURES: tuple[dict[str, Any], ...] = (
    {"feature_id": "messages", "name": "Messages", "type": "metered", "consumable": True},
    {"feature_id": "words", "name": "Words", "type": "metered", "consumable": True},
    {
        "feature_id": "action1",
        "name": "One",
        "type": "metered",
        "consumable": True,
        "event_names": ["action-event"],
    },
    {
        "feature_id": "action2",
        "name": "Two",
        "type": "metered",
        "consumable": True,
        "event_names": ["action-event"],
    },
    {"feature_id": "seats", "name": "Seats", "type": "metered", "consumable": False},
    {"feature_id": "sso", "name": "SSO", "type": "boolean"},
    {
        "feature_id": "credits",
        "name": "Credits",
        "type": "credit_system",
        "credit_schema": [
            {"metered_feature_id": "action1", "credit_cost": 0.2},
            {"metered_feature_id": "action2", "credit_cost": 0.6},
        ],
    },
)


class Disk:
    """Takes changes, and refuses the next ``refusals`` of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.kept: list[Change] = []
        self.refusals = 0
        self.refused = 0

    def __call__(self, change: Change) -> None:
        with self._lock:
            if self.refusals:
                self.refusals -= 1
                self.refused += 1
                raise OSError("no space left on device")
            encode(change)
            self.kept.append(change)


def new_environment(
    clock: Callable[[], int] = lambda: NOW,
    sink: Callable[[Change], None] = lambda _: None,
    *,
    org: str = "org",
    created_at: int = NOW - 1,
) -> Environment:
    """The empty sandbox of a new organisation."""
    organisation = Organisation(id=org, name=org, slug=org, created_at=created_at)
    return Environment(organisation, "sandbox", Clock(clock), sink)


def call_at(environment: Environment, now: int, version: Version = Version.V2_3, **more: Any) -> Call:
    """A call to an operation at a fixed time."""
    return Call(environment, version, now, **more)


def create_feature(call: Call, **fields: Any) -> None:
    features.create(call, parse(FeaturesCreate, fields))


class World:
    """An environment, and a method for what tests do in it. Requests go through their schemas."""

    def __init__(
        self, *, created_at: int = NOW - 1, now: int = NOW, features: Iterable[dict[str, Any]] = FEATURES
    ) -> None:
        self.now = now
        self.disk = Disk()
        self.environment = new_environment(lambda: self.now, self.disk, created_at=created_at)
        self._numbers = itertools.count()
        for fields in features:
            create_feature(self.call(), **fields)

    def call(self, version: Version = Version.V2_3, **more: Any) -> Call:
        """A call of its own, at the time of this world."""
        return call_at(self.environment, self.now, version, **{"request_id": f"req{next(self._numbers)}", **more})

    # -- create

    def customer(self, customer_id: str = "c", grants: dict[str, float] | None = None, **fields: Any) -> Customer:
        """A customer, with a balance of each feature in ``grants``."""
        body = parse(CustomersGetOrCreate, {"customer_id": customer_id, **fields})
        customer = customers.get_or_create(self.call(), body)[0].customer
        for feature_id, grant in (grants or {}).items():
            self.balance(grant, feature_id, customer_id)
        return customer

    def entity(self, entity_id: str = "e1", customer_id: str = "c", feature_id: str = "seats") -> Entity:
        body = {"customer_id": customer_id, "entity_id": entity_id, "feature_id": feature_id}
        return entities.create(self.call(), parse(EntitiesCreate, body))[1]

    def balance(
        self, grant: float | None = 10, feature_id: str = "messages", customer_id: str = "c", **fields: Any
    ) -> None:
        """A balance without a plan; ``grant`` None leaves its amount to the other fields."""
        given = {} if grant is None else {"included_grant": grant}
        body = {"customer_id": customer_id, "feature_id": feature_id, **given, **fields}
        balances.create(self.call(), parse(BalancesCreate, body))

    def plan(self, plan_id: str, *items: dict[str, Any], **fields: Any) -> Plan:
        body = {"plan_id": plan_id, "name": plan_id, "items": list(items), **fields}
        return plans.create(self.call(), parse(PlansCreate, body))

    def attach(self, plan_id: str, customer_id: str = "c", **fields: Any) -> None:
        body = {"customer_id": customer_id, "plan_id": plan_id, "no_billing_changes": True, **fields}
        attach.attach(self.call(), parse(BillingAttach, body))

    def update_billing(self, plan_id: str, customer_id: str = "c", **fields: Any) -> None:
        body = {"customer_id": customer_id, "plan_id": plan_id, "no_billing_changes": True, **fields}
        update.update(self.call(), parse(BillingUpdate, body))

    # -- use

    def track(
        self,
        value: float = 1,
        feature_id: str | None = "messages",
        customer_id: str = "c",
        version: Version = Version.V2_3,
        **fields: Any,
    ) -> track.TrackResult:
        return track.track(self.call(version), item(value, feature_id, customer_id, **fields))

    def check(
        self, required: float = 1, feature_id: str = "messages", customer_id: str = "c", **fields: Any
    ) -> check.CheckResult:
        body = {"customer_id": customer_id, "feature_id": feature_id, "required_balance": required, **fields}
        return check.check(self.call(), parse(Check, body))

    def finalize(self, lock_id: str = "lock", action: str = "release", **fields: Any) -> None:
        finalize.finalize(self.call(), parse(Finalize, {"lock_id": lock_id, "action": action, **fields}))

    # -- inspect

    def account(self, customer_id: str = "c", version: Version = Version.V2_3) -> Account:
        with self.environment.write() as transaction:
            customer = subjects.get_customer(self.environment, customer_id)
            return subjects.open_account(self.call(version), transaction, customer)

    def view(
        self, feature_id: str = "messages", customer_id: str = "c", entity_id: str | None = None
    ) -> BalanceView | None:
        account = self.account(customer_id)
        return balance_view(account, account.features[feature_id], account.entities[entity_id] if entity_id else None)

    def amounts(
        self, feature_id: str = "messages", customer_id: str = "c", entity_id: str | None = None
    ) -> tuple[float, ...]:
        """(granted, remaining, usage), as the API shows them."""
        view = self.view(feature_id, customer_id, entity_id)
        assert view is not None
        return float(view.granted), float(view.remaining), float(view.usage)

    def remaining(self, feature_id: str = "messages", customer_id: str = "c", entity_id: str | None = None) -> float:
        return self.amounts(feature_id, customer_id, entity_id)[1]

    def rows(self, feature_id: str | None = "messages", customer_id: str = "c") -> list[Balance]:
        """The stored rows, shown by the API or not; of all features when ``feature_id`` is None."""
        owner = subjects.get_customer(self.environment, customer_id).internal_id
        rows = self.environment.balances.of(owner).values()
        return [row for row in rows if feature_id in (None, row.feature_id)]

    def signed_balances(self, customer_id: str = "c") -> dict[str, float]:
        """The sum of the rows of each feature, below zero for an overdraft."""
        found: dict[str, float] = {}
        for row in self.rows(None, customer_id):
            found[row.feature_id] = found.get(row.feature_id, 0) + float(row.balance)
        return found

    def attached(self, customer_id: str = "c") -> list[CustomerPlan]:
        owner = subjects.get_customer(self.environment, customer_id).internal_id
        return list(self.environment.customer_plans.of(owner).values())

    def events(self) -> list[Event]:
        """Every event, in the order of writing."""
        return list(self.environment.events)

    def values(self) -> list[Decimal]:
        return [event.value for event in self.events()]

    def snapshot(self) -> dict[str, Any]:
        """Every table in its order, and the counters."""
        tables: dict[str, Any] = {name: table.snapshot() for name, table in self.environment.tables.items()}
        return {**tables, "books": self.environment.counters}

    @contextmanager
    def refused(self, status: int, code: str, message: str, *, changes: tuple[str, ...] = ()) -> Iterator[None]:
        """The call inside fails with this error and changes no table except ``changes``."""
        before = self.snapshot()
        with pytest.raises(ApiError) as caught:
            yield
        error = caught.value
        assert (error.status, error.code, error.message) == (status, code, message)
        after = self.snapshot()
        assert [name for name in before if name not in changes and before[name] != after[name]] == []


class ItemCounts(NamedTuple):
    """Where all items are at one moment."""

    counters: ItemCounters
    #: Messages that are not finished yet.
    waiting: int

    @property
    def balanced(self) -> bool:
        counters = self.counters
        return (
            counters.offered == counters.refused + counters.accepted
            and counters.accepted == self.waiting + counters.deducted + counters.lost
            and counters.lost == sum(counters.lost_by_reason.values())
        )


class IngestWorld(World):
    """A world with a queue, workers and a fault board: everything between a batch and its deductions."""

    def __init__(self, workers: int = 2, *, created_at: int = NOW - 1) -> None:
        super().__init__(created_at=created_at)
        self.queue = Queue()
        self.faults = FaultBoard(self.environment.clock)
        self.workers = Workers(self.queue, workers, lambda _: self.faults, MessageJournal())

    def arm(self, text: str) -> None:
        """Arm a fault rule."""
        self.faults.arm(parse_rule(text))

    def batch(self, items: Iterable[TrackItem], size: int = 0) -> dict[int, str]:
        """Accept a batch whose body had ``size`` bytes; the reason of each refused item by its index."""
        return accept_batch(self.call(), self._intake(), list(items), size)

    def track_async(self, item: TrackItem) -> None:
        """Accept a ``track`` with ``async``."""
        accept_track(self.call(), self._intake(), item)

    def _intake(self) -> EnqueueContext:
        return EnqueueContext(self.queue, self.faults)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Workers while the block runs; at its end they finish what is queued."""
        self.workers.start()
        try:
            yield
            assert self.queue.wait_idle(TIMEOUT_S)
        finally:
            self.workers.stop()

    def run(self) -> None:
        """Process what is queued."""
        with self.working():
            pass

    def counts(self) -> ItemCounts:
        with self.environment.lock:
            return ItemCounts(self.environment.counters, len(self.environment.messages))

    @property
    def counters(self) -> ItemCounters:
        return self.environment.counters

    def messages(self) -> list[Message]:
        return list(self.environment.messages)

    def lost(self) -> list[tuple[str, str]]:
        """(reason, message) of every lost item, in order."""
        return [(each.reason, each.message) for each in self.environment.lost]


def item(value: float = 1, feature_id: str | None = "messages", customer_id: str = "c", **fields: Any) -> TrackItem:
    """A track item; ``feature_id`` None for one with an event name."""
    named = {} if feature_id is None else {"feature_id": feature_id}
    return msgspec.convert({"customer_id": customer_id, "value": value, **named, **fields}, TrackItem)


def lock(lock_id: str = "lock", **fields: Any) -> dict[str, Any]:
    return {"lock_id": lock_id, "enabled": True, **fields}


def monthly(included: float, feature_id: str = "messages", **more: Any) -> dict[str, Any]:
    """A plan item that is reset every month."""
    return {"feature_id": feature_id, "included": included, "reset": {"interval": "month"}, **more}


def priced(included: float, feature_id: str = "messages", method: str = "usage_based", **more: Any) -> dict[str, Any]:
    """A plan item whose units cost money."""
    price = {"amount": 1, "interval": "month", "billing_units": 1, "billing_method": method, **more}
    return {"feature_id": feature_id, "included": included, "price": price}
