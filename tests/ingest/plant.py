"""A queue, its workers and an environment for tests, with a disk that can be made to fail."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from autumn_mock.clock import Clock
from autumn_mock.domain.books import Books, Message
from autumn_mock.domain.organisation import Organisation
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.ingest.accept import EnqueueContext, accept_batch, accept_track
from autumn_mock.ingest.queue import Queue
from autumn_mock.ingest.workers import Workers
from autumn_mock.journal.messages import MessageJournal
from autumn_mock.operations import balances, customers, features
from autumn_mock.operations.call import Call
from autumn_mock.store.changes import Change, encode
from autumn_mock.store.environment import Environment

NOW = 1_800_000_000_000
#: Seconds that a test waits at most for something that always happens.
RETRY_DELAY_S = 30.0


class Disk:
    """Takes changes, and refuses as many as it is told to."""

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


class Sums(NamedTuple):
    """Where all items are at one moment."""

    books: Books
    #: Messages that no worker has finished.
    waiting: int

    @property
    def balanced(self) -> bool:
        books = self.books
        return (
            books.offered == books.refused + books.accepted
            and books.accepted == self.waiting + books.deducted + books.lost
            and books.lost == sum(books.lost_by_reason.values())
        )


class Plant:
    """Everything between a batch and its deductions."""

    def __init__(self, shards: int = 2, *, created_at: int = NOW - 1, now: int = NOW) -> None:
        self.now = now
        self.disk = Disk()
        clock = Clock(lambda: self.now)
        organisation = Organisation(id="org", name="Org", slug="org", created_at=created_at)
        self.environment = Environment(organisation, "sandbox", clock, self.disk)
        self.queue = Queue(shards)
        self.workers = Workers(self.queue, shards, lambda _: self.faults, MessageJournal())
        self.faults = FaultBoard(clock)
        self._numbers = itertools.count()
        call = self.call()
        for name in ("messages", "words", "action1", "action2"):
            events = ["action-event"] if name.startswith("action") else []
            features.create(
                call,
                {"feature_id": name, "name": name, "type": "metered", "consumable": True, "event_names": events},
            )
        features.create(call, {"feature_id": "seats", "name": "Seats", "type": "metered", "consumable": False})
        costs = [{"metered_feature_id": "action1", "credit_cost": 0.5}]
        features.create(
            call, {"feature_id": "credits", "name": "Credits", "type": "credit_system", "credit_schema": costs}
        )

    def call(self) -> Call:
        return Call(self.environment, Version.V2_3, self.now, request_id=f"req{next(self._numbers)}")

    def customer(self, customer_id: str = "c", **grants: float) -> None:
        customers.get_or_create(self.call(), {"customer_id": customer_id})
        for feature_id, grant in grants.items():
            body = {"customer_id": customer_id, "feature_id": feature_id, "included_grant": grant}
            balances.create(self.call(), body)

    # -- offering

    def intake(self) -> EnqueueContext:
        return EnqueueContext(self.queue, self.faults)

    def arm(self, text: str) -> None:
        self.faults.arm(parse_rule(text))

    def batch(self, items: Iterable[TrackItem], size: int = 0) -> dict[int, str]:
        return accept_batch(self.call(), self.intake(), list(items), size)

    def later(self, item: TrackItem) -> None:
        """An async track."""
        accept_track(self.call(), self.intake(), item)

    # -- working

    @contextmanager
    def working(self) -> Iterator[None]:
        """Workers while the block runs; at its end they finish what is queued."""
        self.workers.start()
        try:
            yield
            assert self.queue.wait_idle(RETRY_DELAY_S)
        finally:
            self.workers.stop()

    def run(self) -> None:
        """Work off what is queued."""
        with self.working():
            pass

    # -- looking

    def sums(self) -> Sums:
        with self.environment.lock:
            return Sums(self.environment.books, len(self.environment.messages))

    @property
    def books(self) -> Books:
        return self.environment.books

    def left(self, customer_id: str = "c") -> dict[str, float]:
        """What is left of each feature, signed."""
        (customer,) = self.environment.customers.of(customer_id).values()
        found: dict[str, float] = {}
        for row in self.environment.balances.of(customer.internal_id).values():
            found[row.feature_id] = found.get(row.feature_id, 0) + float(row.balance)
        return found

    def messages(self) -> list[Message]:
        return list(self.environment.messages)

    def lost(self) -> list[tuple[str, str]]:
        """(reason, message) of every lost item, in order."""
        return [(each.reason, each.message) for each in self.environment.lost]


def item(value: float = 1, feature_id: str | None = "messages", customer_id: str = "c", **fields: Any) -> TrackItem:
    """A track item; ``feature_id`` None for one with an event name."""
    named = {} if feature_id is None else {"feature_id": feature_id}
    return msgspec.convert({"customer_id": customer_id, "value": value, **named, **fields}, TrackItem)
