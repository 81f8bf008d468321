"""Converts the documents of a file at rest to changes, and records to documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from autumn_mock.clock import Clock
from autumn_mock.domain.books import Books
from autumn_mock.domain.event import Event
from autumn_mock.domain.organisation import ApiKey, Organisation
from autumn_mock.store.changes import ENCODER, Change
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import DamagedFile
from autumn_mock.store.interning import read_events
from autumn_mock.store.tinyfile import DECODER, Documents, decoder_of

#: Records of one change at most, which bounds the lines of a log.
_LARGEST = 2000
#: Tables of the whole server; they are read first.
_SERVER = ("organisations", "keys")

Tables = Mapping[str, Documents]
#: Table name to the records of each environment, each with the JSON that names the environment.
Parts = Mapping[str, list[tuple[bytes, list[Any]]]]


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
    for name in _SERVER:
        records = list(_records(path, name, tables.get(name, Documents()), kinds[name]))
        if records:
            yield Change(put={name: records})
    known = {document.get("id") for document in tables.get("organisations", Documents()).values()}
    if any(document.get("org_id") not in known for document in tables.get("keys", Documents()).values()):
        raise DamagedFile(path, "table keys", "a key belongs to no organisation")
    for name, documents in tables.items():
        if name in kinds and name not in _SERVER:
            yield from _changes_of_table(path, name, documents, kinds[name], known)


def _changes_of_table(
    path: Path, name: str, documents: Documents, kind: type[Any], known: set[Any]
) -> Iterator[Change]:
    open_changes: dict[tuple[str, str], Change] = {}
    for owner, record in zip(_owners(path, name, documents, known), _records(path, name, documents, kind), strict=True):
        if name == "books":
            yield Change(*owner, books=record)
            continue
        change = open_changes.get(owner)
        if change is None:
            change = open_changes[owner] = Change(*owner, {name: []})
        records = change.put[name]
        records.append(record)
        if len(records) >= _LARGEST:
            yield open_changes.pop(owner)
    yield from open_changes.values()


def _owners(path: Path, table: str, documents: Documents, known: set[Any]) -> Iterator[tuple[str, str]]:
    """The organisation and environment of each document."""
    head, owner = b"", ("", "")
    for raw in documents.raw:
        content = bytes(raw)
        if not head or not content.startswith(head):  # most have the environment of the one before
            owner = _owner(path, table, DECODER.decode(content), known)
            head = head_of(*owner) + b","
            if not content.startswith(head):
                head = b""
        yield owner


def _owner(path: Path, table: str, document: dict[str, Any], known: set[Any]) -> tuple[str, str]:
    try:
        org, env = document["org"], document["env"]
    except KeyError as error:
        raise DamagedFile(path, f"table {table}", f"a document has no field {error.args[0]}") from error
    if not isinstance(org, str) or org not in known or env not in ("sandbox", "live"):
        raise DamagedFile(path, f"table {table}", f"a document belongs to no organisation: {org!r} {env!r}")
    return org, env


def _records(path: Path, table: str, documents: Documents, kind: type[Any]) -> Iterator[Any]:
    try:
        yield from (
            read_events(documents.raw, _DECODERS[Event])
            if kind is Event
            else map(_DECODERS[kind].decode, documents.raw)
        )
    except msgspec.ValidationError as error:
        raise DamagedFile(path, f"table {table}", str(error)) from error


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
