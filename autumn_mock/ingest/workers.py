"""The threads that deduct queued messages.

A worker takes a batch of one environment and deducts it customer by customer. Deductions, events, changed balances and
the removal of the messages are one transaction, so a message is acknowledged exactly when its deduction is durable: a
crash neither loses it nor deducts it twice.

An error of the client (an unknown customer, a ``reject`` that does not fit, a duplicate key) drops the item, as the
real workers do (contract 4.5), and is counted. An error of the server (a full disk) leaves the message queued.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from msgspec.structs import replace

from autumn_mock.domain.customer import Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.message import ItemCounters, LostItem, Message
from autumn_mock.domain.payment import ChargeProblem
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import default_version
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.sites import WorkerFault
from autumn_mock.ids import resume_request
from autumn_mock.ingest.environment_queue import Delivery
from autumn_mock.ingest.queue import Queue
from autumn_mock.ingest.worker_faults import WorkerFaults
from autumn_mock.journal.messages import MessageJournal
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.deduction import SingleRow
from autumn_mock.operations.accounts import store
from autumn_mock.operations.billing.topups import has_topups, top_up
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.idempotency import claim, release
from autumn_mock.operations.subjects import open_account
from autumn_mock.operations.track import subject_of
from autumn_mock.operations.usage import use, write_event
from autumn_mock.repeated_errors import RepeatedError
from autumn_mock.store.environment import Environment, Transaction

#: Messages taken at once. The more, the more of them belong to one customer.
BATCH_SIZE = 1024
#: Messages in one transaction, which holds the environment's lock.
TRANSACTION_SIZE = 128
#: Lost items that are kept.
MAX_LOST = 10_000
#: Seconds before messages that could not be written are retried.
RETRY_DELAY_S = 0.25

_log = logging.getLogger("autumn_mock.workers")
#: What the real service logs, in its words.
_service_log = logging.getLogger("autumn_mock.service")


class Workers:
    """The threads that deduct. A thread that a fault makes crash is replaced by another."""

    def __init__(
        self,
        queue: Queue,
        count: int,
        board_of: Callable[[Environment], FaultBoard],
        journal: MessageJournal,
        names_of: Callable[[str], Collection[str]] = lambda call: (call,),
    ) -> None:
        self._queue = queue
        self._board_of = board_of
        self._journal = journal
        #: All names of a call that rules may use for it.
        self._names_of = names_of
        self._unwritten = RepeatedError(_log)
        self._stopping = threading.Event()
        self._threads = [self._thread(number) for number in range(count)]

    def _thread(self, number: int) -> threading.Thread:
        return threading.Thread(target=self._run, args=(number,), name=f"autumn-mock-worker-{number}", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> int:
        """How many of the threads run."""
        return sum(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Finish what is in flight and end the threads. Messages that are ready stay queued."""
        self._stopping.set()
        self._queue.close()
        for number in range(len(self._threads)):
            while (thread := self._threads[number]).ident is not None:
                thread.join()
                if thread is self._threads[number]:  # else it crashed, and another took its place
                    break

    def _run(self, number: int) -> None:
        while deliveries := self._queue.take(BATCH_SIZE):
            try:
                self._work_off(deliveries)
            except WorkerCrash as crash:
                _log.warning("worker %s crashed: %s; another one is started", number, crash)
                successor = self._thread(number)
                successor.start()
                self._threads[number] = successor  # :meth:`stop` joins started threads only
                return

    def _work_off(self, deliveries: list[Delivery]) -> None:
        environment = deliveries[0].environment
        board = self._board_of(environment)
        faults = (
            WorkerFaults(environment, board, self._journal, self._names_of)
            if _needs_faults(board, deliveries)
            else None
        )
        if faults is not None:
            deliveries = faults.before_deduction(deliveries, self._queue)
        groups = _grouped(deliveries, one_customer=faults is not None)
        for place, group in enumerate(groups):
            messages = [each.message for each in group]
            try:
                dropped = faults.dropped if faults is not None else ()
                deduct_messages(environment, messages, dropped, self._charges(environment, board))
            except OSError as error:
                self._unwritten.log("deductions could not be written and will be retried: %s", error)
                self._stopping.wait(RETRY_DELAY_S)
                # All that follows goes back, too: some of it may be of the same customers.
                self._queue.give_back([each for rest in groups[place:] for each in rest])
                return
            if faults is not None:
                crash = faults.crash(group)
                if crash is not None:
                    self._queue.give_back([each for rest in groups[place:] for each in rest])
                    raise WorkerCrash(crash)
                self._queue.put_again(environment, faults.redelivered(group))
            self._queue.done(environment, len(group))

    @staticmethod
    def _charges(environment: Environment, board: FaultBoard) -> ChargeProblem:
        organisation = environment.organisation
        return board.charges((organisation.id, organisation.slug), ())


