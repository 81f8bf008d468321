"""The emulator: everything but HTTP. Builds and owns the clock, the state, the queue, the workers and the journal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from autumn_mock.barrier import RequestBarrier
from autumn_mock.clock import Clock, stopwatch
from autumn_mock.domain.books import Books
from autumn_mock.domain.organisation import ApiKey, hash_key
from autumn_mock.domain.webhook import DEFAULT_SECRET, Endpoint
from autumn_mock.faults.board import FaultBoard, FaultBoards
from autumn_mock.faults.grammar import Rule, parse_rule
from autumn_mock.ingest.queue import Queue
from autumn_mock.ingest.workers import Workers
from autumn_mock.journal.findings import Finding, find
from autumn_mock.journal.messages import MessageJournal
from autumn_mock.journal.requests import RequestJournal
from autumn_mock.lifecycle import Forget, Lifecycle, Opened
from autumn_mock.maintenance import MaintenanceThread
from autumn_mock.settings import Settings, read_key, settings_of
from autumn_mock.store.database import Database
from autumn_mock.store.environment import Environment
from autumn_mock.store.state import Progress, State, no_progress
from autumn_mock.webhooks.outbox import Outbox
from autumn_mock.worlds import World, find_world, read_world


class Engine:
    """A server's inside. Keywords are those of :class:`~autumn_mock.settings.Settings`.

    ``progress`` is told how many records of how many have been read while a database is loaded.

    Raises :class:`~autumn_mock.store.errors.StoreError` for a database that cannot be used, and
    :class:`~autumn_mock.worlds.WorldError` for a world that cannot be read.
    """

    def __init__(self, settings: Settings | None = None, *, progress: Progress = no_progress, **knobs: Any) -> None:
        self.settings = settings_of(settings, **knobs)
        self.clock = Clock()
        if self.settings.now is not None:
            self.clock.set(self.settings.now)
        #: What the server starts from, again after every reset.
        self._world: World = read_world(find_world(self.settings.world))
        self._database = (
            Database.open(self.settings.db, fsync=self.settings.fsync) if self.settings.db is not None else None
        )
        try:
            self.state = State(self.clock, self._database, progress)
            self.journal = RequestJournal(self.settings.journal_requests, self.settings.journal_bodies)
            self.webhooks = Outbox(
                [Endpoint(url, self.settings.webhook_secret or DEFAULT_SECRET) for url in self.settings.webhook_url],
                {organisation.id: organisation.webhooks for organisation in self._world.organisations},
            )
            #: What requests pass through.
            self.gate = RequestBarrier()
            self.queue = Queue(self.settings.max_queue)
            #: The rules that every environment begins with, with the seeds that were drawn for them.
            self.first_faults = tuple(parse_rule(text).seeded(self.settings.seed) for text in self.settings.fault)
            self._boards = FaultBoards(self.clock, self._startup_rules_of, self.queue.wake)
            self.deliveries = MessageJournal()
            self._call_names: Mapping[str, Collection[str]] = {}
            self._workers = Workers(
                self.queue,
                self.settings.workers,
                self.board_for,
                self.deliveries,
                self._names_of,
            )
            self.state.on_clock_move(self.queue.wake)
            self._is_stopped = False
            self._maintenance = MaintenanceThread(self.state, self.gate, self.settings.max_events)
            self._lifecycle = Lifecycle(
                self.settings,
                self._world,
                self.state,
                self.queue,
                self.gate,
                self._boards,
                journals={"requests": self.journal.clear, "deliveries": self.deliveries.clear},
                traces={"webhooks": lambda name: self.webhooks.clear(*(name or ()))},
            )
            self._lifecycle.begin()
            self.state.on_webhooks(
                lambda org_id: self.webhooks.publish if self.webhooks.has_endpoints(org_id) else None
            )
        except BaseException:
            if self._database is not None:
                self._database.close()
            raise
        for environment in self.state.environments():
            self.queue.put(environment, environment.waiting())

    def __repr__(self) -> str:
        return f"<Engine {self.state!r} {self.queue!r}>"

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

    # -- running

    def start(self) -> None:
        """Begin to deduct what is queued. Raises :class:`RuntimeError` for one that was stopped."""
        if self._is_stopped:
            raise RuntimeError("this emulator was stopped; make another one")
        self._workers.start()
        self._maintenance.start()

    def release(self) -> None:
        """Let everybody go who waits in :meth:`drain`: the emulator is about to stop."""
        self.queue.release()
        self.webhooks.release()

    def stop(self) -> None:
        """Finish what is in flight, write the file at rest, and let go of it. A second call does nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._workers.stop()
        self.webhooks.stop()
        self._maintenance.stop()
        try:
            self.state.checkpoint()
        finally:
            self.state.close()

    def __enter__(self) -> Engine:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

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

    @property
    def faults(self) -> FaultBoard:
        """The faults of the whole server, armed while it runs."""
        return self._boards.server

    def board_for(self, environment: Environment) -> FaultBoard:
        """The faults of an environment. Those of the settings and the world are armed at its first use."""
        return self._boards.of(environment)

    def _startup_rules_of(self, name: tuple[str, str]) -> list[Rule]:
        rules = (*self.first_faults, *self._lifecycle.startup_rules(name))
        return [rule.seeded(self.settings.seed) for rule in rules]

    def startup_rules(self) -> list[Rule]:
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
        return self._lifecycle.open(template, key, now=now, frozen=frozen)

    def close_organisation(self, org_id: str) -> None:
        """Forget an organisation and everything of it."""
        self._lifecycle.close(org_id)

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
        return self._lifecycle.restore(content, environment)

    # -- starting over

    def attach_application(self, call_names: Mapping[str, Collection[str]], forget_limits: Forget) -> None:
        """Register what an HTTP application adds to the engine. Called once, by ``create_app``.

        ``call_names`` are all names of each call by its canonical one: fault rules of workers match their ``route``
        with them. ``forget_limits`` clears the rate limits of one environment, or (None) all, at every reset, and
        returns how many there were.
        """
        self._call_names = call_names
        self._lifecycle.traces["rate_limits"] = forget_limits

    def _names_of(self, call: str) -> Collection[str]:
        return self._call_names.get(call, (call,))

    def reset(self, environment: Environment | None = None) -> dict[str, int]:
        """Back to the world: state, queue, faults, limits, clock and journals; says what was cleared.

        One environment is emptied and, where the world says something of it, seeded again; without one, everything is.
        Raises :class:`~autumn_mock.store.errors.NoSuchOrganisation` for one whose organisation is gone, and ``OSError``
        with nothing changed when the disk refuses it.
        """
        return self._lifecycle.reset(environment)
