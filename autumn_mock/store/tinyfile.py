"""The file at rest: a TinyDB file, read and written through :class:`FileStorage`, replaced as a whole.

The server opens it with ``TinyDB(path, storage=FileStorage)``; plain ``TinyDB(path)`` opens it as well. It is the JSON
of TinyDB's own storage, ``{table: {"1": document, ...}, ...}``, with one document on a line. The table ``_autumn_mock``
marks it as a file of this program::

    "_autumn_mock": {"1": {"format": 1, "generation": 7, "written_at": 1767225600000}}

Below that storage documents stay JSON until someone reads them: a million events are decoded once, straight into
records (:mod:`autumn_mock.store.documents`), and encoded while they are written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import msgspec
from msgspec import Raw, Struct
from tinydb import TinyDB
from tinydb.storages import Storage

from autumn_mock.clock import pause, stopwatch, wall_clock
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.errors import DamagedFile, ForeignFile, StoreError, UnsupportedFormat
from autumn_mock.store.fileutil import PRIVATE, beside, replace_file

FILE_FORMAT = 1
MARKER_TABLE = "_autumn_mock"

Document: TypeAlias = bytes | Raw | Mapping[str, Any]
"""A JSON object, encoded (without line breaks) or not."""

_BEGINNING = re.compile(rb'\s*\{\s*"' + MARKER_TABLE.encode() + b'"')
_BUFFER_BYTES = 1 << 20
#: Documents encoded between two pauses, which takes less than half a millisecond; and batches without a pause, at most.
_BATCH_SIZE, _MAX_BATCHES = 256, 64
#: Seconds of a pause, and the duration of a pause from which other threads count as computing.
_YIELD_S, _CONTENDED_S = 0.000_05, 0.002
_view: Callable[[Raw], Any] = memoryview
_first_byte = itemgetter(0)
_NON_ASCII = re.compile(r"[^\x00-\x7f]")


class _Marker(Struct):
    """``written_at`` is in milliseconds since 1970, for people only."""

    format: int
    generation: int
    written_at: int


class Documents(Mapping[str, dict[str, Any]]):
    """The documents of a table by id. They stay JSON (``raw``, in the order of the file) and are decoded on access."""

    __slots__ = ("_by_id",)

    def __init__(self, by_id: Mapping[str, Raw] = {}) -> None:
        self._by_id = by_id

    def __repr__(self) -> str:
        return f"Documents({dict(self)})"

    @property
    def raw(self) -> Iterable[Raw]:
        """The documents as JSON."""
        return self._by_id.values()

    def raw_items(self) -> Iterable[tuple[str, Raw]]:
        """Each id with its document as JSON."""
        return self._by_id.items()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __getitem__(self, document_id: str) -> dict[str, Any]:
        return DECODER.decode(self._by_id[document_id])  # type: ignore[no-any-return]  # an object, as read_tables checks


class _Table(Protocol):
    """What :meth:`FileStorage.write` needs of a table."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


class _Numbered:
    """Documents with the ids 1, 2, ...: made while they are written, so that no table has to be encoded at once."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = documents

    def items(self) -> Iterator[tuple[int, Document]]:
        """Each id with its document; may be iterated over once."""
        return enumerate(self._documents, start=1)


class Tables(Struct, frozen=True):
    """The documents of every table, in the order of the file, and the generation of the file."""

    generation: int
    tables: dict[str, Documents]


class FileStorage(Storage):
    """The storage for ``TinyDB(path, storage=FileStorage)``: a crash never leaves a file that is half written."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self._path = Path(os.path.realpath(path))  # a link to a database stays a link

    def read(self) -> dict[str, Any] | None:
        """The tables (:class:`Documents` by name), or None if the file is missing or empty.

        Raises :class:`DamagedFile` or :class:`ForeignFile` for a file that does not hold tables in JSON.
        """
        try:
            content = _content(self._path)
        except FileNotFoundError:
            return None
        except MemoryError:
            raise StoreError(f"{self._path} is larger than the memory that can be used; allow more") from None
        return dict(_read(content, self._path)) if content else None

    def write(self, data: Mapping[str, _Table]) -> None:
        """Replace the file. An ``OSError`` leaves the old one as it was."""
        replace_file(self._path, _json(data), draft=draft_of(self._path), sync=True, mode=PRIVATE)


