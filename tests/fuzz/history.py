"""A server's state with a database in a directory, what may be done to it, and what is in it then."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast
from unittest.mock import patch

from autumn_mock.clock import Clock
from autumn_mock.domain.message import Message
from autumn_mock.domain.organisation import ApiKey, Organisation
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.faults.board import FaultBoard
from autumn_mock.ingest.accept import EnqueueContext, accept_batch
from autumn_mock.ingest.queue import Queue
from autumn_mock.ingest.workers import deduct_messages
from autumn_mock.operations import balances, customers, features, plans, track
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.database import Database
from autumn_mock.store.environment import Environment
from autumn_mock.store.state import State
from autumn_mock.wire.requests.balances import BalancesCreate, BalancesUpdate
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.plans import PlansCreate
from autumn_mock.wire.schema import parse
from tests.fuzz.bodies import Choices, pick
from tests.support.world import FEATURES, NOW, item, monthly

#: What a state holds: equal for equal states.
Lifecycle = dict[str, Any]
R = TypeVar("R")

CUSTOMERS = ("c", "d", "e:1")
#: Figures of every size, also such as only all digits of a decimal hold.
AMOUNTS = (1, 2, 0.1, 2.5, -1, 0, 7, 1e16, 1e-7, 1e300, 2**70)


def contents_of(state: State) -> Lifecycle:
    """Everything that is kept, in its order. An environment that is empty is as good as none."""
    found: Lifecycle = {"organisations": state.organisations.snapshot(), "keys": state.keys.snapshot()}
    for environment in state._environments.values():  # called under the lock of one of them
        tables: dict[str, Any] = {name: table.snapshot() for name, table in environment.tables.items() if len(table)}
        counters = environment.counters
        if tables or counters != type(counters)():
            found[f"{environment.name}"] = {**tables, "books": counters}
    return found


def reopened(path: Path, use: Callable[[State], R]) -> R:
    """What ``use`` makes of the state that the files of a database hold. StoreError when it cannot be opened."""
    with Database.open(path) as database:
        return use(State(Clock(lambda: NOW), database))


def files_of(path: Path) -> dict[str, bytes]:
    """The files of a database, as a crash at this moment leaves them."""
    return {each.name: each.read_bytes() for each in sorted(path.parent.iterdir()) if not each.name.endswith(".lock")}


def write_files(path: Path, files: dict[str, bytes]) -> None:
    """Put the files of a database in a directory of its own."""
    path.parent.mkdir()
    for name, content in files.items():
        path.with_name(name).write_bytes(content)


class _Watched(Database):
    """A database that says when a record is in the log."""

    on_append: Callable[[], None] = staticmethod(lambda: None)

    def append(self, payload: bytes) -> None:
        super().append(payload)
        self.on_append()


class History:
    """What was done, and what was in the state after each record (by its log, and by where it ends there)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self._after: dict[str, dict[int, Lifecycle]] = {}
        #: False while a record is kept before what it says is so.
        self._shows_at_once = True
        self._numbers = itertools.count()
        self._open()
        self._directly(
            lambda: self.state.add(
                Organisation(id="org", name="Org", slug="org", created_at=NOW - 1),
                [ApiKey(hash="0" * 64, hint="am_sk", org_id="org", env="sandbox")],
            )
        )
        for fields in FEATURES:
            features.create(self.call(), parse(FeaturesCreate, dict(fields)))
        plans.create(
            self.call(),
            parse(PlansCreate, {"plan_id": "p", "name": "P", "items": [monthly(5)], "auto_enable": True}),
        )
        self._note()

    def _open(self) -> None:
        self.database = cast(_Watched, _Watched.open(self.path))
        self.state = State(Clock(lambda: self.now), self.database)
        self.database.on_append = lambda: self._note() if self._shows_at_once else None
        self._note()

    def close(self) -> None:
        self.state.close()

    @property
    def environment(self) -> Environment:
        return self.state.environment("org", "sandbox")

    @property
    def newest_log(self) -> Path:
        """The log that records are appended to."""
        logs = self.path.parent.glob(f"{self.path.name}.wal*")
        return max(logs, key=lambda each: int(each.suffix[1:]) if each.suffix[1:].isdigit() else -1)

    @property
    def after(self) -> dict[int, Lifecycle]:
        """What was in the state after the records of the newest log; not all of them are known."""
        return self._after[self.newest_log.name]

    def _note(self) -> None:
        log = self.newest_log
        self._after.setdefault(log.name, {})[log.stat().st_size] = contents_of(self.state)

    def _directly(self, act: Callable[[], object]) -> None:
        """Do what is kept first and so afterwards."""
        self._shows_at_once = False
        try:
            act()
        finally:
            self._shows_at_once = True
        self._note()

    def call(self) -> Call:
        return Call(self.environment, Version.V2_3, self.now, request_id=f"req{next(self._numbers)}")

    # -- what may be done

    def act(self, choices: Choices) -> None:
        """Do something, or be refused."""
        acts = (self.batch, self.track, self.work, self.customer, self._update, self._forget)
        more = (self._checkpoint, self._failed_checkpoint, self._reopen, self._other_organisation, self._empty)
        with suppress(ApiError):
            pick(choices, (*acts, *acts, *more))(choices)

    def customer(self, choices: Choices) -> None:
        body = parse(CustomersGetOrCreate, {"customer_id": pick(choices, CUSTOMERS), "name": "\u2028\n"})
        customers.get_or_create(self.call(), body)
        grant = {"feature_id": "messages", "included_grant": abs(pick(choices, AMOUNTS))}
        balances.create(self.call(), parse(BalancesCreate, {"customer_id": body.customer_id, **grant}))

    def _item(self, choices: Choices) -> TrackItem:
        fields: dict[str, Any] = {}
        extra = choices.below(5)
        if extra == 1:
            fields["idempotency_key"] = pick(choices, ("k", "l"))
        elif extra == 2:
            fields["properties"] = {"a\n": [None, "\U0001f600", 1e300, {"org": "x"}]}
        elif extra == 3:
            fields["lock"] = {"lock_id": pick(choices, ("a", "b")), "enabled": True}
        behaviour = pick(choices, ("cap", "reject", "overflow"))
        value = pick(choices, AMOUNTS)
        return item(value, "messages", pick(choices, CUSTOMERS), overage_behavior=behaviour, **fields)

    def batch(self, choices: Choices) -> None:
        self.offer(*(self._item(choices) for _ in range(1 + choices.below(4))))

    def offer(self, *items: TrackItem) -> None:
        """Accept a batch."""
        accept_batch(self.call(), EnqueueContext(Queue(), FaultBoard(self.state.clock)), items, 0)

    def track(self, choices: Choices) -> None:
        self.use(self._item(choices))

    def use(self, item: TrackItem) -> None:
        """Track at once."""
        track.track(self.call(), item)

    def work(self, choices: Choices) -> None:
        """Deduct what waits, in the batches that workers take."""
        by_customer: dict[str, list[Message]] = {}
        for message in self.environment.messages:
            by_customer.setdefault(message.item.customer_id, []).append(message)
        for group in list(by_customer.values())[: 1 + choices.below(3)]:
            deduct_messages(self.environment, group)

    def _update(self, choices: Choices) -> None:
        body = {
            "customer_id": pick(choices, CUSTOMERS),
            "feature_id": "messages",
            "remaining": pick(choices, AMOUNTS),
        }
        balances.update(self.call(), parse(BalancesUpdate, body))

    def _forget(self, choices: Choices) -> None:
        customers.delete(self.call(), pick(choices, CUSTOMERS))

    def _checkpoint(self, _: Choices) -> None:
        self.state.checkpoint()
        self._after = {}
        self._note()

    def _failed_checkpoint(self, _: Choices) -> None:
        """The disk fails when the file is to take the place of the old one; the log that was begun stays."""
        lost = OSError("the disk is gone")
        with patch.object(os, "replace", side_effect=lost):
            try:
                self.state.checkpoint()
            except OSError as error:
                if error is not lost:
                    raise
        self._note()

    def _reopen(self, _: Choices) -> None:
        self.state.close()
        self._open()

    def _other_organisation(self, choices: Choices) -> None:
        """One comes, or goes with all that is its."""
        if "other" in self.state.organisations:
            self._directly(lambda: self.state.remove("other"))
            return
        other = Organisation(id="other", name="Other", slug="other", created_at=NOW - 1)
        self._directly(lambda: self.state.add(other, []))
        call = Call(self.state.environment("other", "live"), Version.V2_3, self.now)
        features.create(call, parse(FeaturesCreate, dict(pick(choices, FEATURES[:2]))))

    def _empty(self, _: Choices) -> None:
        """Everything of one environment goes, but what its customers track."""
        stage = self.state.prepare()
        stage.environment("org", "sandbox")
        self._directly(lambda: self.state.adopt(stage))
        for fields in FEATURES[:2]:
            features.create(self.call(), parse(FeaturesCreate, dict(fields)))
