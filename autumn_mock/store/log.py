"""The write-ahead log: an append-only file that is valid after the death of its writer at any instruction.

The first line names format, version and generation, and every further line is one record::

    autumn-mock-log version=1 generation=7 crc32=3c8d7fef
    fb5ce7bc {"op":"put","doc":{}}

A record is the CRC-32 of its payload in 8 hexadecimal digits, a space, the payload (JSON without a line break) and
a line break. The generation names the file at rest that the records continue.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from msgspec import Struct

from autumn_mock.locks import Level, new_lock
from autumn_mock.store.errors import DamagedFile, DatabaseInUse, FilesMissing, ForeignFile, UnsupportedFormat
from autumn_mock.store.fileutil import (
    PRIVATE,
    is_at,
    open_regular,
    require_replaceable,
    sync_data,
    sync_directory,
    try_lock,
)

LOG_VERSION = 1
_MAGIC = b"autumn-mock-log "
_VERSION = re.compile(_MAGIC + rb"version=(\d{1,18})\b")
_GENERATION = re.compile(rb" generation=(\d{1,18}) ")
_BUFFER_BYTES = 1 << 20


class TornTail(Struct, frozen=True):
    """An incomplete record at the end of a log, left by a crash: ``length`` bytes from byte ``offset``."""

    offset: int
    length: int


class LogContents(Struct, frozen=True):
    """The contents of a log. ``generation`` is None if a crash left the first line incomplete."""

    generation: int | None
    payloads: list[bytes]
    torn: TornTail | None


class WriteAheadLog:
    """A log open for appending; may be used from any thread.

    With ``fsync`` an append returns when the record is on the disk, and survives a power cut; without it, when the
    operating system has it, and survives the death of the process.
    """

    def __init__(self, path: Path, *, fsync: bool = False) -> None:
        self.path = path
        self._fsync = fsync
        self._lock = new_lock(Level.LOG)
        self._fd: int | None = _open_to_append(path)
        if not try_lock(self._fd):
            os.close(self._fd)
            raise DatabaseInUse(path, None)
        self._size = os.fstat(self._fd).st_size
        self._has_waste = False

    @classmethod
    def create(cls, path: str | os.PathLike[str], generation: int, *, fsync: bool = False) -> WriteAheadLog:
        """Create a log. ``FileExistsError`` if there is one; no ``OSError`` leaves a file behind."""
        path = Path(path)
        os.close(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        try:
            log = cls(path, fsync=fsync)
            try:
                log._write(_header(generation))
                if fsync:
                    sync_directory(path.parent)
            except BaseException:
                log.close()
                raise
        except BaseException:
            path.unlink()
            raise
        return log

    @classmethod
    def open_for_append(cls, path: str | os.PathLike[str], *, fsync: bool = False) -> WriteAheadLog:
        """Open a log that ``read_log`` found complete, or that ``repair`` has cut."""
        return cls(Path(path), fsync=fsync)

    @property
    def is_in_place(self) -> bool:
        """False once the file was removed or replaced; Windows does neither to an open file."""
        with self._lock:
            return sys.platform == "win32" or is_at(self._open_fd(), self.path)

    @property
    def size(self) -> int:
        """Bytes in the file, first line included."""
        return self._size

    def append(self, payload: bytes) -> None:
        """Add one record. Once this returns, killing the process does not lose it.

        An ``OSError`` (disk full) leaves the log without the record. If a part of it was written and cannot be removed
        either, every further append raises until it can.
        """
        self._write(_record(payload))

    def settle(self) -> None:
        """Remove what a failed append has left. ``OSError`` while that is not possible."""
        with self._lock:
            self._cut_waste(self._open_fd())

    def cut(self, size: int) -> None:
        """Remove what was appended since the log had that size (bytes). Raises :class:`OSError`."""
        with self._lock:
            self._has_waste = self._has_waste or self._size > size
            self._size = min(self._size, size)
            self._cut_waste(self._open_fd())

    def move_to(self, path: Path) -> None:
        """Rename the log, replacing any file at ``path``, and continue to append to it."""
        require_replaceable(path)
        with self._lock:
            fd = self._open_fd()
            if sys.platform == "win32":  # which does not rename an open file
                os.close(fd)
                self._fd = None
                try:
                    os.replace(self.path, path)
                    self.path = path
                finally:
                    self._fd = _open_to_append(self.path)
                    try_lock(self._fd)
            else:
                os.replace(self.path, path)
                self.path = path

    def close(self) -> None:
        """Close the file; a second call has no effect."""
        with self._lock:
            if self._fd is not None:
                fd, self._fd = self._fd, None
                try:
                    with suppress(OSError):
                        self._cut_waste(fd)
                finally:
                    os.close(fd)

    def _write(self, data: bytes) -> None:
        with self._lock:
            fd = self._open_fd()
            self._cut_waste(fd)
            try:
                rest = data
                while rest:  # on a full disk a write is incomplete; only the next one fails
                    rest = rest[os.write(fd, rest) :]
                if self._fsync:
                    sync_data(fd)
                if not os.fstat(fd).st_nlink:  # after the write: a record in a removed file is not durable
                    raise FilesMissing(self.path, "the log or its directory was removed")
                self._size += len(data)
            except BaseException:
                self._has_waste = True
                with suppress(OSError):
                    self._cut_waste(fd)
                raise

    def _cut_waste(self, fd: int) -> None:
        if self._has_waste:
            os.ftruncate(fd, self._size)
            self._has_waste = False

    def _open_fd(self) -> int:
        if self._fd is None:
            raise ValueError(f"the log {self.path} is closed")
        return self._fd


def read_log(path: str | os.PathLike[str]) -> LogContents:
    """Read a log without changing it.

    An invalid last line is what a crash leaves, and is reported as ``torn``. Invalid lines anywhere else raise
    ``DamagedFile``, a file that is not a log ``ForeignFile``, a log of another version ``UnsupportedFormat``.
    """
    path = Path(path)
    payloads: list[bytes] = []
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb", _BUFFER_BYTES) as handle:
        header = handle.readline()
        generation = _generation(path, header)
        if generation is None:
            return LogContents(None, payloads, TornTail(0, len(header)))
        offset = len(header)
        for line in handle:
            payload = line[9:-1]
            # Rebuilding the line also notices a missing line break, at a fraction of the cost of parsing it.
            if line != b"%08x %b\n" % (crc32(payload), payload):
                if handle.read(1):
                    raise DamagedFile(
                        path,
                        f"line {len(payloads) + 2} (byte {offset})",
                        "the record does not match its checksum, and further records follow it",
                    )
                return LogContents(generation, payloads, TornTail(offset, len(line)))
            payloads.append(payload)
            offset += len(line)
    return LogContents(generation, payloads, None)


def repair(path: str | os.PathLike[str], torn: TornTail) -> None:
    """Remove the torn end that ``read_log`` reported."""
    with open(path, "r+b") as handle:
        handle.truncate(torn.offset)
        os.fsync(handle.fileno())


def header_size(generation: int) -> int:
    """Bytes of a log of that generation without records."""
    return len(_header(generation))


def _open_to_append(path: Path) -> int:
    return open_regular(path, os.O_WRONLY | os.O_APPEND)


def _record(payload: bytes) -> bytes:
    if b"\n" in payload:
        raise ValueError("the payload of a log record must not contain a line break")
    return b"%08x %b\n" % (crc32(payload), payload)


def _header(generation: int) -> bytes:
    text = b"%bversion=%d generation=%d" % (_MAGIC, LOG_VERSION, generation)
    return b"%b crc32=%08x\n" % (text, crc32(text))


def _generation(path: Path, header: bytes) -> int | None:
    """The generation in the first line of a log, or None if a crash left that line incomplete."""
    if not header.endswith(b"\n"):
        # After a power cut some file systems return zeros for data that was never written.
        if header.startswith(_MAGIC) or _MAGIC.startswith(header) or not header.strip(b"\0"):
            return None
        raise ForeignFile(path, "it does not begin like a log of autumn-mock")
    version = _VERSION.match(header)
    if version is None:
        raise ForeignFile(path, "it does not begin like a log of autumn-mock")
    if int(version[1]) != LOG_VERSION:
        raise UnsupportedFormat(path, int(version[1]), LOG_VERSION)
    generation = _GENERATION.search(header)
    if generation is None or header != _header(int(generation[1])):
        raise DamagedFile(path, "line 1", "it does not match its checksum")
    return int(generation[1])
