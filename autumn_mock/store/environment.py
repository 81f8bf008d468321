"""The data of one organisation in one environment, and the transactions that change it.

Records are immutable and may be kept by readers. Tables are guarded by the environment's lock. A transaction holds it,
shows its changes at once, and rolls all of them back when it fails or when they cannot be written.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Protocol

from msgspec.structs import replace

from autumn_mock.clock import Clock, stopwatch
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.controls import UsageWindow
from autumn_mock.domain.customer import ClosedPlan, Customer, CustomerPlan, Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.lock import Claim, Lock
from autumn_mock.domain.message import EnqueueFailure, ItemCounters, LostItem, Message
from autumn_mock.domain.organisation import Env, Organisation
from autumn_mock.domain.payment import Checkout, Invoice, PageAct, PageAction, PaymentMode, Subscription
from autumn_mock.domain.plan import Plan
from autumn_mock.domain.reward import Coupon
from autumn_mock.domain.version import Version
from autumn_mock.domain.webhook import CustomerPlanChange, ThresholdType, Webhook
from autumn_mock.ledger.account import Account
from autumn_mock.store.changes import Change
from autumn_mock.store.errors import NoSuchOrganisation
from autumn_mock.store.fair_lock import FairLock
from autumn_mock.store.tables import EventTable, Table

#: Makes a change durable; raises when it could not.
Sink = Callable[[Change], None]
#: Receives the webhooks of a committed change. Called with the environment's lock held, so it must not block.
Listener = Callable[["Environment", Sequence[Webhook]], None]


class WebhookWriter(Protocol):
    """Writes the webhooks that show whole customers, in the shape of a version of the API."""

    def plans_changed(
        self, environment: Environment, changes: Sequence[CustomerPlanChange], now: int, *, by_time: bool
    ) -> list[Webhook]:
        """The webhooks of a change of one customer's plans at ``now`` (ms); ``by_time``: no call asked for it."""

    def threshold_reached(
        self, environment: Environment, account: Account, feature: Feature, kind: ThresholdType, version: Version
    ) -> Webhook:
        """The webhook of a balance that has reached a threshold."""


#: At most this many actions on payment pages are kept.
_PAGE_ACTS = 1000


def _plan_key(plan: Plan) -> str:
    return f"{plan.id} {plan.version}"


