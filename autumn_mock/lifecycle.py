"""What a server holds, and how it comes to it: the first start, organisations on demand, snapshots, starting over.

Whatever is replaced here is made ready on a stage and then taken over: for everybody else at one moment, and after a
crash wholly or not at all. Requests come before that moment or after it: they are let finish, and those that come
meanwhile wait at the gate.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from autumn_mock.barrier import RequestBarrier
from autumn_mock.clock import Clock
from autumn_mock.domain.organisation import Env
from autumn_mock.faults.board import FaultBoards
from autumn_mock.faults.grammar import Rule
from autumn_mock.ingest.queue import Queue
from autumn_mock.locks import Level, new_rlock
from autumn_mock.settings import Settings
from autumn_mock.store.changes import Change
from autumn_mock.store.documents import changes_of
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import NoSuchOrganisation, StoreError
from autumn_mock.store.state import State
from autumn_mock.store.tinyfile import read_snapshot
from autumn_mock.worlds import World, fill_copy, open_copy, organisation_for_key, organisation_id, seed

#: Seconds that are given to what workers have in hand when its environment is about to be replaced.
_QUIESCE_TIMEOUT_S = 10

#: Forgets something of one environment (by its name), or of all; says how much.
Forget = Callable[[tuple[str, str] | None], int]


class Opened(Struct, frozen=True):
    """An organisation that was opened on demand, and the key to it."""

    org: str
    slug: str
    env: Env
    key: str


class Lifecycle:
    """Replaces what is in a state, with the queue and the fault boards that go with it.

    ``journals`` tell of what is in the state, and are emptied with it; ``traces`` of what clients did meanwhile go when
    it starts over. Both by the name that a report has for them; more may be added to ``traces`` later.
    """

    def __init__(
        self,
        settings: Settings,
        world: World,
        state: State,
        queue: Queue,
        gate: RequestBarrier,
        boards: FaultBoards,
        journals: Mapping[str, Forget],
        traces: MutableMapping[str, Forget],
    ) -> None:
        self._settings = settings
        #: What the server starts from, again after every reset.
        self._world = world
        #: What organisations that were opened on demand are like, by their ids.
        self._templates: dict[str, World] = {}
        self._state = state
        self._queue = queue
        self._gate = gate
        self._boards = boards
        self._journals = journals
        self.traces = traces
        #: Held while organisations come or go, and while they are replaced.
        self._changing = new_rlock(Level.LIFECYCLE)

    def startup_rules(self, name: tuple[str, str]) -> tuple[Rule, ...]:
        """The fault rules that a world names for an environment."""
        org_id, env = name
        template = self._templates.get(org_id)
        return self._world.board_for(org_id, env) if template is None else template.startup_rules(env)

    def begin(self) -> None:
        """Fill a state that has nothing yet from the world, and open the organisations of further keys."""
        with self._changing:
            prepare = self._state.prepare()
            if not len(prepare.organisations):
                seed(prepare, self._world)
            self._add_further(prepare)
            self._state.adopt(prepare)

    def _add_further(self, prepare: State) -> None:
        for key in self._settings.key:
            organisation, api_key = organisation_for_key(key, prepare.clock.now())
            if api_key.hash not in prepare.keys:
                prepare.add(organisation, [api_key])

    # -- organisations on demand

    def open(self, template: World | None, key: str | None, *, now: int | None, frozen: bool) -> Opened:
        """See :meth:`~autumn_mock.engine.Engine.open_organisation`."""
        key = key or f"am_sk_test_{secrets.token_hex(12)}"
        template = template or self._world
        org_id = organisation_id(key)
        with self._changing:
            prepare = self._state.prepare()
            if org_id not in prepare.organisations:
                for clock in (prepare.clock_of(org_id), self._state.clock_of(org_id)):
                    if frozen:
                        clock.freeze()
                    if now is not None:
                        clock.set(now)
            record = open_copy(prepare, template, key)
            self._templates[org_id] = template
            self._state.adopt(prepare)
        environment = self._state.environment(record.org_id, record.env)
        self._queue.put(environment, environment.waiting())
        return Opened(org=record.org_id, slug=environment.organisation.slug, env=record.env, key=key)

    def close(self, org_id: str) -> None:
        """Forget an organisation and everything of it."""
        with self._changing, self._quiesced(org_id, lambda: self._state.environments(org_id)):
            names = [each.name for each in self._state.environments(org_id)]
            self._state.remove(org_id)
            self._templates.pop(org_id, None)
            for name in names:
                self._boards.forget(name)
                self._forget(name, self._journals, self.traces)

    # -- snapshots

    def restore(self, content: bytes, environment: Environment | None) -> dict[str, int]:
        """See :meth:`~autumn_mock.engine.Engine.restore`."""
        place = Path("the snapshot")
        changes = list(changes_of(read_snapshot(content, place).tables, place))
        prepare = State(Clock())
        prepare.restore(changes)
        prepare.check(place)
        if environment is None:
            return self._restore_all(prepare)
        return self._restore_organisation(environment.organisation.id, changes)

    def _restore_all(self, prepare: State) -> dict[str, int]:
        with self._changing, self._quiesced(None, self._state.environments):
            self._state.adopt(prepare, alone=True)
            self._forget_boards_of_others()
            self._forget(None, self._journals)
            return _counts(self._state.environments())

    def _restore_organisation(self, org_id: str, changes: list[Change]) -> dict[str, int]:
        source = _source(changes, org_id)
        with self._changing:
            prepare = self._state.prepare()
            prepare.restore(changes, {source: org_id})
            with self._quiesced(org_id, lambda: self._state.environments(org_id)):
                for each in self._state.environments(org_id):
                    prepare.environment(*each.name)  # what the snapshot says nothing of is empty
                self._state.adopt(prepare)
                restored = self._state.environments(org_id)
                for each in restored:
                    self._forget(each.name, self._journals)
                return _counts(restored)

    # -- starting over

    def reset(self, environment: Environment | None) -> dict[str, int]:
        """See :meth:`~autumn_mock.engine.Engine.reset`."""
        name = environment.name if environment is not None else None
        chosen = self._state.environments if environment is None else lambda: [environment]
        with self._changing:
            with self._quiesced(name[0] if name is not None else None, chosen) as dropped:
                gone = self._reset_all() if environment is None else self._reset_one(environment)
                rules = self._boards.start_over(name)
                cleared = {"queued": dropped, **gone, "faults": rules}
                cleared |= self._forget(name, self._journals, self.traces)
            self._queue.resume(name)
        return {what: count for what, count in cleared.items() if count}

    def _reset_all(self) -> dict[str, int]:
        clock = Clock()
        if self._settings.now is not None:
            clock.set(self._settings.now)
        prepare = State(clock)
        seed(prepare, self._world)
        self._add_further(prepare)
        gone = self._state.adopt(prepare, alone=True)
        self._templates.clear()
        self._forget_boards_of_others()
        for organisation in self._state.organisations:
            self._state.clock_of(organisation.id).reset()
        self._state.clock.reset()
        if self._settings.now is not None:
            self._state.clock.set(self._settings.now)
        return gone

    def _reset_one(self, environment: Environment) -> dict[str, int]:
        if environment.is_gone:  # somebody was faster
            raise NoSuchOrganisation(environment.name[0])
        prepare = State(self._state.clock)  # where the organisation's clock is as it will be
        prepare.add(environment.organisation, [])
        prepare.environment(*environment.name)
        self._fill(prepare, environment.name)
        gone = self._state.adopt(prepare)
        environment.clock.reset()
        return gone

    def _fill(self, prepare: State, name: tuple[str, Env]) -> None:
        """Fill an environment that is empty as it was at first."""
        org_id = name[0]
        further = {organisation_id(key) for key in self._settings.key}
        if self._world.holds(org_id):
            seed(prepare, self._world, only=name)
        elif org_id not in further:  # it was opened on demand, perhaps before this server was started
            fill_copy(prepare, self._templates.get(org_id, self._world), name)

    # -- what goes with it

    @contextmanager
    def _quiesced(self, org_id: str | None, chosen: Callable[[], list[Environment]]) -> Iterator[int]:
        """Let nobody work off messages of the chosen environments inside the block, nor ask anything of their
        organisation (None: of any).

        The block gets the number of messages that waited. Afterwards what is in the environments then is queued, and
        who was paused still is.
        """
        names = [each.name for each in chosen()]
        paused = {name for name in names if self._queue.is_paused(name)}
        dropped = sum(map(self._empty_queue, names))  # which may take a while
        with self._gate.closed(org_id):
            names = [each.name for each in chosen()]
            dropped += sum(map(self._empty_queue, names))
            try:
                yield dropped
            finally:
                left = chosen()
                for each in left:
                    self._queue.put(each, each.waiting())
                paused &= {each.name for each in left}
                for name in names:
                    if name not in paused:
                        self._queue.resume(name)

    def _empty_queue(self, name: tuple[str, str]) -> int:
        """Drop what waits, and wait for what is under way; nothing new is taken until :meth:`Queue.resume`."""
        self._queue.pause(name)
        dropped = self._queue.clear(name)
        self._queue.wait_in_flight(_QUIESCE_TIMEOUT_S, name)
        return dropped + self._queue.clear(name)  # what a fault or a full disk had put back meanwhile

    def _forget(self, name: tuple[str, str] | None, *kinds: Mapping[str, Forget]) -> dict[str, int]:
        return {what: forget(name) for kind in kinds for what, forget in kind.items()}

    def _forget_boards_of_others(self) -> None:
        for name in self._boards.names():
            if name[0] not in self._state.organisations:
                self._boards.forget(name)


def _source(changes: list[Change], org_id: str) -> str:
    """Which organisation of a snapshot another one takes over."""
    there = {each.id for change in changes for each in change.put.get("organisations", ())}
    if org_id in there:
        return org_id
    if len(there) == 1:
        return str(there.pop())
    raise StoreError(f"the snapshot holds {len(there)} organisations, and {org_id} is not one of them")


def _counts(environments: list[Environment]) -> dict[str, int]:
    """How much of each there is."""
    counts: dict[str, int] = {}
    for each in environments:
        for name, table in each.tables.items():
            counts[name] = counts.get(name, 0) + len(table)
    return {name: count for name, count in counts.items() if count}
