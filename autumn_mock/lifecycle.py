"""Opens, closes, restores and resets organisations.

New data is prepared in a state of its own and then adopted: atomically for all readers, and after a crash wholly or not
at all. Each request runs before the replacement or after it: those inside are finished, those that arrive meanwhile
wait at the barrier.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.barrier import RequestBarrier
from autumn_mock.clock import Clock, started_clock
from autumn_mock.domain.organisation import Env, Organisation, hash_key
from autumn_mock.faults.board import FaultBoards
from autumn_mock.faults.grammar import Rule, parse_rule
from autumn_mock.ids import SeededIds, ids_from
from autumn_mock.ingest.queue import Queue
from autumn_mock.last_use import LastUse
from autumn_mock.locks import Level, new_rlock
from autumn_mock.organisation_log import log_closed, log_opened, log_reset
from autumn_mock.parking import spare_thread
from autumn_mock.settings import Settings
from autumn_mock.store.changes import Change
from autumn_mock.store.documents import changes_of
from autumn_mock.store.environment import Environment, record_counts
from autumn_mock.store.errors import NoSuchOrganisation, NothingToCopy, StoreError
from autumn_mock.store.state import State
from autumn_mock.store.tinyfile import read_snapshot
from autumn_mock.worlds import World, fill_copy, open_copy, organisation_for_key, organisation_id, seed

#: Seconds to wait for messages in flight before their environment is replaced.
_QUIESCE_TIMEOUT_S = 10

#: Clears something of one environment (by its name), or (None) of all; returns how much was cleared.
Forget = Callable[[tuple[str, str] | None], int]


class Opened(Struct, frozen=True):
    """An organisation that was opened on demand, and the key to it."""

    org: str
    slug: str
    env: Env
    key: str


class _Registered(Struct, frozen=True):
    forget: Forget
    describes_data: bool


class Lifecycle:
    """The data of the server's organisations, and everything that replaces it."""

    def __init__(self, settings: Settings, world: World, state: State) -> None:
        self.settings = settings
        #: What the server starts from, again after every reset.
        self.world = world
        self.state = state
        #: Makes the ids of a server with a seed.
        self.ids = (
            SeededIds(settings.seed, has_data=len(state.organisations) > 0) if settings.seed is not None else None
        )
        #: The server's clock; those of organisations follow it.
        self.clock = state.clock
        self.barrier = RequestBarrier()
        self.queue = Queue(settings.max_queue)
        #: The rules that every environment begins with, with the seeds that were drawn for them.
        self.first_faults = tuple(parse_rule(text).seeded(settings.seed) for text in settings.fault)
        self.boards = FaultBoards(state.clock, self._startup_rules_of, self.queue.wake)
        #: The worlds that organisations opened on demand were copied from, by their ids.
        self._templates: dict[str, World] = {}
        #: The organisations of further keys.
        self._of_further_keys = {organisation_id(key) for key in settings.key}
        self.last_use = LastUse(state)
        self._registered: dict[str, _Registered] = {}
        #: Held while organisations are opened, closed or replaced.
        self._change_lock = new_rlock(Level.LIFECYCLE)

    def register(self, name: str, forget: Forget, *, describes_data: bool = False) -> None:
        """Have ``forget`` called whenever an environment is reset or closed; reports name the result ``name``.

        ``describes_data``: also when a snapshot replaces the data that it describes.
        """
        self._registered[name] = _Registered(forget, describes_data)

    def _startup_rules_of(self, name: tuple[str, str]) -> list[Rule]:
        """The fault rules that an environment begins with: those of the settings and of its world."""
        org_id, env = name
        template = self._templates.get(org_id)
        rules = self.world.rules_of(org_id, env) if template is None else template.startup_rules(env)
        return [rule.seeded(self.settings.seed) for rule in (*self.first_faults, *rules)]

    def begin(self) -> None:
        """Seed an empty state from the world, and create the organisations of further keys."""
        with self._changing():
            prepared = self.state.prepare()
            if not len(self.state.organisations):
                seed(prepared, self.world)
            self._add_further(prepared)
            self.state.adopt(prepared)
        self.last_use.read()
        if self.settings.auto_org_like is not None and not self.state.has_key(hash_key(self.settings.auto_org_like)):
            raise NothingToCopy("auto_org_like: no organisation here has this key; give it with --key, or in the world")

    def _add_further(self, prepared: State) -> None:
        for key in self.settings.key:
            organisation, api_key = organisation_for_key(key, prepared.clock.now())
            if not prepared.has_key(api_key.hash):
                prepared.add(organisation, [api_key])

    # -- organisations on demand

    def template_like(self, key: str) -> World:
        """The organisation of a key, as it is now, as what another one begins with, and returns to when it is reset.

        Raises :class:`ValueError` for a key that opens nothing.
        """
        found = self.state.keys.get(hash_key(key))
        if found is None:
            raise ValueError("like: no organisation here has this key")
        origin = self._templates.get(found.org_id, self.world)
        place = Path("the organisation to copy")
        content = b"".join(self.state.snapshot(found.org_id))
        changes = tuple(changes_of(read_snapshot(content, place).tables, place))
        rules = tuple(each for each in origin.organisations if each.id == found.org_id or origin is not self.world)
        return World(origin.file, rules[:1], changes)

    def template_on_demand(self) -> World:
        """What an organisation that is opened for a new key begins with."""
        like = self.settings.auto_org_like
        return self.world if like is None else self.template_like(like)

    def open_organisation(
        self,
        template: World | None = None,
        key: str | None = None,
        *,
        now: int | None = None,
        frozen: bool = False,
        name: str | None = None,
        slug: str | None = None,
        is_temporary: bool = False,
    ) -> Opened:
        """Open an organisation: a copy of the first one of a world, or of the server's own world.

        Without a key one is generated. ``now`` (ms) is the time of its clock when it is filled; with ``frozen`` the
        clock does not run. ``is_temporary``: it may be closed when it is idle. Raises :class:`ValueError` for a key or
        a slug that exists.
        """
        key = key or f"am_sk_test_{self.ids.token() if self.ids is not None else secrets.token_hex(12)}"
        template = template or self.world
        org_id = organisation_id(key)
        with self._changing():
            self._require_free(slug)
            prepared = self.state.prepare()
            if prepared.organisation(org_id) is None:
                for clock in (prepared.clock_of(org_id), self.state.clock_of(org_id)):
                    if frozen:
                        clock.freeze()
                    if now is not None:
                        clock.set(now)
            record = open_copy(prepared, template, key, is_temporary=is_temporary)
            self._templates[org_id] = template
            self.state.adopt(prepared)
            if name is not None or slug is not None:
                self.name_organisation(org_id, name, slug)
        environment = self.state.environment(record.org_id, record.env)
        self.queue.put(environment, environment.waiting())
        log_opened(environment.organisation, key, self.settings.auto_org_idle if is_temporary else None)
        return Opened(org=record.org_id, slug=environment.organisation.slug, env=record.env, key=key)

    def name_organisation(self, org_id: str, name: str | None = None, slug: str | None = None) -> Organisation:
        """Give an organisation another name, slug, or both. Raises :class:`ValueError` for a slug that is in use."""
        with self._changing():
            self._require_free(slug, org_id)
            found = self.state.organisation(org_id)
            if found is None:
                raise NoSuchOrganisation(org_id)
            named = replace(found, name=name or found.name, slug=slug or found.slug, is_temporary=False)
            prepared = self.state.prepare()
            prepared.add(named, [])
            self.state.adopt(prepared)
            for environment in self.state.environments(org_id):
                environment.organisation = named
            return named

    def _require_free(self, slug: str | None, org_id: str = "") -> None:
        """Raises :class:`ValueError` if another organisation has a slug, or an id that is equal to it."""
        others = (each for each in self.state.organisations if each.id != org_id)
        if slug is not None and any(slug in (each.id, each.slug) for each in others):
            raise ValueError(f"slug: another organisation is called {slug!r}")

    def close_organisation(self, org_id: str, idle: int | None = None) -> dict[str, int]:
        """Delete an organisation and all its data; returns the number of records by table.

        ``idle`` (ms): because no request has used it for so long.
        """
        organisation = self.state.organisation(org_id)
        with self._changing(), self._quiesced(org_id, lambda: self.state.environments(org_id)):
            environments = self.state.environments(org_id)
            names, deleted = [each.name for each in environments], record_counts(environments)
            self.state.remove(org_id)
            self._templates.pop(org_id, None)
            self.last_use.forget_removed()
            for name in names:
                self.boards.forget(name)
                self._forget(name)
        if organisation is not None:
            log_closed(organisation, idle)
        return deleted

    def is_on_demand(self, org_id: str) -> bool:
        """Whether an organisation was opened on demand, perhaps before this server was started."""
        return org_id not in self._of_further_keys and not self.world.holds(org_id)

    def close_idle(self) -> None:
        """Close the temporary organisations that were not used for ``auto_org_idle``. One that was named is kept."""
        longest = self.settings.auto_org_idle
        for org_id in self.last_use.idle(longest) if longest is not None else ():
            self.close_organisation(org_id, longest)

    def keep_last_use(self) -> None:
        """Write when organisations were last used into their records; see :meth:`LastUse.keep`."""
        with self._changing():
            self.last_use.keep()

    # -- snapshots

    def restore(self, content: bytes, environment: Environment | None = None) -> dict[str, int]:
        """Replace the data of all organisations, or of one, by a snapshot; returns the number of records by table.

        An organisation takes over what the snapshot has under its id, or else the only organisation in it. Raises
        :class:`~autumn_mock.store.errors.StoreError`, with nothing changed, for an invalid snapshot.
        """
        place = Path("the snapshot")
        changes = list(changes_of(read_snapshot(content, place).tables, place))
        if self.ids is not None:
            self.ids.skip(content)
        del content  # which may be as large as the state
        prepared = State(Clock())
        prepared.restore(changes)
        prepared.check(place)
        if environment is None:
            return self._restore_all(prepared)
        return self._restore_organisation(environment.organisation.id, changes)

    def _restore_all(self, prepared: State) -> dict[str, int]:
        with self._changing(), self._quiesced(None, self.state.environments):
            self.state.adopt(prepared, alone=True)
            self._forget_others()
            self._forget(None, only_described=True)
            return record_counts(self.state.environments())

    def _restore_organisation(self, org_id: str, changes: list[Change]) -> dict[str, int]:
        source = _source(changes, org_id)
        with self._changing():
            prepared = self.state.prepare()
            prepared.restore(changes, {source: org_id})
            with self._quiesced(org_id, lambda: self.state.environments(org_id)):
                for each in self.state.environments(org_id):
                    prepared.environment(*each.name)  # environments that the snapshot does not have become empty
                self.state.adopt(prepared)
                restored = self.state.environments(org_id)
                for each in restored:
                    self._forget(each.name, only_described=True)
                return record_counts(restored)

    # -- reset

    def reset(self, environment: Environment | None = None) -> dict[str, int]:
        """Return to the world: data, queue, faults, limits, clock and journals; returns how much was cleared.

        One environment is emptied and seeded again if the world has data for it; without one, everything is, and
        organisations that were opened since the start are closed. Raises
        :class:`~autumn_mock.store.errors.NoSuchOrganisation` if its organisation was closed, and ``OSError``, with
        nothing changed, when the disk refuses the change.
        """
        name = environment.name if environment is not None else None
        chosen = self.state.environments if environment is None else lambda: [environment]
        with self._changing():
            with self._quiesced(name[0] if name is not None else None, chosen) as dropped:
                replaced = self._reset_all() if environment is None else self._reset_one(environment)
                rules = self.boards.start_over(name)
                cleared = {"queued": dropped, **replaced, "faults": rules}
                cleared |= self._forget(name)
            self.queue.resume(name)
        return {what: count for what, count in cleared.items() if count}

    def _reset_all(self) -> dict[str, int]:
        prepared = State(started_clock(self.settings.now, frozen=self.settings.frozen))
        seed(prepared, self.world)
        self._add_further(prepared)
        before = {each.id for each in self.state.organisations}
        replaced = self.state.adopt(prepared, alone=True)
        closed = len(before - {each.id for each in self.state.organisations})  # others may be back
        log_reset(closed)
        self._templates.clear()
        self._forget_others()
        for organisation in self.state.organisations:
            self.state.clock_of(organisation.id).reset()
        self.state.clock.reset()
        if self.settings.frozen:
            self.state.clock.freeze()
        if self.settings.now is not None:
            self.state.clock.set(self.settings.now)
        return {**replaced, "organisations": closed}

    def _reset_one(self, environment: Environment) -> dict[str, int]:
        if environment.is_gone:  # its organisation was closed meanwhile
            raise NoSuchOrganisation(environment.name[0])
        prepared = State(self.state.clock)  # with the organisation's clock as it will be
        prepared.add(environment.organisation, [])
        prepared.environment(*environment.name)
        self._fill(prepared, environment.name)
        replaced = self.state.adopt(prepared)
        environment.clock.reset()
        return replaced

    def _fill(self, prepared: State, name: tuple[str, Env]) -> None:
        """Fill an empty environment as it was filled at first."""
        org_id = name[0]
        if self.world.holds(org_id):
            seed(prepared, self.world, only=name)
        elif self.is_on_demand(org_id):
            fill_copy(prepared, self._templates.get(org_id) or self.template_on_demand(), name)

    # -- steps

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Run the block while no other organisation is opened, closed or replaced; it may take many seconds."""
        with spare_thread(), self._change_lock, ids_from(self.ids):
            yield

    @contextmanager
    def _quiesced(self, org_id: str | None, chosen: Callable[[], list[Environment]]) -> Iterator[int]:
        """Stop workers and block requests of an organisation (None: of all) while the chosen environments change.

        Yields the number of messages that waited. Afterwards the messages that the environments then have are queued,
        and environments that were paused are still paused.
        """
        names = [each.name for each in chosen()]
        paused = {name for name in names if self.queue.is_paused(name)}
        dropped = sum(map(self._empty_queue, names))  # may take a while
        with self.barrier.closed(org_id):
            names = [each.name for each in chosen()]
            dropped += sum(map(self._empty_queue, names))
            try:
                yield dropped
            finally:
                left = chosen()
                for each in left:
                    self.queue.put(each, each.waiting())
                paused &= {each.name for each in left}
                for name in names:
                    if name not in paused:
                        self.queue.resume(name)

    def _empty_queue(self, name: tuple[str, str]) -> int:
        """Drop what waits, and wait for what is in flight; nothing is taken until :meth:`Queue.resume`."""
        self.queue.pause(name)
        dropped = self.queue.clear(name)
        self.queue.wait_in_flight(_QUIESCE_TIMEOUT_S, name)
        return dropped + self.queue.clear(name)  # messages that a fault or a full disk has put back meanwhile

    def _forget(self, name: tuple[str, str] | None, *, only_described: bool = False) -> dict[str, int]:
        return {
            what: each.forget(name)
            for what, each in self._registered.items()
            if each.describes_data or not only_described
        }

    def _forget_others(self) -> None:
        """Forget what was kept for organisations that are no longer there."""
        for name in self.boards.names():
            if name[0] not in self.state.organisations:
                self.boards.forget(name)
        self.last_use.forget_removed()


def _source(changes: list[Change], org_id: str) -> str:
    """The organisation of a snapshot that another one takes over."""
    there = {each.id for change in changes for each in change.put.get("organisations", ())}
    if org_id in there:
        return org_id
    if len(there) == 1:
        return str(there.pop())
    raise StoreError(f"the snapshot holds {len(there)} organisations, and {org_id} is not one of them")