class WorkerCrash(Exception):
    """A worker crashes after a deduction was written and before it was acknowledged."""


def _needs_faults(board: FaultBoard, deliveries: list[Delivery]) -> bool:
    """True if worker rules are armed, or some of the messages were matched before."""
    return board.has(WorkerFault) or any(each.once or each.effects is not None for each in deliveries)


def _grouped(deliveries: list[Delivery], *, one_customer: bool) -> list[list[Delivery]]:
    """The messages of each transaction: those of a customer together and in their order, at most ``TRANSACTION_SIZE``.

    ``one_customer``: no transaction has messages of several customers, as worker faults need it.
    """
    customers: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        customer_id = delivery.message.item.customer_id
        found = customers.get(customer_id)
        if found is None:
            customers[customer_id] = [delivery]
        else:
            found.append(delivery)
    groups: list[list[Delivery]] = []
    for of_one in customers.values():
        if groups and not one_customer and len(groups[-1]) + len(of_one) <= TRANSACTION_SIZE:
            groups[-1] += of_one
        else:
            groups += [of_one[start : start + TRANSACTION_SIZE] for start in range(0, len(of_one), TRANSACTION_SIZE)]
    return groups


def deduct_messages(
    environment: Environment,
    messages: list[Message],
    dropped: Collection[str] = (),
    charge_problem: ChargeProblem | None = None,
) -> None:
    """Deduct messages in one transaction, in their order; those with the ids ``dropped`` are lost instead.

    Raises :class:`OSError` when that could not be written; nothing is changed then.
    """
    environment.lock.yield_to_waiters()
    try:
        with environment.write() as transaction:
            _MessageRun(environment, transaction, charge_problem).run(messages, dropped)
    except OSError:
        raise
    except Exception as error:
        if len(messages) > 1:  # one of them is bad: retry each alone, so that the others do not fail with it
            for message in messages:
                deduct_messages(environment, [message], dropped, charge_problem)
            return
        _log.exception("message %s cannot be deducted", messages[0].id)
        failure = ApiError(500, str(error) or "Unknown error", "internal_error")
        with environment.write() as transaction:
            _MessageRun(environment, transaction).lose_all(messages, failure)


