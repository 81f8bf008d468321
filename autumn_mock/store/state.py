"""The whole state: organisations, keys, and an environment for each pair that was ever used.

Lives in memory. With a database every change is appended to its log before the change counts as made, and
:meth:`State.checkpoint` writes everything to the file at rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from operator import attrgetter
from typing import Any

import msgspec

from autumn_mock.clock import Clock
from autumn_mock.domain.organisation import ApiKey, Env, Organisation
from autumn_mock.store.changes import Change, decode, encode
from autumn_mock.store.database import Database
from autumn_mock.store.documents import changes_of, documents_of, kinds_of_tables
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import DamagedFile
from autumn_mock.store.tables import Table
from autumn_mock.store.tinyfile import file_pieces

#: A log smaller than this is not worth a checkpoint.
_SMALL_LOG = 8 << 20
#: What a record raises that no version of this program wrote: no JSON, no text, too deep; a table, an organisation or
#: an amount that cannot be.
_MISFITS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AssertionError, LookupError, ArithmeticError)


class State:
    """All environments, on top of a database or of nothing."""

    def __init__(self, clock: Clock, database: Database | None = None) -> None:
        self.clock = clock
        self._database = database
        self._lock = threading.RLock()
        self.organisations: Table[Organisation] = Table(Organisation, attrgetter("id"))
        self.keys: Table[ApiKey] = Table(ApiKey, attrgetter("hash"))
        self._environments: dict[tuple[str, str], Environment] = {}
        self._clocks: dict[str, Clock] = {}
        self._clock_listener: Callable[[], None] | None = None
        if database is not None:
            self._load(database)

    def __repr__(self) -> str:
        return f"<State {len(self.organisations)} organisations, {len(self._environments)} environments>"

    # -- finding

    def environments(self, org_id: str | None = None) -> list[Environment]:
        """Every environment in use, of one organisation or of all."""
        with self._lock:
            return [each for (org, _), each in self._environments.items() if org_id in (None, org)]

    def environment(self, org_id: str, env: Env) -> Environment:
        """The environment of an organisation; it starts empty."""
        found = self._environments.get((org_id, env))
        if found is None:
            with self._lock:
                found = self._environments.get((org_id, env))
                if found is None:
                    organisation = self.organisations.get(org_id)
                    assert organisation is not None, f"organisation {org_id} is unknown"
                    found = Environment(organisation, env, self.clock_of(org_id), self._keep)
                    self._environments[org_id, env] = found
        return found

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

    # -- changing

    def add(self, organisation: Organisation, keys: Iterable[ApiKey]) -> None:
        """Make an organisation known, and the keys that open it."""
        with self._lock:
            change = Change(put={"organisations": [organisation], "keys": list(keys)})
            self._keep(change)
            self._apply(change)

    def remove(self, org_id: str) -> None:
        """Forget an organisation, its keys and all that is theirs."""
        with self._lock:
            keys = [key.hash for key in self.keys if key.org_id == org_id]
            change = Change(delete={"organisations": [org_id], "keys": keys})
            for environment in self.environments(org_id):
                self.clear_environment(environment)
            self._keep(change)
            self._apply(change)

    def clear(self) -> dict[str, int]:
        """Forget everything but the organisations' clocks; says how much of each there was."""
        with self._lock, self._all_locked():
            self._keep(Change(cleared=True))
            cleared: dict[str, int] = {}
            for environment in self._environments.values():
                for name, count in environment.clear().items():
                    cleared[name] = cleared.get(name, 0) + count
            self._environments.clear()
            self.organisations.clear()
            self.keys.clear()
            return cleared

    def clear_environment(self, environment: Environment) -> dict[str, int]:
        """Empty one environment; says how much of each there was."""
        with environment.lock:
            org, env = environment.name
            self._keep(Change(org, env, cleared=True))
            return environment.clear()

    def _keep(self, change: Change) -> None:
        if self._database is not None:
            self._database.append(encode(change))

    def _apply(self, change: Change) -> None:
        if change.org:
            self.environment(change.org, change.env).apply(change)  # type: ignore[arg-type]  # was written as an Env
            return
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
            for name in [each for each in self._environments if each[0] == org_id]:
                del self._environments[name]

    # -- snapshots

    def snapshot(self, org_id: str | None = None) -> bytes:
        """One organisation, or all, as the bytes of a file at rest."""
        with self._lock, self._all_locked():
            tables = self._snapshot(org_id)
        return b"".join(file_pieces(0, documents_of(tables)))

    def restore(self, changes: Iterable[Change], rename: Mapping[str, str] | None = None) -> None:
        """Make the changes of a snapshot true, on top of what is there. With ``rename`` only what is of its
        organisations, put under the names they have here; the organisations and their keys are not touched then."""
        for change in changes:
            if rename is not None:
                if change.org not in rename:
                    continue
                change = msgspec.structs.replace(change, org=rename[change.org])
            with self._lock:
                self._keep(change)
                self._apply(change)

    # -- resting

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the log outgrew the file, so that a checkpoint costs no more than what was logged."""
        database = self._database
        return database is not None and database.log_size > max(_SMALL_LOG, database.file_size)

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

    def _all_locked(self) -> ExitStack:
        stack = ExitStack()
        for name in sorted(self._environments):
            stack.enter_context(self._environments[name].lock)
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
            head = msgspec.json.encode({"org": org, "env": env})[:-1]
            tables.setdefault("books", []).append((head, [environment.books]))
            for name, table in environment.tables.items():
                if len(table):
                    tables.setdefault(name, []).append((head, table.snapshot()))
        return tables

    def _load(self, database: Database) -> None:
        for change in changes_of(database.tables, database.path):
            try:
                self._apply(change)
            except _MISFITS as error:
                raise DamagedFile(database.path, f"table {next(iter(change.put), 'books')}", _why(error)) from error
        kinds = kinds_of_tables()
        for number, payload in enumerate(database.entries, start=2):
            try:
                self._apply(decode(payload, kinds))
            except _MISFITS as error:
                raise DamagedFile(database.log_path, f"line {number}", _why(error)) from error
        database.forget_loaded()


def _why(error: Exception) -> str:
    """What is wrong with a record that does not fit."""
    return f"there is no table {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