class Environment:
    """The tables of one (organisation, environment)."""

    def __init__(self, organisation: Organisation, env: Env, clock: Clock, sink: Sink) -> None:
        self.organisation = organisation
        self.env: Env = env
        self.clock = clock
        self.lock = FairLock((organisation.id, env))
        self._sink = sink
        #: Receives webhooks; None: there are no endpoints, and no webhooks are computed.
        self.listener: Listener | None = None
        #: Writes the webhooks of plans and thresholds; None: they are not sent.
        self.writer: WebhookWriter | None = None
        #: How customers without a card are treated.
        self.payments: PaymentMode = "page"
        #: Idempotency keys of calls in progress. Guarded by the lock.
        self.pending_keys: set[str] = set()
        self.counters = ItemCounters()
        #: What happened on payment pages since the start, oldest first. It is not stored; findings use it.
        self.page_acts: deque[PageAct] = deque(maxlen=_PAGE_ACTS)
        self.features: Table[Feature] = Table(Feature, attrgetter("id"))
        self.plans: Table[Plan] = Table(Plan, _plan_key, owner="id")
        self.customers: Table[Customer] = Table(Customer, attrgetter("internal_id"), owner="id")
        self.entities: Table[Entity] = Table(Entity, attrgetter("internal_id"), owner="customer")
        self.customer_plans: Table[CustomerPlan] = Table(CustomerPlan, attrgetter("id"), owner="customer")
        self.closed_plans: Table[ClosedPlan] = Table(ClosedPlan, attrgetter("id"), owner="customer")
        self.subscriptions: Table[Subscription] = Table(Subscription, attrgetter("id"), owner="customer")
        self.invoices: Table[Invoice] = Table(Invoice, attrgetter("id"), owner="customer")
        self.checkouts: Table[Checkout] = Table(Checkout, attrgetter("id"), owner="customer")
        self.coupons: Table[Coupon] = Table(Coupon, attrgetter("id"))
        self.balances: Table[Balance] = Table(Balance, attrgetter("id"), owner="customer")
        self.windows: Table[UsageWindow] = Table(UsageWindow, attrgetter("id"), owner="customer")
        self.locks: Table[Lock] = Table(Lock, attrgetter("id"), owner="customer")
        self.claims: Table[Claim] = Table(Claim, attrgetter("key"))
        self.events = EventTable()
        self.messages: Table[Message] = Table(Message, attrgetter("id"))
        self.lost: Table[LostItem] = Table(LostItem, attrgetter("id"))
        self.failures: Table[EnqueueFailure] = Table(EnqueueFailure, attrgetter("id"))
        #: Tables by the name they have in the file and the log.
        self.tables: dict[str, Table[Any]] = {
            name: table for name, table in vars(self).items() if isinstance(table, Table)
        }
        self._names = {table.kind: name for name, table in self.tables.items()}

    def __repr__(self) -> str:
        return f"<Environment {self.organisation.id} {self.env}: {len(self.customers)} customers>"

    @property
    def name(self) -> tuple[str, Env]:
        return (self.organisation.id, self.env)

    @contextmanager
    def write(self, pending: list[Any] | None = None, cause: str = "") -> Iterator[Transaction]:
        """Change the environment: all of it, or nothing.

        ``pending`` are records that are committed together with the changes, if there are any; the list is then empty.
        ``cause``: the id of the request; webhooks name it. Raises :class:`OSError` when the changes could not be
        stored, and :class:`NoSuchOrganisation`.
        """
        with self.lock:
            transaction = Transaction(self, cause)
            try:
                yield transaction
                transaction.finish()
                if transaction.is_watched and transaction.has_changed_plans:
                    transaction.describe_plans(self.clock.now())
                if transaction.change is not None:
                    for record in pending or ():
                        transaction.put(record)
                    self._sink(transaction.change)
            except BaseException:
                transaction.undo()
                raise
            if pending and transaction.change is not None:
                pending.clear()
            if transaction.webhooks and self.listener is not None:
                self.listener(self, transaction.webhooks)

    def note_page(self, page: str, action: PageAction) -> None:
        """Keep what has just happened on a payment page, in :attr:`page_acts`."""
        self.page_acts.append(PageAct(page, action, stopwatch()))

    def table_of(self, kind: type[Any]) -> tuple[str, Table[Any]]:
        """The name and the table of a kind of record."""
        name = self._names[kind]
        return name, self.tables[name]

    def apply(self, change: Change) -> None:
        """Apply a change read from the log or from a file."""
        if change.cleared:
            self.clear()
        for name, keys in change.delete.items():
            self.tables[name].delete_all(keys)
        for name, records in change.put.items():
            self.tables[name].put_all(records)
        if change.counters is not None:
            self.counters = self.counters.plus(change.counters)

    def clear(self) -> None:
        """Delete all records."""
        with self.lock:
            self.counters = ItemCounters()
            self.page_acts.clear()
            for table in self.tables.values():
                table.clear()

    def replace_contents(self, other: Environment) -> None:
        """Take over the contents of ``other``, which must not be used afterwards.

        A reader, with or without the lock, sees each table either as it was or as it is then.
        """
        with self.lock:
            self.organisation = other.organisation
            self.counters = other.counters
            self.page_acts.clear()  # ids of pages may be given again
            self.tables = other.tables
            vars(self).update(other.tables)

    def end(self) -> None:
        """Become empty for good: the organisation was closed. Further changes raise :class:`NoSuchOrganisation`."""
        with self.lock:
            self.replace_contents(Environment(self.organisation, self.env, self.clock, self._sink))
            self._sink = _refuse

    @property
    def is_gone(self) -> bool:
        """True after :meth:`end`."""
        return self._sink is _refuse

    def waiting(self) -> list[Message]:
        """The queued messages in the order of acceptance, which request ids sort by.

        The order of the table differs where a deduction was rolled back.
        """
        with self.lock:
            return sorted(self.messages, key=attrgetter("request_id", "index"))

    def as_change(self) -> Change:
        """The change that replaces the contents of an environment by those of this one."""
        with self.lock:
            org, env = self.name
            put = {name: table.snapshot() for name, table in self.tables.items() if len(table)}
            return Change(org, env, put, counters=self.counters, cleared=True)


def _refuse(change: Change) -> None:
    raise NoSuchOrganisation(change.org)