class _MessageRun:
    """The deduction of messages in one transaction."""

    def __init__(
        self, environment: Environment, transaction: Transaction, charge_problem: ChargeProblem | None = None
    ) -> None:
        version = default_version(environment.organisation.created_at)
        self.call = Call(environment, version, environment.clock.now())
        if charge_problem is not None:
            self.call = replace(self.call, charge_problem=charge_problem)
        self.environment = environment
        self.transaction = transaction
        #: The account of the customer that messages are being deducted for, and the id that they name it by.
        self.account: Account | None = None
        self._customer_id: str | None = None
        #: By feature: the row that pays for its uses; None where each use has to be decided alone.
        self._single_rows: dict[str, SingleRow | None] = {}
        self._features: dict[tuple[str | None, str | None], list[Feature]] = {}
        self.deducted = 0
        self.lost: dict[str, int] = {}

    def run(self, messages: list[Message], dropped: Collection[str]) -> None:
        """Deduct messages, or lose them for what a client did wrong."""
        done: dict[str, Message] = {}
        waiting = self.environment.messages.by_key
        for message in messages:
            if message.id in done or message.id not in waiting:
                continue  # delivered before
            try:
                resume_request(message.request_id, message.index)
                if message.id in dropped:
                    raise ApiError(500, "A fault made the worker drop the item", "dropped")
                self._deduct(message)
            except ApiError as error:
                self._lose(message, error)
            else:
                self.deducted += 1
            done[message.id] = message
        self._finish(done)

    def lose_all(self, messages: list[Message], error: ApiError) -> None:
        """Lose messages for one reason."""
        waiting = {each.id: each for each in messages if each.id in self.environment.messages}
        for message in waiting.values():
            self._release_key(message)
            self._lose(message, error)
        self._finish(waiting)

    def _finish(self, done: dict[str, Message]) -> None:
        self.transaction.delete_all(list(done.values()))
        self._close_account()
        lost = sum(self.lost.values())
        if self.deducted or lost:
            self.transaction.count(ItemCounters(deducted=self.deducted, lost=lost, lost_by_reason=self.lost))

    def _close_account(self) -> None:
        """Store the account; the next message opens one again."""
        self._store_single_rows()
        self._single_rows.clear()
        if self.account is not None:
            store(self.transaction, self.account)
            self.account = None

    def _store_single_rows(self) -> None:
        """Bring the account up to date; what follows may change any row of it."""
        for feature_id, row in list(self._single_rows.items()):
            if row is not None:
                row.store()
                del self._single_rows[feature_id]

    def _deduct(self, message: Message) -> None:
        item = message.item
        if item.customer_id != self._customer_id:
            self._close_account()
            self._customer_id = item.customer_id
        key = item.claim_key if message.claims_key else None
        if key is not None:
            claim(self.environment, self.transaction, key, self.call.now)
        try:
            if not self._use_single_row(message):
                self._use(message)
        except ApiError as error:
            if error.status != 409:
                self._release_key(message)
            raise

    def _use_single_row(self, message: Message) -> bool:
        """Deduct a message from a single balance, as most can be; False if :meth:`_use` has to do it.

        Both deduct the same (tests/ledger/test_laws.py). This one costs a third: 4 us for an item.
        """
        item = message.item
        feature_id = item.feature_id
        if feature_id is None or item.entity_id or item.lock is not None or item.taken is not None:
            return False
        if feature_id in self._single_rows:
            row = self._single_rows[feature_id]
        else:
            row = self._single_rows[feature_id] = self._find_single_row(item, feature_id)
        if row is None:
            return False
        used = row.take(item.value)
        if used is None:
            row.store()
            self._single_rows[feature_id] = None
            return False
        if not item.skip_event:
            timestamp = item.timestamp or self.call.now
            write_event(self.transaction, row.account, None, feature_id, *used, item.properties, timestamp, message.id)
        return True

    def _find_single_row(self, item: TrackItem, feature_id: str) -> SingleRow | None:
        feature = self.environment.features.get(feature_id)
        if feature is None or self.transaction.is_watched or self.call.traits.creates_customers:
            return None
        account, _ = self._subject(item)
        return None if has_topups(account) else SingleRow.find(account, feature)

    def _use(self, message: Message) -> None:
        item, call = message.item, self.call
        self.transaction.cause = message.id
        self._store_single_rows()
        named = (item.feature_id, item.event_name)
        features = self._features.get(named)
        if features is None:
            features = self._features[named] = call.tracked_features(*named)
        account, entity = self._subject(item)
        use(call, self.transaction, account, entity, features, item, message_id=message.id)
        top_up(call, self.transaction, account, features)

    def _release_key(self, message: Message) -> None:
        """Release an item's key, because nothing was deducted for it."""
        key = message.item.claim_key
        if key is not None:
            release(self.environment, self.transaction, key)

    def _subject(self, item: TrackItem) -> tuple[Account, Entity | None]:
        """The account of the customer, opened once, and the entity that an item names."""
        account = self.account
        if account is not None and self.call.traits.creates_customers:
            store(self.transaction, account)  # creating an entity changes rows that the account has copied
            account = None
        if account is not None and not item.entity_id:
            return account, None
        customer, entity = subject_of(self.call, self.transaction, item)
        if account is None:
            account = self.account = open_account(self.call, self.transaction, customer)
        return account, entity

    def _lose(self, message: Message, error: ApiError) -> None:
        _service_log.info("Failed to process SQS job: track: %s (message %s)", error.message, message.id)
        self.lost[error.code] = self.lost.get(error.code, 0) + 1
        self.transaction.put(
            LostItem(id=message.id, at=self.call.now, reason=error.code, message=error.message, item=message.item)
        )
        if len(self.environment.lost) > MAX_LOST:
            self.transaction.delete(next(iter(self.environment.lost)))
