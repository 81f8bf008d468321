"""The whole state: organisations, keys, and an environment for each pair that was ever used.

It is held in memory. With a database every change is appended to the log before it is committed, and
:meth:`State.checkpoint` writes everything to the file at rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args

import msgspec

from autumn_mock.clock import Clock
from autumn_mock.domain.organisation import ApiKey, ClockState, Env, Organisation
from autumn_mock.domain.payment import PaymentMode
from autumn_mock.locks import Level
from autumn_mock.store import checks
from autumn_mock.store.changes import Change, decode, encode
from autumn_mock.store.clocks import TABLE, Clocks, noted
from autumn_mock.store.database import Database
from autumn_mock.store.documents import changes_of, documents_of, head_of, kinds_of_tables
from autumn_mock.store.environment import Environment, Listener, WebhookWriter
from autumn_mock.store.errors import DamagedFile, NoSuchOrganisation
from autumn_mock.store.fair_lock import FairLock
from autumn_mock.store.references import check_references
from autumn_mock.store.tables import Table
from autumn_mock.store.tinyfile import file_pieces

#: Bytes of a log below which no checkpoint is made.
_SMALL_LOG = 64 << 20
#: Raised by a record that no version of this program wrote: invalid JSON or text, nested too deep, of an unknown table
#: or organisation, with an impossible amount.
_CORRUPT_RECORD_ERRORS = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    LookupError,
    ArithmeticError,
)


#: Called with the numbers of records read so far, and in total.
Progress = Callable[[int, int], None]


def no_progress(_done: int, _total: int) -> None:
    """The default: progress is not reported."""


class State:
    """All environments, on top of a database or of nothing. ``keeps_clock``: set ``clock`` as the database has it."""

    def __init__(
        self,
        clock: Clock,
        database: Database | None = None,
        progress: Progress = no_progress,
        payments: PaymentMode = "page",
        *,
        keeps_clock: bool = True,
    ) -> None:
        self.clock = clock
        self._database = database
        self._payments = payments
        self._lock = FairLock(level=Level.STATE)
        self.organisations: Table[Organisation] = Table(Organisation, attrgetter("id"))
        self.keys: Table[ApiKey] = Table(ApiKey, attrgetter("hash"), owner="org_id")
        #: The state that this one was prepared for: what is not here is read there.
        self._base: State | None = None
        self._environments: dict[tuple[str, Env], Environment] = {}
        self._clocks = Clocks(clock, self._keep if database is not None else None)
        self._webhooks_to: Callable[[str], Listener | None] = lambda _: None
        self._webhook_writer: WebhookWriter | None = None
        if database is not None:
            self._read(database, progress, keeps_clock)
            database.forget_loaded()

    def __repr__(self) -> str:
        return f"<State {len(self.organisations)} organisations, {len(self._environments)} environments>"

    # -- lookup

    def environments(self, org_id: str | None = None) -> list[Environment]:
        """Every environment in use, of one organisation or of all."""
        with self._lock:
            names = self._environments if org_id is None else _names_of(org_id)
            return [self._environments[name] for name in names if name in self._environments]

    def organisation(self, org_id: str) -> Organisation | None:
        """An organisation; None if there is none."""
        found = self.organisations.get(org_id)
        return found if found is not None or self._base is None else self._base.organisation(org_id)

    def has_key(self, hash: str) -> bool:
        """Whether there is a key with a hash."""
        return hash in self.keys or (self._base is not None and self._base.has_key(hash))

    def environment(self, org_id: str, env: Env) -> Environment:
        """The environment of an organisation; it starts empty. :class:`NoSuchOrganisation` when there is none."""
        found = self._environments.get((org_id, env))
        if found is None:
            with self._lock:
                found = self._environments.get((org_id, env))
                if found is None:
                    organisation = self.organisation(org_id)
                    if organisation is None:
                        raise NoSuchOrganisation(org_id)
                    found = self._environments[org_id, env] = self._new_environment(organisation, env)
        return found

    def _new_environment(self, organisation: Organisation, env: Env) -> Environment:
        environment = Environment(organisation, env, self.clock_of(organisation.id), self._keep)
        environment.payments = self._payments
        self._watch(environment)
        return environment

    def _watch(self, environment: Environment) -> None:
        environment.listener = self._webhooks_to(environment.name[0])
        environment.writer = self._webhook_writer

    def clock_of(self, org_id: str) -> Clock:
        """An organisation's own clock."""
        with self._lock:
            return self._clocks.of(org_id, self._base._clocks.known(org_id) if self._base is not None else None)

    def on_clock_move(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever the clock of the server or of an organisation is moved."""
        with self._lock:
            self._clocks.on_move(listener)

    def on_webhooks(self, listener_of: Callable[[str], Listener | None], writer: WebhookWriter | None = None) -> None:
        """Send the webhooks of every environment to what ``listener_of`` returns for the id of its organisation.

        ``writer`` writes those that show whole customers.
        """
        with self._lock:
            self._webhooks_to, self._webhook_writer = listener_of, writer
            for environment in self._environments.values():
                self._watch(environment)

    # -- changes

    def add(self, organisation: Organisation, keys: Iterable[ApiKey]) -> None:
        """Add an organisation and its keys."""
        with self._lock:
            change = Change(put={"organisations": [organisation], "keys": list(keys)})
            self._keep(change)
            self._apply(change)

    def change(self, organisation: Organisation) -> None:
        """Replace the record of an organisation."""
        with self._lock:
            change = Change(put={"organisations": [organisation]})
            self._keep(change)
            self._apply(change)

    def remove(self, org_id: str) -> None:
        """Delete an organisation with its keys and all its data."""
        with self._lock, self._locked(each.name for each in self.environments(org_id)):
            change = Change(delete={"organisations": [org_id], "keys": list(self.keys.of(org_id))})
            self._keep(change)
            self._apply(change)

    def prepare(self) -> State:
        """A state in memory in which new data is prepared for :meth:`adopt`.

        It knows the organisations, the keys and the time of this one, and holds nothing itself.
        """
        prepared = State(Clock(self.clock.now), payments=self._payments)
        prepared._base = self
        return prepared

    def adopt(self, prepared: State, *, alone: bool = False) -> dict[str, int]:
        """Take over what was prepared: organisations, keys, and environments in the place of those that are here.

        ``alone``: delete everything else. Without it, other organisations are neither copied nor locked. The prepared
        state must not be used afterwards, and no organisation may have been added or removed since it was made. Returns
        the number of records by table that were replaced.

        It is atomic for readers, and after a crash it has happened completely or not at all; an ``OSError`` changes
        nothing.
        """
        parts = [each.as_change() for each in prepared._environments.values()]
        with self._lock:
            names = dict.fromkeys([*self._environments, *prepared._environments] if alone else prepared._environments)
            owners = {(org, env): prepared.organisation(org) for org, env in names}
            # Those that are new are published last, complete.
            targets = {
                name: self._environments.get(name) or self._new_environment(owner, name[1])
                for name, owner in owners.items()
                if owner is not None
            }
            with self._locked(self._environments if alone else (), targets):
                change = self._adoption(prepared, parts, alone)
                if change is None:
                    return {}
                self._keep(change)
                replaced: Counter[str] = Counter()
                for environment in (self._environments[name] for name in names if name in self._environments):
                    replaced.update({name: len(table) for name, table in environment.tables.items()})
                self._take_over(prepared, targets, alone)
                return dict(replaced)

    def _adoption(self, prepared: State, parts: list[Change], alone: bool) -> Change | None:
        """The change that :meth:`adopt` makes; None if it is empty."""
        put: dict[str, list[Any]] = {}
        for name, theirs, ours in (
            ("organisations", prepared.organisations, self.organisations),
            ("keys", prepared.keys, self.keys),
        ):
            new = [each for key, each in theirs.by_key.items() if alone or ours.by_key.get(key) is not each]
            if new:
                put[name] = new
        return Change(put=put, parts=parts, cleared=alone) if put or parts or alone else None

    def _take_over(self, prepared: State, targets: Mapping[tuple[str, Env], Environment], alone: bool) -> None:
        if alone:
            self.organisations = prepared.organisations
            for org_id in {name[0] for name in self._environments if name[0] not in prepared.organisations}:
                self._end_environments(org_id)
        else:
            for organisation in prepared.organisations:
                self.organisations.put(organisation)
        for name, environment in targets.items():
            contents = prepared._environments.get(name)
            if contents is None:
                contents = Environment(environment.organisation, name[1], environment.clock, self._keep)
            environment.replace_contents(contents)
            self._environments[name] = environment
        if alone:  # the keys come last: they open what is complete
            self.keys = prepared.keys
        else:
            for key in prepared.keys:
                self.keys.put(key)

    def _end_environments(self, org_id: str) -> None:
        """End the environments of a removed organisation."""
        for name in _names_of(org_id):
            environment = self._environments.pop(name, None)
            if environment is not None:
                environment.end()
        self._clocks.end(org_id)

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
        """Apply a change to the tables of the whole server."""
        if change.cleared:
            self._environments.clear()
            self.organisations.clear()
            self.keys.clear()
        for organisation in change.put.get("organisations", ()):
            self.organisations.put(organisation)
            for environment in self.environments(organisation.id):
                environment.organisation = organisation
        for key in change.put.get("keys", ()):
            self.keys.put(key)
        for hash in change.delete.get("keys", ()):
            self.keys.delete(hash)
        for org_id in change.delete.get("organisations", ()):
            self.organisations.delete(org_id)
            self._end_environments(org_id)

    # -- snapshots

    def snapshot(self, org_id: str | None = None) -> Iterator[bytes]:
        """One organisation, or all, as a file at rest, without clocks and last use, encoded piece by piece."""
        with self._lock, self._locked(each.name for each in self.environments(org_id)):
            tables = self._snapshot(org_id)
        [(head, known)] = tables["organisations"]
        tables["organisations"] = [(head, [msgspec.structs.replace(each, last_used=None) for each in known])]
        return file_pieces(0, documents_of(tables))

    def restore(self, changes: Iterable[Change], rename: Mapping[str, str] | None = None) -> None:
        """Apply the changes of a snapshot on top of the present state, usually of a prepared one.

        With ``rename``: only those of its organisations, under their new ids. Organisations and keys stay as they are.
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
        """Raise :class:`DamagedFile`, which names ``path``, for records that refer to a missing record."""
        for environment in self._environments.values():
            check_references(environment, path)

    # -- database

    @property
    def wants_checkpoint(self) -> bool:
        """True if files are missing, or if a checkpoint costs little compared with writing a log of that size."""
        database = self._database
        if database is None:
            return False
        return database.notice_missing_files() or database.log_size > max(_SMALL_LOG, 2 * database.file_size)

    def checkpoint(self) -> None:
        """Write everything to the file at rest and empty the log. Other threads wait only while it begins."""
        database = self._database
        if database is None:
            return
        with self._lock, self._locked(self._environments):
            tables = self._snapshot()
            database.begin_checkpoint()
        clocks = self._clocks.states()  # after that: a clock that is moved from now on is in the next log
        if clocks:
            tables[TABLE] = [(b"{", clocks)]
        database.finish_checkpoint(documents_of(tables))

    def close(self) -> None:
        """Close the database."""
        if self._database is not None:
            self._database.close()

    def _locked(
        self, names: Iterable[tuple[str, Env]], further: Mapping[tuple[str, Env], Environment] = {}
    ) -> ExitStack:
        """Hold the locks of environments, and of ``further`` ones, acquired in the order of their names."""
        environments = {**{name: self._environments[name] for name in names}, **further}
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
            tables.setdefault("books", []).append((head, [environment.counters]))
            for name, table in environment.tables.items():
                if len(table):
                    tables.setdefault(name, []).append((head, table.snapshot()))
        return tables

    def _read(self, database: Database, progress: Progress, keeps_clock: bool) -> None:
        clocks: dict[str, ClockState] = {}
        done, total = 0, sum(map(len, database.tables.values())) + len(database.entries)
        for change in changes_of(database.tables, database.path):
            done += sum(map(len, change.put.values())) or 1  # or it is counters
            progress(done, total)
            noted([change], clocks)
            try:
                self._apply(change)
            except _CORRUPT_RECORD_ERRORS as error:
                raise DamagedFile(database.path, f"table {next(iter(change.put), 'books')}", _why(error)) from error
        self.check(database.path)  # changes in the log have checksums
        kinds = kinds_of_tables()
        for number, payload in enumerate(database.entries, start=2):
            try:
                change = decode(payload, kinds)
                for part in change.each():
                    why = checks.problem(part.put.get("events", ()))
                    if why is not None:
                        raise DamagedFile(database.log_path, f"line {number}", why)
                self._apply(change)
                noted(change.each(), clocks)
                progress(total - len(database.entries) + number - 1, total)
            except _CORRUPT_RECORD_ERRORS as error:
                raise DamagedFile(database.log_path, f"line {number}", _why(error)) from error
        known = (each for each in clocks.values() if not each.org or each.org in self.organisations)
        self._clocks.restore(known, server=keeps_clock)
        for environment in self._environments.values():
            environment.events.timeline().merge()  # now, rather than in the first request; a customer's takes no time


def _names_of(org_id: str) -> Iterator[tuple[str, Env]]:
    """The names of the environments that an organisation may have."""
    for env in get_args(Env):
        yield org_id, env


def _why(error: Exception) -> str:
    """What is wrong with a corrupt record."""
    return f"there is no table {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
