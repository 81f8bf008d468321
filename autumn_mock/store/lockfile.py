"""Only one process at a time may have a database open.

The lock is the operating system's advisory lock on ``<db>.lock``, held while the database is open. The system releases
it when its holder dies in whatever way, so a lock file left by a crash does not block the next process. The process
number in the file is only used for the error message.

The lock file can be removed, and a hard link gives the database another name. So the file at rest and the logs are
locked as well, each by the process that has it open.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from autumn_mock.store.errors import DatabaseInUse, StoreError
from autumn_mock.store.fileutil import beside, is_at, open_regular, try_lock, unlock


class LockFile:
    """The exclusive lock of the database at ``database``; the lock file is ``path``."""

    def __init__(self, database: str | os.PathLike[str]) -> None:
        self.database = Path(database)
        self.path = beside(self.database, ".lock")
        self._fd: int | None = None

    def acquire(self) -> None:
        """Acquire the lock or raise at once: ``DatabaseInUse`` if it is held (by this process, too), ``StoreError`` if
        the lock file cannot be created.
        """
        try:
            fd = self._lock_current_file()
        except OSError as error:
            raise StoreError(f"the lock file {self.path} cannot be written: {error.strerror or error}") from error
        self._fd = fd

    def renew(self) -> None:
        """Acquire the lock again if its file was removed or replaced; raises what :meth:`acquire` does."""
        lost = self._fd
        if lost is not None and not is_at(lost, self.path):
            self.acquire()
            os.close(lost)

    def release(self) -> None:
        """Release the lock; without effect if it is not held."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            try:
                # Removed while still locked, so that no other process's file can be removed. Windows cannot remove an
                # open file; it stays there and does no harm.
                if sys.platform != "win32" and is_at(fd, self.path):
                    with suppress(OSError):  # it stays in a directory that has become read-only
                        self.path.unlink()
                unlock(fd)
            finally:
                os.close(fd)

    def __enter__(self) -> LockFile:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _lock_current_file(self) -> int:
        while True:
            fd = open_regular(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                if os.fstat(fd).st_nlink > 1:  # the process number would be written into another file
                    raise OSError(errno.EMLINK, "it is a hard link of another file; remove it")
                if not try_lock(fd):
                    raise DatabaseInUse(self.database, _written_pid(fd))
                # The former holder may have removed the file between opening and locking it here; another process
                # would then lock a new file of that name, so this one has to as well.
                if is_at(fd, self.path):
                    _write_pid(fd)
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)


def _write_pid(fd: int) -> None:
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, b"%d\n" % os.getpid())


def _written_pid(fd: int) -> int | None:
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, 32).strip()
    return int(text) if text.isdigit() else None