def read_tables(path: str | os.PathLike[str]) -> Tables:
    """Read a file that ``write_tables`` wrote, whether or not TinyDB has rewritten it since.

    A file that is missing or empty (people ``touch`` files) is a new database, of generation 0.
    Otherwise: ``ForeignFile``, ``UnsupportedFormat``, or ``DamagedFile``.
    """
    path = Path(path)
    with TinyDB(path, storage=FileStorage) as file:
        tables = file.storage.read()
    return _checked(path, tables) if tables is not None else Tables(0, {})


def read_snapshot(content: bytes, path: Path) -> Tables:
    """The tables in the content of such a file; ``path`` is what errors call it."""
    return _checked(path, _read(content, path))


def write_tables(path: str | os.PathLike[str], generation: int, tables: Mapping[str, Iterable[Document]]) -> None:
    """Replace the file by one with these tables. An ``OSError`` leaves the old one as it was."""
    with TinyDB(path, storage=FileStorage) as file:
        cast("FileStorage", file.storage).write(_marked(generation, tables))


def file_pieces(generation: int, tables: Mapping[str, Iterable[Document]]) -> Iterator[bytes]:
    """The content of a file with these tables, piece by piece."""
    return _json(_marked(generation, tables))


def draft_of(path: Path) -> Path:
    """The next file, until it is complete."""
    return beside(path, ".tmp")


def is_ours(path: Path) -> bool:
    """Whether a file begins like one of ours, whatever it is called."""
    try:
        with path.open("rb") as file:
            return _BEGINNING.match(file.read(256)) is not None
    except OSError:
        return False


# -- reading


def _content(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:  # a buffered file copies all that it reads once more
        beginning = file.read(256).lstrip()
        if beginning and not beginning.startswith(b"{"):  # before all of a large file is read
            raise ForeignFile(path, "it is not JSON")
        file.seek(0)
        return file.readall()


def _read(content: bytes, path: Path) -> dict[str, Documents]:
    try:
        if not content.isascii():
            content.decode()  # the skeleton does not check the encoding of what it skips
        tables = _SKELETON.decode(content)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, content) from error
    return {name: Documents(table) for name, table in tables.items()}


def _checked(path: Path, tables: Mapping[str, Documents]) -> Tables:
    """The tables of a file that must be ours, without the marker."""
    generation = _generation(path, tables)
    for name, documents in tables.items():
        if not set(map(_first_byte, map(_view, documents.raw))) <= set(b"{"):
            raise _not_documents(path, name)
    return Tables(generation, {name: documents for name, documents in tables.items() if name != MARKER_TABLE})


def _unreadable(path: Path, content: bytes) -> Exception:
    """The error for content that is not made of tables, or not even JSON."""
    try:
        tables = _decoded(path, content)
        _generation(path, tables)
    except StoreError as error:
        return error
    return _not_documents(
        path, next((name for name, table in tables.items() if not isinstance(table, dict)), MARKER_TABLE)
    )


def _not_documents(path: Path, name: str) -> DamagedFile:
    return DamagedFile(path, f'table "{name}"', "it is not a table of documents")


# -- writing


def _marked(generation: int, tables: Mapping[str, Iterable[Document]]) -> dict[str, _Numbered]:
    if MARKER_TABLE in tables:
        raise ValueError(f"the table name {MARKER_TABLE} is reserved")
    marker = _Marker(FILE_FORMAT, generation, written_at=wall_clock())
    marked: dict[str, Iterable[Document]] = {MARKER_TABLE: [ENCODER.encode(marker)], **tables}
    return {name: _Numbered(documents) for name, documents in marked.items()}


def _json(tables: Mapping[str, _Table]) -> Iterator[bytes]:
    """The text of the file, a batch of documents at a time."""
    yield b"{"
    before_table = b"\n"
    yielder = _GilYielder()
    for name, table in tables.items():
        yield before_table + _ascii(ENCODER.encode(name)) + b": {"
        before_table = b",\n"
        before_lines = b"\n"
        rest = iter(table.raw_items() if isinstance(table, Documents) else table.items())
        while lines := [b"%b: %b" % (_key(key), _encoded(each)) for key, each in islice(rest, _BATCH_SIZE)]:
            yield before_lines + _ascii(b",\n".join(lines))
            before_lines = b",\n"
            yielder.after_batch()
        yield b"\n}"
    yield b"\n}\n"


