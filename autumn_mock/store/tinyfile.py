"""The file at rest: what ``tinydb.TinyDB(path)`` opens, replaced as a whole and never half written.

It is the JSON of TinyDB's own storage, ``{table: {"1": document, ...}, ...}``, with one document on a line. The table
``_autumn_mock`` tells our files from other people's::

    "_autumn_mock": {"1": {"format": 1, "generation": 7, "written_at": 1767225600000}}
"""

from __future__ import annotations

import gc
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from tinydb.storages import Storage

from autumn_mock.clock import wall_clock
from autumn_mock.store.errors import DamagedFile, ForeignFile, UnsupportedFormat
from autumn_mock.store.fileutil import beside, sync_directory

FILE_FORMAT = 1
MARKER_TABLE = "_autumn_mock"

Document: TypeAlias = bytes | Mapping[str, Any]
"""A JSON object, encoded (without line breaks) or not."""

_BEGINNING = re.compile(rb'\s*\{\s*"' + MARKER_TABLE.encode() + b'"')
_BUFFER_BYTES = 1 << 20
_NON_ASCII = re.compile(r"[^\x00-\x7f]")


class _Marker(msgspec.Struct):
    """``written_at`` is in milliseconds since 1970; it is there for people only."""

    format: int
    generation: int
    written_at: int


class Tables(Struct, frozen=True):
    """The documents of every table, in the order of the file, and the generation of the file."""

    generation: int
    tables: dict[str, list[dict[str, Any]]]


class AtomicJSONStorage(Storage):
    """A storage for ``TinyDB(path, storage=AtomicJSONStorage)`` that a crash cannot catch in mid-write."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self._path = Path(path)

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The tables, or None if the file is missing or empty; ``DamagedFile`` if it is not JSON."""
        data: dict[str, dict[str, Any]] | None = _decoded(self._path)
        return data

    def write(self, data: Mapping[str, Mapping[str, Document]]) -> None:
        """Replace the file. An ``OSError`` leaves the old one as it was."""
        _replace(self._path, _json((name, table.items()) for name, table in data.items()))


def read_tables(path: str | os.PathLike[str]) -> Tables:
    """Read a file that ``write_tables`` wrote, whether or not TinyDB has rewritten it since.

    A file that is missing or has no bytes at all (people ``touch`` files) is a fresh database, of generation 0.
    Otherwise: ``ForeignFile``, ``UnsupportedFormat``, or ``DamagedFile``.
    """
    path = Path(path)
    data = _decoded(path)
    return Tables(0, {}) if data is None else _tables(path, data)


def read_snapshot(content: bytes, path: Path) -> Tables:
    """The tables in the content of such a file; ``path`` is what errors call it."""
    return _tables(path, _parsed(path, content))


def is_ours(path: Path) -> bool:
    """Whether a file begins like one of ours, whatever it is called."""
    try:
        with path.open("rb") as file:
            return _BEGINNING.match(file.read(256)) is not None
    except OSError:
        return False


def _tables(path: Path, data: Any) -> Tables:
    generation = _generation(path, data)
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, table in data.items():
        if not isinstance(table, dict) or not all(type(document) is dict for document in table.values()):
            raise DamagedFile(path, f'table "{name}"', "it is not a table of documents")
        if name != MARKER_TABLE:
            tables[name] = list(table.values())
    return Tables(generation, tables)


def write_tables(path: str | os.PathLike[str], generation: int, tables: Mapping[str, Iterable[Document]]) -> None:
    """Replace the file by one with these tables. An ``OSError`` leaves the old one as it was."""
    _replace(Path(path), file_pieces(generation, tables))


def file_pieces(generation: int, tables: Mapping[str, Iterable[Document]]) -> Iterator[bytes]:
    """The content of a file with these tables, piece by piece."""
    if MARKER_TABLE in tables:
        raise ValueError(f"the table name {MARKER_TABLE} is reserved")
    marker = _Marker(FILE_FORMAT, generation, written_at=wall_clock())
    marked: dict[str, Iterable[Document]] = {MARKER_TABLE: [msgspec.json.encode(marker)], **tables}
    return _json((name, _numbered(documents)) for name, documents in marked.items())


