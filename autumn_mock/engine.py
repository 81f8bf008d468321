"""The engine: everything of a server but HTTP. Builds the state, the queue, the workers and the journals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from autumn_mock.clock import started_clock, stopwatch
from autumn_mock.counting import are, count_of, were
from autumn_mock.domain.message import ItemCounters
from autumn_mock.domain.organisation import ApiKey, hash_key
from autumn_mock.domain.version import Version
from autumn_mock.domain.webhook import DEFAULT_SECRET, WebhookEndpoint
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import Rule
from autumn_mock.ingest.workers import Workers
from autumn_mock.input_files import find_file, guess
from autumn_mock.journal.messages import MessageJournal
from autumn_mock.journal.requests import NO_ENVIRONMENT, RequestJournal
from autumn_mock.lifecycle import Forget, Lifecycle
from autumn_mock.maintenance import MaintenanceThread
from autumn_mock.operations.call import Call
from autumn_mock.parking import spare_thread
from autumn_mock.settings import Settings, read_key, settings_of
from autumn_mock.store.database import Database
from autumn_mock.store.environment import Environment, WebhookWriter
from autumn_mock.store.errors import StoreError
from autumn_mock.store.state import Progress, State, no_progress
from autumn_mock.webhooks.outbox import Outbox
from autumn_mock.worlds import read_world

if TYPE_CHECKING:
    from autumn_mock.journal.finding import Finding, OwnedFinding

#: How many findings of organisations that were closed or reset are kept at most.
MOST_EARLIER_FINDINGS = 10_000
#: Seconds that the queue of an organisation gets before it is judged for the last time.
_LAST_DRAIN_S = 2


class Engine(Lifecycle):
    """Everything of a server but HTTP. Keywords are those of :class:`~autumn_mock.settings.Settings`.

    ``progress(done, total)`` is called with numbers of records while a database is loaded.

    Raises :class:`~autumn_mock.store.errors.StoreError` for a database that cannot be used, and
    :class:`~autumn_mock.input_files.InputFileError` for a world that cannot be read.
    """

    def __init__(self, settings: Settings | None = None, *, progress: Progress = no_progress, **knobs: Any) -> None:
        settings = settings_of(settings, **knobs)
        clock = started_clock(settings.now, frozen=settings.frozen)
        world = read_world(find_file("world", settings.world))
        self._database = Database.open(settings.db, fsync=settings.fsync) if settings.db is not None else None
        try:
            keeps_clock = settings.now is None and not settings.frozen
            state = State(clock, self._database, progress, settings.payments, keeps_clock=keeps_clock)
            super().__init__(settings, world, state)
            self._add_services()
            self.begin()
        except BaseException:
            if self._database is not None:
                self._database.abandon()
            raise
        self._watch_webhooks()
        for environment in self.state.environments():
            self.queue.put(environment, environment.waiting())

    def _add_services(self) -> None:
        settings = self.settings
        self.journal = RequestJournal(settings.journal_requests, settings.journal_bodies)
        self.message_journal = MessageJournal()
        self.webhooks = Outbox(
            [WebhookEndpoint(url, settings.webhook_secret or DEFAULT_SECRET) for url in settings.webhook_url],
            {organisation.id: organisation.webhooks for organisation in self.world.organisations},
        )
        self.register("requests", self.journal.clear, describes_data=True)
        self.register("deliveries", self.message_journal.clear, describes_data=True)
        self.register("webhooks", lambda name: self.webhooks.clear(*(name or ())))
        self._call_names: Callable[[], Mapping[str, Collection[str]]] = dict
        self._workers = Workers(self.queue, settings.workers, self.board_for, self.message_journal, self._names_of)
        self._maintenance = MaintenanceThread(
            self.state, self.barrier, settings.max_events, self.close_idle, self.keep_last_use, self.call_in
        )
        self._is_stopped = False
        self._earlier_findings: deque[OwnedFinding] | None = None
        self.state.on_clock_move(self._move_clock)

    def _move_clock(self) -> None:
        self.queue.wake()
        self._maintenance.sweep_soon()

    def _watch_webhooks(self) -> None:
        writer: WebhookWriter | None = None
        if self.webhooks.is_used:
            from autumn_mock.wire import webhooks as writer  # servers without endpoints start without it

        self.state.on_webhooks(
            lambda org_id: self.webhooks.publish if self.webhooks.has_endpoints(org_id) else None, writer
        )

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint, org_id: str | None) -> None:
        """Send the webhooks of an organisation, or of all, to an endpoint, too. :class:`ValueError` if it exists."""
        self.webhooks.add(endpoint, org_id)
        self._watch_webhooks()

    def record_webhooks(self, org_id: str) -> None:
        """Keep the webhooks of an organisation in the journal, whether or not it has an endpoint."""
        self.webhooks.record(org_id)
        self._watch_webhooks()

    def close_organisation(self, org_id: str, idle: int | None = None) -> dict[str, int]:
        self._judge(self.state.environments(org_id))
        deleted = super().close_organisation(org_id, idle)
        self.webhooks.close(org_id)
        return deleted

    def reset(self, environment: Environment | None = None) -> dict[str, int]:
        self._judge(self.state.environments() if environment is None else [environment])
        return super().reset(environment)

    def __repr__(self) -> str:
        return f"<Engine {self.state!r} {self.queue!r}>"

    @property
    def first_key(self) -> str:
        """The secret key of the world's first organisation that has one, or else the first further key.

        Raises :class:`ValueError` if there is none.
        """
        keys = [each.secret_key for each in self.world.organisations if each.secret_key is not None]
        found = next(iter([*keys, *self.settings.key]), None)
        if found is None:
            raise ValueError("there is no secret key: neither the world nor the settings name one")
        return found

    @property
    def recovered(self) -> str | None:
        """What was recovered from the database after a crash, in a sentence; None if nothing had to be."""
        return self._database.recovered if self._database is not None else None

    # -- condition

    @property
    def workers_alive(self) -> int:
        """How many threads deduct."""
        return self._workers.alive

    @property
    def database_problem(self) -> str | None:
        """Why nothing can be written to the database, in a sentence; None if it can, or if there is none."""
        if self._database is None or not self._database.notice_missing_files():
            return None
        return f"files of {self._database.path} were removed or replaced"

    @property
    def database_sizes(self) -> dict[str, int]:
        """Bytes of the state at rest and of the log that would be replayed after a crash; empty without a database."""
        if self._database is None:
            return {}
        return {"state": self._database.file_size, "log": self._database.log_size}

    # -- running

    def start(self) -> None:
        """Start the workers and maintenance. Raises :class:`RuntimeError` after :meth:`stop`."""
        if self._is_stopped:
            raise RuntimeError("this emulator was stopped; create another one")
        self._workers.start()
        self._maintenance.start()

    def release(self) -> None:
        """End all waits in :meth:`drain`: the server is about to stop."""
        self.queue.release()
        self.webhooks.release()

    def stop(self) -> None:
        """Finish what is in flight, write the file at rest, and close the database. A second call does nothing."""
        if self._is_stopped:
            return
        self._end_threads()
        with suppress(OSError, StoreError):  # no reason to go without the checkpoint
            self.keep_last_use()
        try:
            self.state.checkpoint()
        finally:
            self.state.close()

    def abandon(self) -> None:
        """End an engine that nothing has used yet: its database keeps the files and the content of before."""
        if not self._is_stopped:
            self._end_threads()
            if self._database is not None:
                self._database.abandon()

    def _end_threads(self) -> None:
        self._is_stopped = True
        self._workers.stop()
        self.webhooks.stop()
        self._maintenance.stop()

    def __enter__(self) -> Engine:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- inspection

    def stats(self, environment: Environment | None = None) -> dict[str, Any]:
        """Item counters: ``offered refused accepted ready in_flight deducted lost lost_by_reason``."""
        counters = ItemCounters()
        ready = in_flight = 0
        for each in [environment] if environment is not None else self.state.environments():
            with each.lock:
                counters = counters.plus(each.counters)
                waiting = len(each.messages)
                flying = min(self.queue.counts(each.name)[1], waiting)
            ready += waiting - flying
            in_flight += flying
        return {
            "offered": counters.offered,
            "refused": counters.refused,
            "accepted": counters.accepted,
            "ready": ready,
            "in_flight": in_flight,
            "deducted": counters.deducted,
            "lost": counters.lost,
            "lost_by_reason": counters.lost_by_reason,
        }

    def drain(
        self,
        timeout: float = 10,
        environment: Environment | None = None,
        *,
        webhooks: bool = False,
        is_abandoned: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait at most ``timeout`` seconds until no message is ready or in flight; False if some still are.

        ``webhooks``: wait also until each webhook was attempted once. It ends soon after ``is_abandoned()``. Raises
        :class:`~autumn_mock.parking.TooManyWaiting`.
        """
        started = stopwatch()
        name = environment.name if environment is not None else None
        org, env = name or (None, None)
        with spare_thread():
            idle = self.queue.wait_idle(timeout, name, is_abandoned)
            if not idle or not webhooks:
                return idle
            left = max(timeout - (stopwatch() - started), 0)
            return self.webhooks.journal.wait_attempted(left, org, env, is_abandoned)

    def why_open(self, environment: Environment | None, timeout: float | None = None) -> str:
        """Why a :meth:`drain` with a timeout (seconds) returned False, or what is open without one, in a sentence."""
        name = environment.name if environment is not None else None
        left = self.stats(environment)
        queue = self.queue.explain(name)
        waiting = left["ready"] + left["in_flight"]
        if not waiting:
            count = self.webhooks.journal.unattempted(*(name or ()))
            return f"{count_of(count, 'webhook')} {were(count)} not attempted yet: {timeout} s were not enough"
        why = f"{timeout} s were not enough" if timeout is not None else "they are under way"
        if queue["paused"]:
            why = "the workers are paused"
        elif queue["held"]:
            why = "; ".join(f"{each['items']} held by {each['rule']}" for each in queue["held"])
        return f"{waiting} of {count_of(left['accepted'], 'accepted item')} {are(waiting)} not worked off yet: {why}"

    # -- faults and findings

    @property
    def faults(self) -> FaultBoard:
        """The fault rules that were armed for the whole server while it runs."""
        return self.boards.server

    def board_for(self, environment: Environment) -> FaultBoard:
        """The fault rules of an environment. Those of the settings and the world are armed when it is first used."""
        return self.boards.of(environment)

    def call_in(self, environment: Environment) -> Call:
        """The context of an operation that no request of a client asks for: on a payment page, by a test."""
        organisation = environment.organisation
        charges = self.board_for(environment).charges((organisation.id, organisation.slug), ())
        return Call(environment, Version.NEWEST, environment.clock.now(), charge_problem=charges)

    def startup_rules(self) -> list[Rule]:
        """The fault rules of the settings and of the world."""
        worlds = (rules for each in self.world.organisations for rules in each.faults.values())
        return [*self.first_faults, *(rule for rules in worlds for rule in rules)]

    def findings(self, environment: Environment) -> list[Finding]:
        """Violations of the contract by the clients of an environment, among the journalled requests."""
        from autumn_mock.journal.finding_state import FindingState
        from autumn_mock.journal.findings import find, find_in_state, in_order

        found = self.journal.derived(environment.name, find)
        entries = self.journal.entries(environment.name)
        lost = environment.lost.snapshot() if len(environment.lost) else []
        state = FindingState(
            lost,
            environment.locks.get,
            environment.clock.now(),
            self.settings.max_body,
            environment,
            lambda: self.webhooks.journal.delivered(*environment.name),
        )
        more = find_in_state(entries, state)
        return in_order([*found, *more], entries) if more else found

    def stray_findings(self, since: float = 0) -> list[Finding]:
        """Those in the requests that belong to no organisation, received since (on the stopwatch)."""
        from autumn_mock.journal.findings import wrong_keys

        return list(wrong_keys(each for each in self.journal.entries(NO_ENVIRONMENT) if each.received >= since))

    def all_findings(self) -> list[OwnedFinding]:
        """The findings of all environments, and in requests that belong to none, with their organisations."""
        found = [finding for each in self.state.environments() for finding in self._owned_findings(each)]
        return [*(self._earlier_findings or ()), *found, *self._owned_findings(None)]

    def _owned_findings(self, environment: Environment | None) -> list[OwnedFinding]:
        from autumn_mock.journal.finding import owned

        return owned(self.stray_findings() if environment is None else self.findings(environment), environment)

    def keep_earlier_findings(self) -> None:
        """Let :meth:`all_findings` include those of organisations that are closed or reset from now on."""
        self._earlier_findings = deque(maxlen=MOST_EARLIER_FINDINGS)

    def _judge(self, environments: Iterable[Environment]) -> None:
        """Keep the findings of environments whose data is about to be deleted, once their queues are empty."""
        if self._earlier_findings is not None:
            for each in environments:
                self.drain(_LAST_DRAIN_S, each)
                self._earlier_findings.extend(self._owned_findings(each))

    # -- keys, snapshots, the application

    def find_key(self, key: str, *, opens: bool = True, uses: bool = True) -> ApiKey | None:
        """The record of a key; None if there is none.

        With ``auto_org``, or a setting that implies it, an unknown secret test key opens an organisation of its own, if
        the request ``opens`` one. Its organisation is used by it, if the request ``uses`` it.
        """
        found = self.state.keys.get(hash_key(key))
        if found is None and opens and self.would_open(key):
            with suppress(ValueError):  # the key is not valid, or another request has just opened the organisation
                self.open_organisation(self.template_on_demand(), read_key(key), is_temporary=True)
            found = self.state.keys.get(hash_key(key))
        if found is not None and uses:
            self.last_use.note(found.org_id)
        return found

    def would_open(self, key: str) -> bool:
        """Whether the first request with a key opens an organisation."""
        return self.settings.opens_organisations and key.startswith("am_sk_test_")

    def snapshot(self, environment: Environment | None = None) -> bytes:
        """The whole state, or that of one organisation, as the TinyDB file that ``--db`` leaves.

        Another server can start from it as its world. Clocks, faults and journals are not part of it.
        """
        return b"".join(self.snapshot_pieces(environment))

    def snapshot_pieces(self, environment: Environment | None = None) -> Iterator[bytes]:
        """The snapshot in pieces, which are encoded one by one: a large one is never in memory as a whole."""
        return self.state.snapshot(environment.organisation.id if environment is not None else None)

    def attach_application(
        self, call_names: Callable[[], Mapping[str, Collection[str]]], forget_limits: Forget
    ) -> None:
        """Register what an HTTP application adds to the engine. Called once, by ``create_app``.

        ``call_names()`` are all names of each call by its canonical one: fault rules of workers match their ``route``
        with them. ``forget_limits`` clears the rate limits of one environment, or (None) all, at every reset, and
        returns how many there were.
        """
        self._call_names = call_names
        self.register("rate_limits", forget_limits)

    def call_named(self, name: str) -> str:
        """The canonical name of a call; its last part is enough. Raises :class:`ValueError` for an unknown one."""
        calls = self._call_names()
        for canonical, names in calls.items():
            if name in (canonical, canonical.rpartition(".")[2]) or name in names:
                return canonical
        known = [*calls, *(each.rpartition(".")[2] for each in calls)]
        near = guess(name, known)
        raise ValueError(f"call: there is no call {name!r}{near if 'did you mean' in near else ''}")

    def _names_of(self, call: str) -> Collection[str]:
        return self._call_names().get(call, (call,))