class Transaction:
    """Changes that are committed together."""

    __slots__ = ("_deferred", "_described", "_environment", "_undo", "cause", "change", "is_watched", "webhooks")

    def __init__(self, environment: Environment, cause: str = "") -> None:
        self._environment = environment
        #: None until something changed.
        self.change: Change | None = None
        self._undo: list[tuple[Table[Any], str, Any]] = []
        #: How many steps of ``_undo`` are in the webhooks of plans already.
        self._described = 0
        self._deferred: dict[type[Any], list[Any]] = {}
        #: Whether there is an endpoint for webhooks.
        self.is_watched = environment.listener is not None
        #: Sent after the commit.
        self.webhooks: list[Webhook] = []
        #: What webhooks from now on name as their cause.
        self.cause = cause

    def queue_webhooks(self, webhooks: Iterable[Webhook]) -> None:
        """Send webhooks after the commit."""
        self.webhooks.extend(replace(each, cause=self.cause) for each in webhooks)

    @property
    def has_changed_plans(self) -> bool:
        """Whether a plan of a customer changed."""
        change = self.change
        return change is not None and ("customer_plans" in change.put or "customer_plans" in change.delete)

    def describe_plans(self, now: int, *, by_time: bool = False) -> None:
        """Queue the webhooks of the plans that changed since the last description, at ``now`` (ms).

        The end of the transaction describes the rest. ``by_time``: the changes were due, no call asked for them.
        """
        environment = self._environment
        if not self.is_watched or environment.writer is None or not self.has_changed_plans:
            return
        for changes in self.take_plan_changes().values():
            self.queue_webhooks(environment.writer.plans_changed(environment, changes, now, by_time=by_time))

    def take_plan_changes(self) -> dict[str, list[CustomerPlanChange]]:
        """The plans that changed since the last call, by the customer's internal id; they are not described again."""
        table = self._environment.customer_plans
        before: dict[str, Any] = {}
        for each, key, old in self._undo[self._described :]:
            if each is table:
                before.setdefault(key, old)
        self._described = len(self._undo)
        found: dict[str, list[CustomerPlanChange]] = {}
        for key, old in before.items():
            new = table.get(key)
            if new is not old:
                change = CustomerPlanChange(old, new)
                found.setdefault(change.attached.customer, []).append(change)
        return found

    def _started(self) -> Change:
        change = self.change
        if change is None:
            org, env = self._environment.name
            change = self.change = Change(org, env, {}, {})
        return change

    def put(self, record: Any) -> None:
        """Insert or replace a record."""
        name, table = self._environment.table_of(type(record))
        self._undo.append((table, table.key(record), table.put(record)))
        self._started().put.setdefault(name, []).append(record)

    def put_all(self, records: Sequence[Any]) -> None:
        """Insert or replace records of one kind, no two with the same key."""
        if not records:
            return
        name, table = self._environment.table_of(type(records[0]))
        self._undo += [(table, key, old) for key, old in table.put_all(records)]
        self._started().put.setdefault(name, []).extend(records)

    def put_deferred(self, record: Any) -> None:
        """Insert a record at the end of the transaction, together with others of its kind, which costs less."""
        self._deferred.setdefault(type(record), []).append(record)

    def finish(self) -> None:
        """Insert the deferred records."""
        for records in self._deferred.values():
            self.put_all(records)
        self._deferred.clear()

    def delete(self, record: Any) -> None:
        """Delete a record."""
        name, table = self._environment.table_of(type(record))
        key = table.key(record)
        self._undo.append((table, key, table.delete(key)))
        change = self._started()
        puts = change.put.get(name)
        if puts:  # replay deletes before it puts, so an earlier put must not remain
            puts[:] = [each for each in puts if table.key(each) != key]
        change.delete.setdefault(name, []).append(key)

    def delete_all(self, records: Sequence[Any]) -> None:
        """Delete records of one kind that exist and that this transaction has not put."""
        if not records:
            return
        name, table = self._environment.table_of(type(records[0]))
        keys = [table.key(record) for record in records]
        self._undo += [(table, key, record) for key, record in zip(keys, records, strict=True)]
        table.delete_all(keys)
        self._started().delete.setdefault(name, []).extend(keys)

    def count(self, counters: ItemCounters) -> None:
        """Add to the counters."""
        change = self._started()
        change.counters = counters if change.counters is None else change.counters.plus(counters)
        self._undo.append((_COUNTERS, "", self._environment.counters))
        self._environment.counters = self._environment.counters.plus(counters)

    @contextmanager
    def savepoint(self, owner: str) -> Iterator[None]:
        """Roll back what fails inside, and only that; the error goes on to the caller. The records of ``owner``, a
        customer by its internal id, keep their order, which is the order of answers."""
        orders = [(table, list(table.of(owner))) for table in self._environment.tables.values()]
        steps, described, webhooks = len(self._undo), self._described, len(self.webhooks)
        change = None if self.change is None else self.change.copied()
        deferred = {kind: list(records) for kind, records in self._deferred.items()}
        try:
            yield
        except BaseException:
            self._roll_back(steps)
            for table, keys in orders:
                table.order(owner, keys)
            del self.webhooks[webhooks:]
            self._described, self.change, self._deferred = described, change, deferred
            raise

    def undo(self) -> None:
        """Roll back all changes, the last first."""
        self._roll_back(0)
        self._described = 0
        self.change = None

    def _roll_back(self, steps: int) -> None:
        """Take back the changes after the first ``steps``."""
        for table, key, old in reversed(self._undo[steps:]):
            if table is _COUNTERS:
                self._environment.counters = old
                continue
            if old is None:
                table.delete(key)
            else:
                table.put(old)  # in its old place, unless it was deleted
        del self._undo[steps:]


#: Marks an undo step of the counters, which are not a table.
_COUNTERS: Table[Any] = Table(ItemCounters, lambda _: "")


def record_counts(environments: Iterable[Environment]) -> dict[str, int]:
    """The records of some environments by table; tables without any are left out."""
    counts: Counter[str] = Counter()
    for each in environments:
        counts.update({name: len(table) for name, table in each.tables.items() if len(table)})
    return dict(counts)
