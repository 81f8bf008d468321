"""The emulator: everything but HTTP. Builds and owns the clock, the state, the queue, the workers and the journal."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from msgspec import Struct

from autumn_mock.clock import Clock, stopwatch
from autumn_mock.domain.books import Books
from autumn_mock.domain.organisation import ApiKey, Env, hash_key
from autumn_mock.domain.webhook import DEFAULT_SECRET, Endpoint
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import Rule, parse_rule
from autumn_mock.ingest.queue import Queue
from autumn_mock.ingest.workers import Workers
from autumn_mock.journal.deliveries import DeliveryJournal
from autumn_mock.journal.findings import Finding, find
from autumn_mock.journal.requests import RequestJournal
from autumn_mock.operations.sweep import drop_oldest_events, sweep
from autumn_mock.settings import Settings, read_key, settings_of
from autumn_mock.store.changes import Change
from autumn_mock.store.database import Database
from autumn_mock.store.documents import changes_of
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import StoreError
from autumn_mock.store.state import State
from autumn_mock.store.tinyfile import read_snapshot
from autumn_mock.webhooks.outbox import Outbox
from autumn_mock.worlds import (
    World,
    fill_copy,
    find_world,
    open_copy,
    organisation_for_key,
    organisation_id,
    read_world,
    seed,
)

#: Seconds between two rounds of housekeeping.
_ROUND = 1.0
#: Rounds between two sweeps for what is due.
_SWEEP_EVERY = 10
_ENVIRONMENTS: tuple[Env, ...] = ("sandbox", "live")

_log = logging.getLogger("autumn_mock")


class Opened(Struct, frozen=True):
    """An organisation that was opened on demand, and the key to it."""

    org: str
    slug: str
    env: Env
    key: str


def _source(changes: list[Change], org_id: str) -> str:
    """Which organisation of a snapshot another one takes over."""
    there = {each.id for change in changes for each in change.put.get("organisations", ())}
    if org_id in there:
        return org_id
    if len(there) == 1:
        return str(there.pop())
    raise StoreError(f"the snapshot holds {len(there)} organisations, and {org_id} is not one of them")


class Emulator:
    """A server's inside. Keywords are those of :class:`~autumn_mock.settings.Settings`.

    Raises :class:`~autumn_mock.store.errors.StoreError` for a database that cannot be used, and
    :class:`~autumn_mock.worlds.WorldError` for a world that cannot be read.
    """

    def __init__(self, settings: Settings | None = None, **knobs: Any) -> None:
        self.settings = settings_of(settings, **knobs)
        self.clock = Clock()
        if self.settings.now is not None:
            self.clock.set(self.settings.now)
        #: What the server starts from, again after every reset.
        self._world: World = read_world(find_world(self.settings.world))
        #: What organisations that were opened on demand are like, by their ids.
        self._templates: dict[str, World] = {}
        self._database = (
            Database.open(self.settings.db, fsync=self.settings.fsync) if self.settings.db is not None else None
        )
        try:
            self.state = State(self.clock, self._database)
            self._faults: dict[tuple[str, str], FaultBoard] = {}
            self._faults_lock = threading.Lock()
            self._opening = threading.Lock()
            self.journal = RequestJournal(self.settings.journal_requests, self.settings.journal_bodies)
            self.webhooks = Outbox(
                [Endpoint(url, self.settings.webhook_secret or DEFAULT_SECRET) for url in self.settings.webhook_url],
                {organisation.id: organisation.webhooks for organisation in self._world.organisations},
            )
            self.queue = Queue(self.settings.workers, self.settings.max_queue)
            #: The faults of the whole server, armed while it runs.
            self.faults = FaultBoard(self.clock, self.queue.wake)
            #: The rules that every environment begins with, with the seeds that were drawn for them.
            self.first_faults = tuple(parse_rule(text).seeded(self.settings.seed) for text in self.settings.fault)
            self.deliveries = DeliveryJournal()
            #: All names of a call by its canonical one; whoever serves the calls fills it.
            self.aliases: Mapping[str, Collection[str]] = {}
            self._workers = Workers(
                self.queue,
                self.settings.workers,
                self.faults_of,
                self.deliveries,
                lambda call: self.aliases.get(call, (call,)),
            )
            self.state.on_clock_move(self.queue.wake)
            self._stopping = threading.Event()
            self._housekeeper = threading.Thread(target=self._keep_house, name="autumn-mock-housekeeper", daemon=True)
            self._reset_hooks: list[Any] = []
            if not len(self.state.organisations):
                seed(self.state, self._world)
            self._open_further_organisations()
            self._listen()
        except BaseException:
            if self._database is not None:
                self._database.close()
            raise
        for environment in self.state.environments():
            self.queue.put(environment, environment.messages)

    def __repr__(self) -> str:
        return f"<Emulator {self.state!r} {self.queue!r}>"

    @property
    def first_key(self) -> str:
        """The secret key of the world's first organisation that has one, or else of the first further one. Raises
        :class:`ValueError` when there is none at all."""
        keys = [each.secret_key for each in self._world.organisations if each.secret_key is not None]
        found = next(iter([*keys, *self.settings.key]), None)
        if found is None:
            raise ValueError("there is no secret key: neither the world nor the settings name one")
        return found

    @property
    def recovered(self) -> str | None:
        """What a crash had left behind in the database, in a sentence; None if nothing."""
        return self._database.recovered if self._database is not None else None

    def _open_further_organisations(self) -> None:
        for key in self.settings.key:
            organisation, api_key = organisation_for_key(key, self.clock.now())
            if api_key.hash not in self.state.keys:
                self.state.add(organisation, [api_key])

    def _listen(self) -> None:
        """Have the organisations that have endpoints tell what happens. Seeding is over by then: it is not news."""
        for organisation in self.state.organisations:
            if self.webhooks.has_endpoints(organisation.id):
                for env in _ENVIRONMENTS:
                    self.state.environment(organisation.id, env).listener = self.webhooks.publish

    # -- running

    def start(self) -> None:
        """Begin to deduct what is queued. Raises :class:`RuntimeError` for one that was stopped."""
        if self._stopping.is_set():
            raise RuntimeError("this emulator was stopped; make another one")
        self._workers.start()
        self._housekeeper.start()

    def release(self) -> None:
        """Let everybody go who waits in :meth:`drain`: the emulator is about to stop."""
        self.queue.release()
        self.webhooks.release()

    def stop(self) -> None:
        """Finish what is in flight, write the file at rest, and let go of it. A second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._workers.stop()
        self.webhooks.stop()
        if self._housekeeper.ident is not None:
            self._housekeeper.join()
        try:
            self.state.checkpoint()
        finally:
            self.state.close()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _keep_house(self) -> None:
        rounds = 0
        while not self._stopping.wait(_ROUND):
            rounds += 1
            try:
                if self.state.wants_checkpoint:
                    self.state.checkpoint()
                for environment in self.state.environments():
                    dropped = drop_oldest_events(environment, self.settings.max_events)
                    if dropped:
                        _log.warning("%s: dropped the %s oldest events; --max-events keeps more", environment, dropped)
                if rounds % _SWEEP_EVERY == 0:
                    for environment in self.state.environments():
                        sweep(environment)
            except OSError as error:
                _log.error("housekeeping could not write and will try again: %s", error)
            except Exception:
                _log.exception("housekeeping failed and will try again")

    # -- looking

    def stats(self, environment: Environment | None = None) -> dict[str, Any]:
        """Where all items went: ``offered refused accepted ready in_flight deducted lost lost_by_reason``."""
        environments = [environment] if environment is not None else self.state.environments()
        books = Books()
        ready = in_flight = 0
        for each in environments:
            with each.lock:
                books = books.plus(each.books)
                waiting = len(each.messages)
                flying = min(self.queue.counts(each.name)[1], waiting)
            ready += waiting - flying
            in_flight += flying
        return {
            "offered": books.offered,
            "refused": books.refused,
            "accepted": books.accepted,
            "ready": ready,
            "in_flight": in_flight,
            "deducted": books.deducted,
            "lost": books.lost,
            "lost_by_reason": books.lost_by_reason,
        }

    def drain(self, timeout: float = 10, environment: Environment | None = None, *, webhooks: bool = False) -> bool:
        """Wait until nothing is queued, at most ``timeout`` seconds; False when something still is.

        ``webhooks``: wait until all of them were attempted once, too.
        """
        started = stopwatch()
        idle = self.queue.wait_idle(timeout, environment.name if environment is not None else None)
        if not idle or not webhooks:
            return idle
        left = max(timeout - (stopwatch() - started), 0)
        return self.webhooks.journal.wait_attempted(left, *(environment.name if environment is not None else ()))

    def why_open(self, environment: Environment | None, timeout: float | None = None) -> str:
        """Why a :meth:`drain` did not come to its end in so many seconds, or what is open anyway, in a sentence."""
        name = environment.name if environment is not None else None
        left = self.stats(environment)
        queue = self.queue.explain(name)
        waiting = left["ready"] + left["in_flight"]
        if not waiting:
            unattempted = self.webhooks.journal.unattempted(*(name or ()))
            return f"{unattempted} webhooks were not attempted yet: {timeout} s were not enough"
        if queue["paused"]:
            why = "the workers are paused"
        elif queue["held"]:
            why = "; ".join(f"{each['items']} held by {each['rule']}" for each in queue["held"])
        else:
            why = f"{timeout} s were not enough" if timeout is not None else "they are under way"
        return f"{waiting} of {left['accepted']} accepted items are not worked off yet: {why}"

    # -- failing

    def faults_of(self, environment: Environment) -> FaultBoard:
        """The faults of an environment. Those of the settings and the world are armed at its first use."""
        board = self._faults.get(environment.name)
        if board is None:
            with self._faults_lock:
                board = self._faults.get(environment.name)
                if board is None:
                    board = FaultBoard(environment.clock, self.queue.wake, self.faults)
                    for rule in (*self.first_faults, *self._rules_of(environment)):
                        board.arm(rule.seeded(self.settings.seed))
                    self._faults[environment.name] = board
        return board

    def _rules_of(self, environment: Environment) -> tuple[Rule, ...]:
        """The rules that a world names for an environment."""
        org_id, env = environment.name
        template = self._templates.get(org_id)
        return self._world.faults_of(org_id, env) if template is None else template.first_rules(env)

    def first_rules(self) -> list[Rule]:
        """The rules that the settings and the world name."""
        worlds = (rules for each in self._world.organisations for rules in each.faults.values())
        return [*self.first_faults, *(rule for rules in worlds for rule in rules)]

    def findings(self, environment: Environment) -> list[Finding]:
        """What the clients of an environment did against the contract, as far back as the journal goes."""
        return find(self.journal.entries(environment.name))

    def all_findings(self) -> list[Finding]:
        """The findings of all environments."""
        return [finding for each in self.state.environments() for finding in self.findings(each)]

    # -- organisations on demand

    def find_key(self, key: str) -> ApiKey | None:
        """The record of a key; None when nobody has it. With ``auto_org`` a secret test key that is new opens an
        organisation of its own."""
        found = self.state.keys.get(hash_key(key))
        if found is not None or not self.settings.auto_org or not key.startswith("am_sk_test_"):
            return found
        with suppress(ValueError):  # it is no key that could be, or somebody else was faster
            self.open_organisation(key=read_key(key))
        return self.state.keys.get(hash_key(key))

    def open_organisation(
        self, template: World | None = None, key: str | None = None, *, now: int | None = None, frozen: bool = False
    ) -> Opened:
        """Open an organisation of its own, like the first one of a world, or of the server's own world.

        Without a key one is made up. ``now`` (ms) is what its clock shows when it is filled, and ``frozen`` lets that
        clock stand. Raises :class:`ValueError` for a key that is taken.
        """
        key = key or f"am_sk_test_{secrets.token_hex(12)}"
        with self._opening:
            clock = self.state.clock_of(organisation_id(key))
            if frozen:
                clock.freeze()
            if now is not None:
                clock.set(now)
            template = template or self._world
            self._templates[organisation_id(key)] = template
            record = open_copy(self.state, template, key)
        environment = self.state.environment(record.org_id, record.env)
        self.queue.put(environment, environment.messages)
        return Opened(org=record.org_id, slug=environment.organisation.slug, env=record.env, key=key)

    def close_organisation(self, org_id: str) -> None:
        """Forget an organisation and everything of it."""
        for environment in self.state.environments(org_id):
            name = environment.name
            self._empty_queue(name)
            self.queue.resume(name)
            board = self._faults.pop(name, None)
            if board is not None:
                board.clear()
            self.journal.clear(name)
            self.deliveries.clear(name)
            self.webhooks.clear(*name)
            for hook in self._reset_hooks:
                hook(environment)
        with self._opening:
            self.state.remove(org_id)
            self._templates.pop(org_id, None)

    # -- snapshots

    def snapshot(self, environment: Environment | None = None) -> bytes:
        """The whole state, or that of one organisation, as the TinyDB file that ``--db`` leaves. Such a file is a world
        for another server. Clocks, faults and the journal are no part of it."""
        return self.state.snapshot(environment.organisation.id if environment is not None else None)

    def restore(self, content: bytes, environment: Environment | None = None) -> dict[str, int]:
        """Put a snapshot in the place of everything, or of one organisation; says how much of each there is now.

        An organisation takes over what the snapshot has of it, or of the only one in it. Raises
        :class:`~autumn_mock.store.errors.StoreError` with nothing changed for what is no snapshot.
        """
        place = Path("the snapshot")
        changes = list(changes_of(read_snapshot(content, place).tables, place))
        State(Clock()).restore(changes)  # a rehearsal
        if environment is None:
            was_paused = self.queue.paused
            self._empty_queue(None)
            self.state.clear()
            self.journal.clear()
            self.deliveries.clear()
            self.state.restore(changes)
            self._listen()
            if not was_paused:
                self.queue.resume()
        else:
            org_id = environment.organisation.id
            source = _source(changes, org_id)
            environments = self.state.environments(org_id)
            paused = [each for each in environments if self.queue.is_paused(each.name)]
            with ExitStack() as stack:
                for each in environments:
                    self._empty_queue(each.name)
                for each in environments:  # for everybody else all of it happens at one moment
                    stack.enter_context(each.lock)
                for each in environments:
                    self.state.clear_environment(each)
                    self.journal.clear(each.name)
                    self.deliveries.clear(each.name)
                self.state.restore(changes, {source: org_id})
            for each in environments:
                if each not in paused:
                    self.queue.resume(each.name)
        restored = self.state.environments(environment.organisation.id if environment is not None else None)
        counts: dict[str, int] = {}
        for each in restored:
            self.queue.put(each, each.messages)
            for name, table in each.tables.items():
                counts[name] = counts.get(name, 0) + len(table)
        return {name: count for name, count in counts.items() if count}

    # -- starting over

    def on_reset(self, hook: Any) -> None:
        """Call ``hook(environment or None)`` at every reset; what it returns is added to the report as a count."""
        self._reset_hooks.append(hook)

    def reset(self, environment: Environment | None = None) -> dict[str, int]:
        """Back to the world: state, queue, faults, limits, clock and journals; says what was cleared.

        One environment is emptied and, where the world says something of it, seeded again; without one, everything is.
        """
        name = environment.name if environment is not None else None
        cleared = {"queued": self._empty_queue(name)}
        try:
            if environment is None:
                for organisation in self.state.organisations:
                    self.state.clock_of(organisation.id).reset()
                cleared |= self.state.clear()
                cleared["faults"] = self.faults.clear() + sum(board.clear() for board in self._faults.values())
                self._faults.clear()
                cleared["requests"] = self.journal.clear()
                cleared["deliveries"] = self.deliveries.clear()
                cleared["webhooks"] = self.webhooks.clear()
                self.clock.reset()
                if self.settings.now is not None:
                    self.clock.set(self.settings.now)
                self.faults = FaultBoard(self.clock, self.queue.wake)
                self._templates.clear()
                seed(self.state, self._world)
                self._open_further_organisations()
                self._listen()
            else:
                cleared |= self.state.clear_environment(environment)
                board = self._faults.pop(environment.name, None)
                cleared["faults"] = board.clear() if board is not None else 0
                cleared["requests"] = self.journal.clear(environment.name)
                cleared["deliveries"] = self.deliveries.clear(environment.name)
                cleared["webhooks"] = self.webhooks.clear(*environment.name)
                environment.clock.reset()
                self._fill(environment)
            for hook in self._reset_hooks:
                cleared |= hook(environment)
            for each in [environment] if environment is not None else self.state.environments():
                self.queue.put(each, each.messages)  # a snapshot may hold some
        finally:
            self.queue.resume(name)
        return {what: count for what, count in cleared.items() if count}

    def _fill(self, environment: Environment) -> None:
        """Fill an environment that was emptied as it was at first."""
        org_id = environment.organisation.id
        further = {organisation_id(key) for key in self.settings.key}
        if self._world.holds(org_id):
            seed(self.state, self._world, only=environment.name)
        elif org_id not in further:  # it was opened on demand, perhaps before this server was started
            fill_copy(self.state, self._templates.get(org_id, self._world), environment.name)

    def _empty_queue(self, name: tuple[str, str] | None) -> int:
        """Drop what waits, and wait for what is under way; nothing new is taken until :meth:`Queue.resume`."""
        self.queue.pause(name)
        dropped = self.queue.clear(name)
        self.queue.wait_in_flight(10, name)
        return dropped + self.queue.clear(name)  # what a fault or a full disk had put back meanwhile