def _numbered(documents: Iterable[Document]) -> Iterator[tuple[str, Document]]:
    return ((str(number), document) for number, document in enumerate(documents, start=1))


def _json(tables: Iterable[tuple[str, Iterable[tuple[str, Document]]]]) -> Iterator[bytes]:
    """The text of the file in small pieces, so that other threads get to run while a large one is written."""
    yield b"{"
    before_table = b"\n"
    for name, documents in tables:
        yield before_table + _encoded(name) + b": {"
        before_table = b",\n"
        before_document = b"\n"
        for key, document in documents:
            yield before_document + _encoded(key) + b": " + _encoded(document)
            before_document = b",\n"
        yield b"\n}"
    yield b"\n}\n"


def _encoded(value: str | Document) -> bytes:
    """ASCII only, as TinyDB writes it: ``TinyDB(path)`` reads the file in whatever encoding the locale names."""
    text = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return text if text.isascii() else _NON_ASCII.sub(_escaped, text.decode()).encode("ascii")


def _escaped(character: re.Match[str]) -> str:
    units = character[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    path = Path(os.path.realpath(path))  # the file behind a symbolic link, not the link
    temporary = beside(path, ".tmp")
    try:
        with open(temporary, "wb", buffering=_BUFFER_BYTES) as handle:
            if path.exists():
                shutil.copymode(path, temporary)  # before there is a content to protect
            handle.writelines(pieces)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def _decoded(path: Path) -> Any:
    """The JSON value in the file, or None if it is missing or empty."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return _parsed(path, data) if data else None


def _parsed(path: Path, data: bytes) -> Any:
    try:
        return _without_collector(data)
    except (ValueError, RecursionError) as error:
        if not data.lstrip().startswith(b"{"):
            raise ForeignFile(path, "it is not JSON") from error
        offset = _failing_byte(data, error)
        line = data.count(b"\n", 0, offset) + 1
        column = offset - data.rfind(b"\n", 0, offset)
        raise DamagedFile(path, f"byte {offset} (line {line}, column {column})", "it is not valid JSON") from error


def _without_collector(data: bytes) -> Any:
    """Decode without the cyclic garbage collector, which would walk the growing tree again and again (five times
    the time). Decoding never lets another thread run, so none is without the collector meanwhile.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _DECODER.decode(data)
    finally:
        if was_enabled:
            gc.enable()


def _number(text: str) -> float | Decimal:
    """A number with a point; a decimal when a double does not hold all its digits."""
    double = float(text)
    if len(text) <= 16:  # with its point that is fifteen digits, which every double holds
        return double
    return double if Decimal(repr(double)) == (exact := Decimal(text)) else exact


_DECODER = msgspec.json.Decoder(float_hook=_number)


def _failing_byte(data: bytes, error: Exception) -> int:
    if isinstance(error, UnicodeDecodeError):  # whose position counts from the start of one string
        try:
            data.decode()
        except UnicodeDecodeError as whole:
            return whole.start
    named = re.search(r"\(byte (\d+)\)$", str(error))
    return int(named[1]) if named else len(data)


def _generation(path: Path, data: Any) -> int:
    table = data.get(MARKER_TABLE) if isinstance(data, dict) else None
    if not isinstance(table, dict) or len(table) != 1:
        raise ForeignFile(path, f'it is JSON, but has no table "{MARKER_TABLE}"')
    (marker,) = table.values()
    found = marker.get("format") if isinstance(marker, dict) else None
    if isinstance(found, int) and found != FILE_FORMAT:
        raise UnsupportedFormat(path, found, FILE_FORMAT)
    try:
        return msgspec.convert(marker, _Marker).generation
    except msgspec.ValidationError as error:
        raise DamagedFile(path, f'table "{MARKER_TABLE}"', str(error)) from error
