"""The whole state: organisations, keys, and an environment for each pair that was ever used.

Lives in memory. With a database every change is appended to its log before the change counts as made, and
:meth:`State.checkpoint` writes everything to the file at rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from autumn_mock.clock import Clock
from autumn_mock.domain.organisation import ApiKey, Env, Organisation
from autumn_mock.gc_pause import gc_paused
from autumn_mock.locks import Level, new_rlock
from autumn_mock.store.changes import Change, decode, encode
from autumn_mock.store.database import Database
from autumn_mock.store.documents import changes_of, documents_of, head_of, kinds_of_tables
from autumn_mock.store.environment import Environment, Listener
from autumn_mock.store.errors import DamagedFile, NoSuchOrganisation
from autumn_mock.store.references import check_references
from autumn_mock.store.tables import Table
from autumn_mock.store.tinyfile import file_pieces

#: A log smaller than this is not worth a checkpoint.
_SMALL_LOG = 64 << 20
#: What a record raises that no version of this program wrote: no JSON, no text, too deep; a table, an organisation or
#: an amount that cannot be.
_CORRUPT_RECORD_ERRORS = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    LookupError,
    ArithmeticError,
)


#: Told how many records of how many have been read.
Progress = Callable[[int, int], None]


def no_progress(_done: int, _total: int) -> None:
    """Nobody wants to know."""


class State:
    """All environments, on top of a database or of nothing."""

    def __init__(self, clock: Clock, database: Database | None = None, progress: Progress = no_progress) -> None:
        self.clock = clock
        self._database = database
        self._lock = new_rlock(Level.STATE)
        self.organisations: Table[Organisation] = Table(Organisation, attrgetter("id"))
        self.keys: Table[ApiKey] = Table(ApiKey, attrgetter("hash"))
        self._environments: dict[tuple[str, Env], Environment] = {}
        self._clocks: dict[str, Clock] = {}
        self._clock_listener: Callable[[], None] | None = None
        self._webhooks_to: Callable[[str], Listener | None] = lambda _: None
        if database is not None:
            self._load(database, progress)

    def __repr__(self) -> str:
        return f"<State {len(self.organisations)} organisations, {len(self._environments)} environments>"

    # -- finding

    def environments(self, org_id: str | None = None) -> list[Environment]:
        """Every environment in use, of one organisation or of all."""
        with self._lock:
            return [each for (org, _), each in self._environments.items() if org_id in (None, org)]

    def environment(self, org_id: str, env: Env) -> Environment:
        """The environment of an organisation; it starts empty. :class:`NoSuchOrganisation` when there is none."""
        found = self._environments.get((org_id, env))
        if found is None:
            with self._lock:
                found = self._environments.get((org_id, env))
                if found is None:
                    organisation = self.organisations.get(org_id)
                    if organisation is None:
                        raise NoSuchOrganisation(org_id)
                    found = self._environments[org_id, env] = self._new_environment(organisation, env)
        return found

    def _new_environment(self, organisation: Organisation, env: Env) -> Environment:
        environment = Environment(organisation, env, self.clock_of(organisation.id), self._keep)
        environment.listener = self._webhooks_to(organisation.id)
        return environment

    def clock_of(self, org_id: str) -> Clock:
        """An organisation's own clock."""
        with self._lock:
            clock = self._clocks.get(org_id)
            if clock is None:
                clock = self._clocks[org_id] = Clock(self.clock.now)
                if self._clock_listener is not None:
                    clock.on_move(self._clock_listener)
            return clock

    def on_clock_move(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever the server's clock or any organisation's is moved."""
        with self._lock:
            self._clock_listener = listener
            for clock in (self.clock, *self._clocks.values()):
                clock.on_move(listener)

    def on_webhooks(self, listener_of: Callable[[str], Listener | None]) -> None:
        """Have every environment tell its webhooks to whom ``listener_of`` names by the id of its organisation."""
        with self._lock:
            self._webhooks_to = listener_of
            for (org_id, _), environment in self._environments.items():
                environment.listener = listener_of(org_id)

    # -- changing

    def add(self, organisation: Organisation, keys: Iterable[ApiKey]) -> None:
        """Make an organisation known, and the keys that open it."""
        with self._lock:
            change = Change(put={"organisations": [organisation], "keys": list(keys)})
            self._keep(change)
            self._apply(change)

    def remove(self, org_id: str) -> None:
        """Forget an organisation, its keys and all that is theirs."""
        with self._lock, self._all_locked():
            keys = [key.hash for key in self.keys if key.org_id == org_id]
            change = Change(delete={"organisations": [org_id], "keys": keys})
            self._keep(change)
            self._apply(change)

    def prepare(self) -> State:
        """A place to get something ready for :meth:`adopt`: a state in memory with the organisations, the keys and the
        time of this one, and nothing else."""
        with self._lock:
            prepare = State(Clock(self.clock.now))
            for organisation in self.organisations:
                prepare.organisations.put(organisation)
            for key in self.keys:
                prepare.keys.put(key)
            prepare._clocks = {org_id: Clock(clock.now) for org_id, clock in self._clocks.items()}
            return prepare

    def adopt(self, prepare: State, *, alone: bool = False) -> dict[str, int]:
        """Take over what is on ``prepare``, which nobody may use any more: its organisations and keys, and its
        environments in the place of those that are here. ``alone``: nothing else stays.

        For everybody else it happens at one moment, and after a crash it has happened wholly or not at all; an
        ``OSError`` changes nothing. Says how much of each was in the environments that were replaced. No organisation
        may have come or gone since the stage was made.
        """
        parts = [each.as_change() for each in prepare._environments.values()]
        with self._lock:
            names = dict.fromkeys([*self._environments, *prepare._environments] if alone else prepare._environments)
            owners = {(org, env): prepare.organisations.get(org) for org, env in names}
            # Those that are new are published last, complete.
            targets = {
                name: self._environments.get(name) or self._new_environment(owner, name[1])
                for name, owner in owners.items()
                if owner is not None
            }
            with self._all_locked(targets):
                change = self._adoption(prepare, parts, alone)
                if change is None:
                    return {}
                self._keep(change)
                replaced: Counter[str] = Counter()
                for environment in (self._environments[name] for name in names if name in self._environments):
                    replaced.update({name: len(table) for name, table in environment.tables.items()})
                self._take_over(prepare, targets, alone)
                return dict(replaced)

    def _adoption(self, prepare: State, parts: list[Change], alone: bool) -> Change | None:
        """What :meth:`adopt` changes; None when that is nothing."""
        put: dict[str, list[Any]] = {}
        for name, theirs, ours in (
            ("organisations", prepare.organisations, self.organisations),
            ("keys", prepare.keys, self.keys),
        ):
            new = [each for key, each in theirs.by_key.items() if alone or ours.by_key.get(key) is not each]
            if new:
                put[name] = new
        return Change(put=put, parts=parts, cleared=alone) if put or parts or alone else None

    def _take_over(self, prepare: State, targets: Mapping[tuple[str, Env], Environment], alone: bool) -> None:
        if alone:
            self.organisations = prepare.organisations
            self._end_environments(lambda org_id: org_id not in prepare.organisations)
        else:
            for organisation in prepare.organisations:
                self.organisations.put(organisation)
        for name, environment in targets.items():
            prepared = prepare._environments.get(name)
            if prepared is None:
                owner = prepare.organisations.by_key[name[0]]
                prepared = Environment(owner, name[1], environment.clock, self._keep)
            environment.replace_contents(prepared)
            self._environments[name] = environment
        if alone:  # the keys come last: they open what is complete
            self.keys = prepare.keys
        else:
            for key in prepare.keys:
                self.keys.put(key)

    def _end_environments(self, is_gone: Callable[[str], bool]) -> None:
        """Forget the environments of organisations that are gone, according to their ids."""
        for name in [each for each in self._environments if is_gone(each[0])]:
            self._environments.pop(name).end()
            self._clocks.pop(name[0], None)

    def _keep(self, change: Change) -> None:
        if self._database is not None:
            self._database.append(encode(change))

    def _apply(self, change: Change) -> None:
        for each in change.each():
            if each.org:
                self.environment(each.org, each.env).apply(each)  # type: ignore[arg-type]  # was written as an Env
            else:
                self._apply_to_all(each)

    def _apply_to_all(self, change: Change) -> None:
        """What concerns the whole server."""
        if change.cleared:
            self._environments.clear()
            self.organisations.clear()
            self.keys.clear()
        for organisation in change.put.get("organisations", ()):
            self.organisations.put(organisation)
        for key in change.put.get("keys", ()):
            self.keys.put(key)
        for hash in change.delete.get("keys", ()):
            self.keys.delete(hash)
        for org_id in change.delete.get("organisations", ()):
            self.organisations.delete(org_id)
            self._clocks.pop(org_id, None)
            self._end_environments(org_id.__eq__)

    # -- snapshots

    def snapshot(self, org_id: str | None = None) -> bytes:
        """One organisation, or all, as the bytes of a file at rest."""
        with self._lock, self._all_locked():
            tables = self._snapshot(org_id)
        return b"".join(file_pieces(0, documents_of(tables)))

    def restore(self, changes: Iterable[Change], rename: Mapping[str, str] | None = None) -> None:
        """Make the changes of a snapshot true, one after the other, on top of what is there; best on a :meth:`prepare`.

        With ``rename`` only what is of its organisations, put under the names they have here; the organisations and
        their keys are not touched then.
        """
        for change in changes:
            if rename is not None:
                if change.org not in rename:
                    continue
                change = msgspec.structs.replace(change, org=rename[change.org])
            with self._lock:
                self._keep(change)
                self._apply(change)

    def check(self, path: Path) -> None:
        """Raise :class:`DamagedFile`, which names ``path``, for records that name what is not there."""
        for environment in self._environments.values():
            check_references(environment, path)

    # -- resting

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the log is so large beside the file that a checkpoint costs little beside what was logged."""
        database = self._database
        return database is not None and database.log_size > max(_SMALL_LOG, 2 * database.file_size)

    def checkpoint(self) -> None:
        """Write everything to the file at rest and empty the log. Others are held up only while it begins."""
        database = self._database
        if database is None:
            return
        with self._lock, self._all_locked():
            tables = self._snapshot()
            database.begin_checkpoint()
        database.finish_checkpoint(documents_of(tables))

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()

    def _all_locked(self, further: Mapping[tuple[str, Env], Environment] = {}) -> ExitStack:
        """Hold the locks of all environments, and of ``further`` ones, acquired in the order of their names."""
        environments = {**self._environments, **further}
        stack = ExitStack()
        for name in sorted(environments):
            stack.enter_context(environments[name].lock)
        return stack

    def _snapshot(self, org_id: str | None = None) -> dict[str, list[tuple[bytes, list[Any]]]]:
        """The records of one organisation, or of all, as :mod:`autumn_mock.store.documents` wants them."""
        tables: dict[str, list[tuple[bytes, list[Any]]]] = {
            "organisations": [(b"{", [each for each in self.organisations if org_id in (None, each.id)])],
            "keys": [(b"{", [each for each in self.keys if org_id in (None, each.org_id)])],
        }
        for (org, env), environment in self._environments.items():
            if org_id not in (None, org):
                continue
            head = head_of(org, env)
            tables.setdefault("books", []).append((head, [environment.books]))
            for name, table in environment.tables.items():
                if len(table):
                    tables.setdefault(name, []).append((head, table.snapshot()))
        return tables

    def _load(self, database: Database, progress: Progress) -> None:
        with gc_paused():
            self._read(database, progress)
        database.forget_loaded()

    def _read(self, database: Database, progress: Progress) -> None:
        done, total = 0, sum(map(len, database.tables.values())) + len(database.entries)
        for change in changes_of(database.tables, database.path):
            done += sum(map(len, change.put.values())) or 1  # or it is books
            progress(done, total)
            try:
                self._apply(change)
            except _CORRUPT_RECORD_ERRORS as error:
                raise DamagedFile(database.path, f"table {next(iter(change.put), 'books')}", _why(error)) from error
        self.check(database.path)  # what follows in the log nobody can have edited
        kinds = kinds_of_tables()
        for number, payload in enumerate(database.entries, start=2):
            try:
                self._apply(decode(payload, kinds))
                progress(total - len(database.entries) + number - 1, total)
            except _CORRUPT_RECORD_ERRORS as error:
                raise DamagedFile(database.log_path, f"line {number}", _why(error)) from error
        for environment in self._environments.values():
            if not all(event.value.is_finite() for event in environment.events):
                raise DamagedFile(database.path, "table events", "a value is not a finite number")
            environment.events.merge()  # now, rather than in the first request


def _why(error: Exception) -> str:
    """What is wrong with a record that does not fit."""
    return f"there is no table {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