class _GilYielder:
    """Lets other threads run while a file is written; else each of them would wait for the interpreter lock.

    Threads that answer requests release the lock soon, and are let run after every batch. Threads that compute do not,
    and yielding to them often would make the writing take forever, so they are let run less often.
    """

    def __init__(self) -> None:
        self._interval = self._left = 1

    def after_batch(self) -> None:
        self._left -= 1
        if not self._left:
            began = stopwatch()
            pause(_YIELD_S)
            is_contended = stopwatch() - began > _CONTENDED_S
            self._left = self._interval = min(self._interval * 2, _MAX_BATCHES) if is_contended else 1


def _key(document_id: int | str) -> bytes:
    return b'"%d"' % document_id if isinstance(document_id, int) else ENCODER.encode(document_id)


def _encoded(document: Document) -> bytes:
    if isinstance(document, bytes):
        return document
    return bytes(document) if isinstance(document, Raw) else ENCODER.encode(document)


def _ascii(text: bytes) -> bytes:
    """ASCII only, as TinyDB writes it: ``TinyDB(path)`` reads the file in whatever encoding the locale names."""
    return text if text.isascii() else _NON_ASCII.sub(_escaped, text.decode()).encode("ascii")


def _escaped(character: re.Match[str]) -> str:
    units = character[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _decoded(path: Path, content: bytes) -> Any:
    """The JSON value that is the content."""
    try:
        return DECODER.decode(content)
    except (ValueError, RecursionError) as error:
        if not content.lstrip().startswith(b"{"):
            raise ForeignFile(path, "it is not JSON") from error
        offset = _failing_byte(content, error)
        line = content.count(b"\n", 0, offset) + 1
        column = offset - content.rfind(b"\n", 0, offset)
        where = f"byte {offset} (line {line}, column {column})"
        if isinstance(error, RecursionError):
            raise DamagedFile(path, where, "it is nested too deep") from error
        raise DamagedFile(path, where, "it is not valid JSON") from error


def _number(text: str) -> float | Decimal:
    """A number with a point; a decimal when a double does not hold all its digits."""
    double = float(text)
    if len(text) <= 16:  # with its point that is fifteen digits, which every double holds
        return double
    return double if Decimal(repr(double)) == (exact := Decimal(text)) else exact


def decoder_of(kind: Any) -> msgspec.json.Decoder[Any]:
    """Decodes JSON of a kind to the last digit."""
    return msgspec.json.Decoder(kind, float_hook=_number)


DECODER = decoder_of(Any)
decoder_of(_Marker)  # two threads that first use a type at the same time crash in msgspec 0.22
#: Tables of documents that are left as they are.
_SKELETON = msgspec.json.Decoder(dict[str, dict[str, Raw]])


def _failing_byte(data: bytes, error: Exception) -> int:
    if isinstance(error, UnicodeDecodeError):  # whose position counts from the start of one string
        try:
            data.decode()
        except UnicodeDecodeError as whole:
            return whole.start
    named = re.search(r"\(byte (\d+)\)$", str(error))
    return int(named[1]) if named else len(data)


def _generation(path: Path, tables: Any) -> int:
    table = tables.get(MARKER_TABLE) if isinstance(tables, dict) else None
    if not isinstance(table, Mapping) or len(table) != 1:
        raise ForeignFile(path, f'it is JSON, but has no table "{MARKER_TABLE}"')
    (marker,) = table.values()
    found = marker.get("format") if isinstance(marker, dict) else None
    if isinstance(found, int) and found != FILE_FORMAT:
        raise UnsupportedFormat(path, found, FILE_FORMAT)
    try:
        return msgspec.convert(marker, _Marker).generation
    except msgspec.ValidationError as error:
        raise DamagedFile(path, f'table "{MARKER_TABLE}"', str(error)) from error
