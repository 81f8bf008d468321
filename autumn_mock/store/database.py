"""A database: the file at rest, and the log of what happened since the file was written.

A checkpoint runs while appends go on, so it takes two steps. ``begin_checkpoint`` makes appends go to a new log of
the next generation; ``finish_checkpoint`` writes the file, which then has that generation too, and puts the new log
in place of the old. So one rule brings back the right state after a crash at any point, and after any number of
checkpoints that failed: *read the file, then replay, in order, the logs that are not older than the file.*

=====================  ====================================================================
``db.json``            the file at rest, of generation n
``db.json.wal``        the log of generation n
``db.json.wal.<n+1>``  the log that a checkpoint began; renamed once the file is written
``db.json.tmp``        the next file, until it is complete
``db.json.lock``       the lock
=====================  ====================================================================

A clean stop after a checkpoint leaves the first of them alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from autumn_mock.locks import Level, new_lock
from autumn_mock.store.errors import StoreError
from autumn_mock.store.fileutil import sync_directory
from autumn_mock.store.lockfile import LockFile
from autumn_mock.store.log import WriteAheadLog, header_size
from autumn_mock.store.recovery import Segment, main_log, next_log, recover
from autumn_mock.store.tinyfile import Document, Documents, read_tables, write_tables


class Database:
    """An open database, for this process alone. ``Database.open`` makes one.

    Appends may come from any thread. Checkpoints may too, but only the one that was begun last can be finished, by
    the thread that began it: an older state must not pass for a newer one.
    """

    tables: dict[str, Documents]
    """The documents of the file, by table."""

    entries: list[bytes]
    """The payloads to replay on ``tables``, oldest first."""

    recovered: str | None
    """What a crash had left and opening has cut, in a sentence for a person; None if there was nothing."""

    def __init__(self, path: Path, lock: LockFile, *, fsync: bool) -> None:
        """Load the database at ``path``, for whose use ``lock`` has been acquired."""
        self.path = path
        self._lock = lock
        self._fsync = fsync
        self._switch = new_lock(Level.LOG_SWITCH)  # held while appending, and while changing the log that appends go to
        self._checkpoint = new_lock(Level.CHECKPOINT)
        self._begun_by: int | None = None  # the thread that may finish the checkpoint
        self._closed = False

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

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, fsync: bool = False) -> Database:
        """Lock and load the database; a path where there is none yet is a new, empty database.

        With ``fsync`` every append waits for the disk and survives a power cut; without it, it survives the death
        of the process. ``StoreError`` says why the database cannot be used; its files are as they were then.
        """
        path = Path(os.path.realpath(path))  # one database has one lock, whichever link leads to it
        if not path.parent.is_dir():
            raise StoreError(f"the directory {path.parent} of the database {path.name} does not exist")
        if path.is_dir():
            raise StoreError(f"the database {path} is a directory")
        if path.exists() and not os.access(path, os.W_OK):  # else a checkpoint would replace it all the same
            raise StoreError(f"the database {path} is read-only")
        with ExitStack() as on_failure:
            lock = on_failure.enter_context(LockFile(path))
            try:
                database = cls(path, lock, fsync=fsync)
            except OSError as error:
                why = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
                raise StoreError(f"the database {path} cannot be opened: {why}") from error
            on_failure.pop_all()
        return database

    def forget_loaded(self) -> None:
        """Let go of ``tables`` and ``entries`` once they have been taken over."""
        self.tables = {}
        self.entries = []

    @property
    def log_path(self) -> Path:
        """The log in which ``entries`` begin, the first of them on line 2."""
        return self._older[0].path if self._older else self._log.path

    @property
    def log_size(self) -> int:
        """Bytes that would have to be replayed after a crash now."""
        return sum(segment.size for segment in self._older) + self._log.size

    @property
    def file_size(self) -> int:
        """Bytes of the file at rest; 0 before the first checkpoint."""
        return self._file_size

    def append(self, payload: bytes) -> None:
        """Make one record durable; see ``WriteAheadLog.append``."""
        with self._switch:
            self._log.append(payload)

    def begin_checkpoint(self) -> None:
        """Let the state of this moment be what ``finish_checkpoint`` will write. Takes no time to speak of.

        The caller keeps its state still while it calls this and notes what to write. Calling it again after a
        ``finish_checkpoint`` that failed, or that never came, chooses a later moment. ``OSError`` changes nothing;
        ``StoreError`` if another thread is writing a checkpoint right now.
        """
        with self._one_checkpoint(), self._switch:
            if self._begun_by is not None and self._log_is_empty():
                self._begun_by = threading.get_ident()
                return  # nothing has happened since; trying again on a full disk must not pile up logs
            self._log.settle()
            generation = self._generation + 1
            log = WriteAheadLog.create(next_log(self.path, generation), generation, fsync=self._fsync)
            retired, self._log = self._log, log
            self._older.append(Segment(retired.path, self._generation, retired.size))
            self._generation = generation
            self._begun_by = threading.get_ident()
        retired.close()

    def finish_checkpoint(self, tables: Mapping[str, Iterable[Document]]) -> None:
        """Write the file: the whole state as it was at ``begin_checkpoint``. Appends go on meanwhile.

        After an ``OSError`` nothing is lost and the checkpoint can be tried again: this step with the same state,
        or both steps with a newer one. ``StoreError`` if this thread's checkpoint is not the last that was begun.
        """
        with self._one_checkpoint():
            if self._begun_by != threading.get_ident():
                raise StoreError(f"another checkpoint of the database {self.path} has been begun, or none")
            write_tables(self.path, self._generation, tables)
            self._begun_by = None
            self._file_size = self.path.stat().st_size
            self._log.move_to(main_log(self.path))
            for segment in self._older:
                if segment.path != self._log.path:
                    segment.path.unlink(missing_ok=True)
            self._older = []
            sync_directory(self.path.parent)

    def close(self) -> None:
        """Give the database back, and remove a log that holds no record. A second call has no effect."""
        if self._closed:
            return  # by now the files may be another process's
        self._closed = True
        try:
            self._log.close()
            if self._log_is_empty():
                self._log.path.unlink()
        finally:
            self._lock.release()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
