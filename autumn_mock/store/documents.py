"""Converts the documents of a file at rest to changes, and records to documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from autumn_mock.clock import Clock
from autumn_mock.domain.books import Books
from autumn_mock.domain.event import Event
from autumn_mock.domain.organisation import ApiKey, Env, Organisation
from autumn_mock.store import checks
from autumn_mock.store.changes import ENCODER, Change
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import DamagedFile
from autumn_mock.store.interning import read_events
from autumn_mock.store.tinyfile import Documents, decoder_of

#: Records of one change at most, which bounds the lines of a log.
_LARGEST = 2000
#: Raised by a document that is not a record: of other types, out of range, with too many digits,
#: or with a signalling NaN, which has no hash.
_INVALID = (msgspec.MsgspecError, ValueError, RecursionError, TypeError)
#: Tables of the whole server; they are read first.
_SERVER = ("organisations", "keys")

Tables = Mapping[str, Documents]
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
    return {**kinds, "organisations": Organisation, "keys": ApiKey, "books": Books}


#: Built when this module is imported, in one thread: msgspec crashes when two threads first use a type at the same time
#: (0.22). That covers what records consist of, for the conversions of other modules, too.
_DECODERS = {kind: decoder_of(kind) for kind in kinds_of_tables().values()}


def changes_of(tables: Tables, path: Path) -> Iterator[Change]:
    """The changes that build a state from these tables, organisations first. Unknown tables are ignored.

    Raises :class:`~autumn_mock.store.errors.DamagedFile`, which names ``path``, for an invalid document.
    """
    kinds = kinds_of_tables()
    found = {name: tables.get(name, Documents()) for name in _SERVER}
    organisations, keys = (list(_records(path, name, documents, kinds[name])) for name, documents in found.items())
    known = {each.id for each in organisations}
    for (number, _), key in zip(found["keys"].raw_items(), keys, strict=True):
        if key.org_id not in known:
            why = f"document {number}: org_id {key.org_id!r} is the id of no organisation"
            raise DamagedFile(path, "table keys", why)
    for name, records in zip(_SERVER, (organisations, keys), strict=True):
        if records:
            yield Change(put={name: records})
    for name, documents in tables.items():
        if name in kinds and name not in _SERVER:
            yield from _changes_of_table(path, name, documents, kinds[name], known)


def _changes_of_table(
    path: Path, name: str, documents: Documents, kind: type[Any], known: set[Any]
) -> Iterator[Change]:
    open_changes: dict[tuple[str, str], Change] = {}
    change, its_owner = None, ("", "")
    for owner, record in zip(_owners(path, name, documents, known), _records(path, name, documents, kind), strict=True):
        if name == "books":
            yield Change(*owner, books=record)
            continue
        if owner is not its_owner or change is None:
            change, its_owner = open_changes.setdefault(owner, Change(*owner, {name: []})), owner
            records = change.put[name]
        records.append(record)
        if len(records) >= _LARGEST:
            yield open_changes.pop(owner)
            change = None
    yield from open_changes.values()


def _owners(path: Path, table: str, documents: Documents, known: set[str]) -> Iterator[tuple[str, str]]:
    """The organisation and environment of each document."""
    head, owner = b"", ("", "")
    for number, raw in documents.raw_items():
        content = bytes(raw)
        if not head or not content.startswith(head):  # most have the environment of the one before
            try:
                found = _OWNER.decode(content)
            except _INVALID as error:
                raise DamagedFile(path, f"table {table}", f"document {number}: {error}") from error
            if found.org not in known:
                why = f"document {number}: org {found.org!r} is the id of no organisation"
                raise DamagedFile(path, f"table {table}", why)
            owner = (found.org, found.env)
            head = head_of(*owner) + b","
            if not content.startswith(head):
                head = b""
        yield owner


def _records(path: Path, table: str, documents: Documents, kind: type[Any]) -> Iterator[Any]:
    """The records of a table, checked. After a mistake each is checked again, to name the first."""
    decoder = _DECODERS[kind]
    decoded = read_events(documents.raw, decoder) if kind is Event else map(decoder.decode, documents.raw)
    while True:
        try:
            records = list(islice(decoded, _LARGEST))
            is_fine = checks.problem(records) is None
        except _INVALID:
            is_fine = False
        if not is_fine:
            raise _damage(path, table, documents, kind)
        if not records:
            return
        yield from records


def _damage(path: Path, table: str, documents: Documents, kind: type[Any]) -> DamagedFile:
    """The error that names the first invalid document of a table."""
    decode = _DECODERS[kind].decode
    for number, raw in documents.raw_items():
        try:
            why = checks.problem([decode(raw)])
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
