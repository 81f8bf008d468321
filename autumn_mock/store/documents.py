"""Converts the documents of a file at rest to changes, and records to documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import methodcaller
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from autumn_mock.clock import Clock
from autumn_mock.domain.event import Event
from autumn_mock.domain.message import ItemCounters
from autumn_mock.domain.organisation import ApiKey, ClockState, Env, Organisation
from autumn_mock.locks import Level, new_lock
from autumn_mock.store import checks
from autumn_mock.store.changes import ENCODER, Change
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import DamagedFile
from autumn_mock.store.tinyfile import Documents, decoder_of

#: Records of one change at most, which bounds the lines of a log.
_RECORDS_OF_A_CHANGE = 2000
#: Raised by a document that is not a record: of other types, out of range, with too many digits,
#: or with a signalling NaN, which has no hash.
_INVALID = (msgspec.MsgspecError, ValueError, RecursionError, TypeError)
#: Tables of the whole server; they are read first.
_SERVER = ("organisations", "keys", "clocks")

Tables = Mapping[str, Documents]
#: A document, with its id.
_Item = tuple[str, Raw]
#: The owners that some documents name; None where they were not decoded with the records.
_Named: TypeAlias = set[tuple[str, str]] | None
#: Table name to the records of each environment, each with the JSON that names the environment.
Parts = Mapping[str, list[tuple[bytes, list[Any]]]]


class _Owner(msgspec.Struct):
    """The environment that a document names. Its other fields are skipped."""

    org: str
    env: Env


_OWNER = msgspec.json.Decoder(_Owner)


def kinds_of_tables() -> dict[str, type[Any]]:
    """The type of the records of each table."""
    nowhere = Environment(Organisation(id="", name="", slug="", created_at=0), "sandbox", Clock(), lambda _: None)
    kinds: dict[str, type[Any]] = {name: table.kind for name, table in nowhere.tables.items()}
    return {**kinds, "organisations": Organisation, "keys": ApiKey, "clocks": ClockState, "books": ItemCounters}


#: Built for the first documents that are read, which a server without a database need not wait for. With the lock held:
#: msgspec crashes when two threads first use a type at the same time (0.22).
_DECODERS: dict[type[Any], msgspec.json.Decoder[Any]] = {}
_building = new_lock(Level.DECODERS)


def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    with _building:
        if not _DECODERS:
            found = {each: decoder_of(each) for each in kinds_of_tables().values()}
            from autumn_mock.store import interning  # noqa: F401  # its decoders, too

            _DECODERS.update(found)
    return _DECODERS[kind]


def changes_of(tables: Tables, path: Path) -> Iterator[Change]:
    """The changes that build a state from these tables, organisations first. Unknown tables are ignored.

    Raises :class:`~autumn_mock.store.errors.DamagedFile`, which names ``path``, for an invalid document.
    """
    kinds = kinds_of_tables()
    found = {name: tables.get(name, Documents()) for name in _SERVER}
    organisations, keys, clocks = (
        [record for _, records, _ in _records(path, name, documents, kinds[name]) for record in records]
        for name, documents in found.items()
    )
    known = {each.id for each in organisations}
    for (number, _), key in zip(found["keys"].raw_items(), keys, strict=True):
        if key.org_id not in known:
            why = f"document {number}: org_id {key.org_id!r} is the id of no organisation"
            raise DamagedFile(path, "table keys", why)
    for name, records in zip(_SERVER, (organisations, keys, clocks), strict=True):
        if records:
            yield Change(put={name: records})
    for name, documents in tables.items():
        if name in kinds and name not in _SERVER:
            yield from _changes_of_table(path, name, documents, kinds[name], known)


def _changes_of_table(
    path: Path, name: str, documents: Documents, kind: type[Any], known: set[Any]
) -> Iterator[Change]:
    open_changes: dict[tuple[str, str], Change] = {}
    owners = _Owners(path, name, known)
    for items, records, named in _records(path, name, documents, kind):
        owner = owners.common(items, named)
        if owner is not None and name != "books":
            if owner in open_changes:
                yield open_changes.pop(owner)
            yield Change(*owner, {name: records})
            continue
        for (number, raw), record in zip(items, records, strict=True):
            owner = owners.of(number, raw)
            if name == "books":
                yield Change(*owner, counters=record)
                continue
            change = open_changes.setdefault(owner, Change(*owner, {name: []}))
            change.put[name].append(record)
            if len(change.put[name]) >= _RECORDS_OF_A_CHANGE:
                yield open_changes.pop(owner)
    yield from open_changes.values()


class _Owners:
    """The organisation and environment of each document of a table."""

    def __init__(self, path: Path, table: str, known: set[str]) -> None:
        self._path = path
        self._table = table
        self._known = known
        #: How documents with the owner of the last one begin; empty when it was written in another way.
        self._head = b""
        self._owner = ("", "")

    def common(self, items: Sequence[_Item], named: _Named) -> tuple[str, str] | None:
        """The owner of all of some documents; None when they are of several, or not known to be of one."""
        owner = self.of(*items[0])
        if named is not None:
            return owner if len(named) == 1 else None
        same = methodcaller("startswith", self._head)
        return owner if self._head and all(map(same, [bytes(raw) for _, raw in items])) else None

    def of(self, number: str, raw: Raw) -> tuple[str, str]:
        """The owner of a document."""
        content = bytes(raw)
        if self._head and content.startswith(self._head):  # most have the environment of the one before
            return self._owner
        place = f"table {self._table}"
        try:
            found = _OWNER.decode(content)
        except _INVALID as error:
            raise DamagedFile(self._path, place, f"document {number}: {error}") from error
        if found.org not in self._known:
            why = f"document {number}: org {found.org!r} is the id of no organisation"
            raise DamagedFile(self._path, place, why)
        self._owner = (found.org, found.env)
        head = head_of(*self._owner) + b","
        self._head = head if content.startswith(head) else b""
        return self._owner


def _records(
    path: Path, table: str, documents: Documents, kind: type[Any]
) -> Iterator[tuple[Sequence[_Item], list[Any], _Named]]:
    """Documents in parts, each with its records, checked. After a mistake each is checked again, to name the first."""
    read = _reader(kind)
    items = iter(documents.raw_items())
    while some := list(islice(items, _RECORDS_OF_A_CHANGE)):
        try:
            records, named, problem = read([raw for _, raw in some])
        except _INVALID as error:
            problem = str(error)
        if problem is not None:
            raise _damage(path, table, documents, kind)
        yield some, records, named


def _reader(kind: type[Any]) -> Callable[[list[Raw]], tuple[list[Any], _Named, str | None]]:
    """Reads records of a kind: the records, the owners that were decoded with them, and what is wrong with a value."""
    decode = _decoder(kind).decode
    if kind is Event:
        from autumn_mock.store.interning import EventReader

        return EventReader().read

    def read(documents: list[Raw]) -> tuple[list[Any], _Named, str | None]:
        records = [*map(decode, documents)]
        return records, None, checks.problem(records)

    return read


def _damage(path: Path, table: str, documents: Documents, kind: type[Any]) -> DamagedFile:
    """The error that names the first invalid document of a table."""
    decode = _decoder(kind).decode
    for number, raw in documents.raw_items():
        try:
            why = checks.problem([decode(raw)])
            if kind is Event:  # which is decoded together with its owner
                _OWNER.decode(raw)
        except _INVALID as error:
            why = str(error)
        if why is not None:
            return DamagedFile(path, f"table {table}", f"document {number}: {why}")
    raise AssertionError("an invalid document became valid")


def head_of(org: str, env: str) -> bytes:
    """The beginning of the documents of an environment: the JSON that names it, up to the fields of the record."""
    return msgspec.json.encode({"org": org, "env": env})[:-1]


def documents_of(parts: Parts) -> dict[str, Iterator[bytes]]:
    """The documents of each table, as JSON."""
    return {name: _documents(rows) for name, rows in parts.items()}


def _documents(rows: list[tuple[bytes, list[Any]]]) -> Iterator[bytes]:
    encode = ENCODER.encode
    for head, records in rows:
        beginning = head + b"," if len(head) > 1 else head
        for record in records:
            body = encode(record)
            yield beginning + body[1:] if body != b"{}" else head + b"}"
