"""A database: the file at rest, and the log of the changes since the file was written.

Appends continue during a checkpoint, so it has two steps. ``begin_checkpoint`` directs appends to a new log of the next
generation; ``finish_checkpoint`` writes the file, which has that generation too, and puts the new log in place of the
old. So one rule restores the state after a crash at any point, and after any number of failed checkpoints: *read the
file, then replay, in order, the logs that are not older than the file.*

The log is a file of our own rather than a table of ``sqlite3``: an append is one ``write`` (5 us for a transaction),
a refused one is an ``OSError`` with nothing changed, and the generations are what makes a checkpoint that fails half
way harmless. A sequence number in each line would need the same two logs while a checkpoint runs.

=====================  ====================================================================
``db.json``            the file at rest, of generation n
``db.json.wal``        the log of generation n
``db.json.wal.<n+1>``  the log that a checkpoint began; renamed once the file is written
``db.json.tmp``        the next file, until it is complete
``db.json.lock``       the lock
=====================  ====================================================================

After a clean stop only the first of them is left.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from autumn_mock.locks import Level, new_lock
from autumn_mock.store.errors import DatabaseInUse, FilesMissing, StoreError
from autumn_mock.store.fair_lock import FairLock
from autumn_mock.store.fileutil import is_at, open_regular, require_replaceable, sync_directory, try_lock
from autumn_mock.store.lockfile import LockFile
from autumn_mock.store.log import WriteAheadLog, header_size
from autumn_mock.store.recovery import Segment, log_paths, main_log, next_log, recover
from autumn_mock.store.tinyfile import Document, Documents, draft_of, read_tables, write_tables


class Database:
    """An open database, used by this process alone; created by ``Database.open``.

    Appends may be made by any thread. Checkpoints too, but only the one begun last can be finished, by the thread that
    began it: an older state must not replace a newer one.
    """

    tables: dict[str, Documents]
    """The documents of the file, by table."""

    entries: list[bytes]
    """The payloads to replay on ``tables``, oldest first."""

    recovered: str | None
    """What was removed because a crash left it incomplete, in a sentence; None if nothing was."""

    def __init__(self, path: Path, lock: LockFile, held: _HeldFile, *, fsync: bool) -> None:
        """Load the database at ``path``, whose locks have been acquired."""
        self.path = path
        self._lock = lock
        self._held = held
        self._fsync = fsync
        # Held while appending, for seconds if it is a snapshot, and while changing the log that appends go to.
        self._switch = FairLock(level=Level.LOG_SWITCH)
        self._checkpoint = new_lock(Level.CHECKPOINT)
        self._begun_by: int | None = None  # the thread that may finish the checkpoint
        self._closed = False
        self._is_incomplete = False  # files were removed or replaced, and not written again

        at_rest = read_tables(path)
        history = recover(path, at_rest.generation)
        self.tables = at_rest.tables
        self.entries = history.entries
        self.recovered = history.recovered
        self._file_size = path.stat().st_size if path.exists() else 0
        self._older = history.segments[:-1]
        if history.segments:
            newest = history.segments[-1]
            self._generation = newest.generation
            self._log = WriteAheadLog.open_for_append(newest.path, fsync=fsync)
        else:
            self._generation = at_rest.generation
            self._log = WriteAheadLog.create(main_log(path), self._generation, fsync=fsync)
        self._at_opening = self._generation, self._log.size

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, fsync: bool = False) -> Database:
        """Lock and load the database; if there is no file at ``path``, it is new and empty.

        With ``fsync`` an append waits for the disk and survives a power cut; without it, it survives the death of the
        process. Raises :class:`StoreError` for a database that cannot be used, with its files unchanged.
        """
        path = Path(os.path.realpath(path))  # links to one database share one lock
        if not path.parent.is_dir():
            raise StoreError(f"the directory {path.parent} of the database {path.name} does not exist; create it")
        require_replaceable(path)
        if not draft_of(path).is_symlink():  # a checkpoint removes a link
            require_replaceable(draft_of(path))
        if path.exists() and not os.access(path, os.W_OK):  # a checkpoint would replace it nevertheless
            raise StoreError(f"the database {path} is read-only; allow this user to write it, or name another file")
        with ExitStack() as on_failure:
            lock = on_failure.enter_context(LockFile(path))
            try:
                held = on_failure.enter_context(_HeldFile(path))
                database = cls(path, lock, held, fsync=fsync)
            except StoreError:
                raise
            except OSError as error:
                why = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
                raise StoreError(f"the database {path} cannot be opened: {why}") from error
            on_failure.pop_all()
        return database

    def forget_loaded(self) -> None:
        """Release the memory of ``tables`` and ``entries`` once the state has been built from them."""
        self.tables = {}
        self.entries = []

    @property
    def log_path(self) -> Path:
        """The log in which ``entries`` begin, the first of them on line 2."""
        return self._older[0].path if self._older else self._log.path

    @property
    def log_size(self) -> int:
        """Bytes that would have to be replayed after a crash."""
        return sum(segment.size for segment in self._older) + self._log.size

    @property
    def file_size(self) -> int:
        """Bytes of the file at rest; 0 before the first checkpoint."""
        return self._file_size

    def append(self, payload: bytes) -> None:
        """Make one record durable; see ``WriteAheadLog.append``."""
        with self._switch:
            if self._is_incomplete:
                raise FilesMissing(self.path, "nothing can be written until they are back, or written again")
            self._log.append(payload)

    def notice_missing_files(self) -> bool:
        """Whether files were removed or replaced. No append succeeds until they are back or written by a checkpoint.

        A lock file that was removed is created again.
        """
        with self._switch:
            with suppress(StoreError):
                self._lock.renew()
            self._is_incomplete = not self._has_all_files()
            return self._is_incomplete

    def begin_checkpoint(self) -> None:
        """Begin a checkpoint of the present state, which ``finish_checkpoint`` will write. Returns quickly.

        The caller does not change its state during this call, and takes a snapshot of it. Calling it again after a
        ``finish_checkpoint`` that failed or was never called begins a later one. ``OSError`` changes nothing;
        ``StoreError`` if another thread is writing a checkpoint.
        """
        with self._one_checkpoint(), self._switch:
            self._require_place()
            if self._begun_by is not None and self._log_is_empty() and self._log.is_in_place:
                self._begun_by = threading.get_ident()
                return  # nothing was appended since; retries on a full disk must not accumulate logs
            self._log.settle()
            generation = self._generation + 1
            log = WriteAheadLog.create(next_log(self.path, generation), generation, fsync=self._fsync)
            retired, self._log = self._log, log
            self._older.append(Segment(retired.path, self._generation, retired.size))
            self._generation = generation
            self._begun_by = threading.get_ident()
        retired.close()

    def finish_checkpoint(self, tables: Mapping[str, Iterable[Document]]) -> None:
        """Write the file: the whole state as it was at ``begin_checkpoint``. Appends continue meanwhile.

        After an ``OSError`` nothing is lost and the checkpoint can be retried: this step with the same state, or both
        with a newer one. ``StoreError`` if this thread's checkpoint is not the last that was begun.
        """
        with self._one_checkpoint():
            if self._begun_by != threading.get_ident():
                raise StoreError(f"another checkpoint of the database {self.path} has been begun, or none")
            write_tables(self.path, self._generation, tables)
            self._held.renew()
            self._begun_by = None
            self._file_size = self.path.stat().st_size
            self._log.move_to(main_log(self.path))
            for segment in self._older:
                if segment.path != self._log.path:
                    segment.path.unlink(missing_ok=True)
            self._older = []
            self._is_incomplete = False
            sync_directory(self.path.parent)

    def close(self) -> None:
        """Close the database, and remove a log without records. A second call has no effect."""
        if self._closed:
            return  # the files may be another process's by now
        self._closed = True
        try:
            is_ours = self._log.is_in_place
            self._log.close()
            if is_ours and self._log_is_empty():
                self._log.path.unlink()
        finally:
            self._held.close()
            self._lock.release()

    def abandon(self) -> None:
        """Close the database without what was appended to it: a start failed, and leaves no files that are new.

        After a checkpoint, which has written it already, this is :meth:`close`.
        """
        generation, size = self._at_opening
        try:
            if not self._closed and self._generation == generation:
                self._log.cut(size)
        finally:
            self.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _has_all_files(self) -> bool:
        return (
            self._log.is_in_place and self._held.is_in_place and all(segment.path.exists() for segment in self._older)
        )

    def _require_place(self) -> None:
        """Raise ``FilesMissing`` if a checkpoint cannot be written, or would replace the files of another database."""
        self._is_incomplete = not self._has_all_files()
        if not self._is_incomplete:
            return
        if not self.path.parent.is_dir():
            raise FilesMissing(self.path, "put the directory back, or create it again")
        try:
            self._lock.renew()
        except StoreError as error:
            raise FilesMissing(self.path, str(error)) from error
        if self.path.exists() and not self._held.is_in_place:
            raise FilesMissing(self.path, "another file has its name; remove it, or put the former one back")
        if not self._log.is_in_place and log_paths(self.path):
            raise FilesMissing(self.path, "logs of another database are there; remove them")

    def _log_is_empty(self) -> bool:
        return self._log.size == header_size(self._generation)

    @contextmanager
    def _one_checkpoint(self) -> Iterator[None]:
        if not self._checkpoint.acquire(blocking=False):
            raise StoreError(f"a checkpoint of the database {self.path} is being written already")
        try:
            yield
        finally:
            self._checkpoint.release()


class _HeldFile:
    """The file at rest, locked for this process under whatever name it was found: hard links share the lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def __enter__(self) -> _HeldFile:
        self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def renew(self) -> None:
        """Lock the file that is at the path now, if there is one. Raises :class:`DatabaseInUse`."""
        self.close()
        if sys.platform == "win32" or not self._path.exists():  # Windows does not replace a file that is open
            return
        fd = open_regular(self._path, os.O_RDONLY)
        if not try_lock(fd):
            os.close(fd)
            raise DatabaseInUse(self._path, None)
        self._fd = fd

    @property
    def is_in_place(self) -> bool:
        """Whether the file at the path is the one that was locked, or there was and is none."""
        if sys.platform == "win32":  # which neither removes nor replaces an open file
            return True
        return not os.path.lexists(self._path) if self._fd is None else is_at(self._fd, self._path)

    def close(self) -> None:
        """Release the lock; without effect if it is not held."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
