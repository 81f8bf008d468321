"""The file at rest: what ``tinydb.TinyDB(path)`` opens, replaced as a whole and never half written.

It is the JSON of TinyDB's own storage, ``{table: {"1": document, ...}, ...}``, with one document on a line. The table
``_autumn_mock`` tells our files from other people's::

    "_autumn_mock": {"1": {"format": 1, "generation": 7, "written_at": 1767225600000}}
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct
from tinydb.storages import Storage

from autumn_mock.clock import pause, stopwatch, wall_clock
from autumn_mock.gc_pause import gc_paused
from autumn_mock.store.errors import DamagedFile, ForeignFile, StoreError, UnsupportedFormat
from autumn_mock.store.fileutil import beside, sync_directory

FILE_FORMAT = 1
MARKER_TABLE = "_autumn_mock"

Document: TypeAlias = bytes | Mapping[str, Any]
"""A JSON object, encoded (without line breaks) or not."""

_BEGINNING = re.compile(rb'\s*\{\s*"' + MARKER_TABLE.encode() + b'"')
_BUFFER_BYTES = 1 << 20
#: Documents that are encoded in one go, in less than half a millisecond; and handfuls without a pause, at most.
_BATCH_SIZE, _MOST = 256, 64
#: Seconds for which others are let run, and the seconds after which they seem to be busy.
_YIELD_S, _CONTENDED_S = 0.000_05, 0.002
_view: Callable[[Raw], Any] = memoryview
_first_byte = itemgetter(0)
_NON_ASCII = re.compile(r"[^\x00-\x7f]")


class _Marker(msgspec.Struct):
    """``written_at`` is in milliseconds since 1970; it is there for people only."""

    format: int
    generation: int
    written_at: int


class Documents:
    """The documents of a table. They are known to be objects of JSON, and are decoded when somebody looks at them; who
    knows what kind of records they are decodes ``raw`` at once."""

    __slots__ = ("raw",)

    def __init__(self, raw: Sequence[Raw] = ()) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"Documents({list(self)})"

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return DECODER.decode(self.raw[place])  # type: ignore[no-any-return]  # the scan saw an object there

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(DECODER.decode, self.raw)


class Tables(Struct, frozen=True):
    """The documents of every table, in the order of the file, and the generation of the file."""

    generation: int
    tables: dict[str, Documents]


class AtomicJSONStorage(Storage):
    """A storage for ``TinyDB(path, storage=AtomicJSONStorage)`` that a crash cannot catch in mid-write."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self._path = Path(path)

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The tables, or None if the file is missing or empty; ``DamagedFile`` if it is not JSON."""
        content = _content(self._path)
        return _decoded(self._path, content) if content else None

    def write(self, data: Mapping[str, Mapping[str, Document]]) -> None:
        """Replace the file. An ``OSError`` leaves the old one as it was."""
        _replace(self._path, _json((name, _keyed(table)) for name, table in data.items()))


def read_tables(path: str | os.PathLike[str]) -> Tables:
    """Read a file that ``write_tables`` wrote, whether or not TinyDB has rewritten it since.

    A file that is missing or has no bytes at all (people ``touch`` files) is a fresh database, of generation 0.
    Otherwise: ``ForeignFile``, ``UnsupportedFormat``, or ``DamagedFile``.
    """
    path = Path(path)
    content = _content(path)
    return read_snapshot(content, path) if content else Tables(0, {})


def read_snapshot(content: bytes, path: Path) -> Tables:
    """The tables in the content of such a file; ``path`` is what errors call it."""
    try:
        if not content.isascii():
            content.decode()  # what the skeleton passes over is checked like everything else, but for this
        with gc_paused():
            tables = _SKELETON.decode(content)
    except (ValueError, RecursionError) as error:
        raise _no_tables(path, content) from error
    return _tables(path, tables)


def is_ours(path: Path) -> bool:
    """Whether a file begins like one of ours, whatever it is called."""
    try:
        with path.open("rb") as file:
            return _BEGINNING.match(file.read(256)) is not None
    except OSError:
        return False


def _tables(path: Path, tables: dict[str, dict[str, Raw]]) -> Tables:
    generation = _generation(path, tables)
    found: dict[str, Documents] = {}
    for name, table in tables.items():
        if not set(map(_first_byte, map(_view, table.values()))) <= set(b"{"):
            raise _no_table(path, name)
        if name != MARKER_TABLE:
            found[name] = Documents(list(table.values()))
    return Tables(generation, found)


def _no_tables(path: Path, content: bytes) -> Exception:
    """What to say of content that is not made of tables, or not even JSON."""
    try:
        tables = _decoded(path, content)
        _generation(path, tables)
    except StoreError as error:
        return error
    return _no_table(path, next((name for name, table in tables.items() if not isinstance(table, dict)), MARKER_TABLE))


def _no_table(path: Path, name: str) -> DamagedFile:
    return DamagedFile(path, f'table "{name}"', "it is not a table of documents")


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


def _keyed(table: Mapping[str, Document]) -> Iterator[tuple[bytes, Document]]:
    return ((msgspec.json.encode(str(key)), document) for key, document in table.items())


def _numbered(documents: Iterable[Document]) -> Iterator[tuple[bytes, Document]]:
    return ((b'"%d"' % number, document) for number, document in enumerate(documents, start=1))


def _json(tables: Iterable[tuple[str, Iterable[tuple[bytes, Document]]]]) -> Iterator[bytes]:
    """The text of the file, a handful of documents at a time."""
    yield b"{"
    before_table = b"\n"
    manners = _GilYielder()
    for name, documents in tables:
        yield before_table + _ascii(msgspec.json.encode(name)) + b": {"
        before_table = b",\n"
        before_lines = b"\n"
        rest = iter(documents)
        while lines := [b"%b: %b" % (key, _encoded(document)) for key, document in islice(rest, _BATCH_SIZE)]:
            yield before_lines + _ascii(b",\n".join(lines))
            before_lines = b",\n"
            manners.after_batch()
        yield b"\n}"
    yield b"\n}\n"


class _GilYielder:
    """Lets other threads run now and then, which would wait for Python's lock for five milliseconds each time.

    Those that answer requests give it back at once, and are let run after every handful. Those that compute do not;
    to ask for it often would make the file take forever, so they are let run more seldom.
    """

    def __init__(self) -> None:
        self._handfuls = self._left = 1

    def after_batch(self) -> None:
        self._left -= 1
        if not self._left:
            began = stopwatch()
            pause(_YIELD_S)
            is_crowded = stopwatch() - began > _CONTENDED_S
            self._left = self._handfuls = min(self._handfuls * 2, _MOST) if is_crowded else 1


def _encoded(document: Document) -> bytes:
    return document if isinstance(document, bytes) else msgspec.json.encode(document)


def _ascii(text: bytes) -> bytes:
    """ASCII only, as TinyDB writes it: ``TinyDB(path)`` reads the file in whatever encoding the locale names."""
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


def _content(path: Path) -> bytes:
    """What is in the file; nothing if it is missing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _decoded(path: Path, content: bytes) -> Any:
    """The JSON value that is the content."""
    try:
        with gc_paused():
            return DECODER.decode(content)
    except (ValueError, RecursionError) as error:
        if not content.lstrip().startswith(b"{"):
            raise ForeignFile(path, "it is not JSON") from error
        offset = _failing_byte(content, error)
        line = content.count(b"\n", 0, offset) + 1
        column = offset - content.rfind(b"\n", 0, offset)
        raise DamagedFile(path, f"byte {offset} (line {line}, column {column})", "it is not valid JSON") from error


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
    if not isinstance(table, dict) or len(table) != 1:
        raise ForeignFile(path, f'it is JSON, but has no table "{MARKER_TABLE}"')
    (marker,) = table.values()
    if isinstance(marker, Raw):
        marker = DECODER.decode(marker)
    found = marker.get("format") if isinstance(marker, dict) else None
    if isinstance(found, int) and found != FILE_FORMAT:
        raise UnsupportedFormat(path, found, FILE_FORMAT)
    try:
        return msgspec.convert(marker, _Marker).generation
    except msgspec.ValidationError as error:
        raise DamagedFile(path, f'table "{MARKER_TABLE}"', str(error)) from error
