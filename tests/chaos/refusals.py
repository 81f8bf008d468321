"""A disk that refuses some of the writes of a call, or with which the process ends."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from autumn_mock.store import Database

_append = Database.append


class Refusing:
    """Refuses the write with a number, counted from 1, and all that follow unless it is ``once``. ``error`` is raised
    in place of the one of a full disk."""

    def __init__(self, first: float, *, once: bool = False, error: BaseException | None = None) -> None:
        self._first = first
        self._once = once
        self._error = error or OSError(errno.ENOSPC, "No space left on device")
        self.seen = 0

    def _refuses(self) -> bool:
        return self.seen == self._first or (self.seen > self._first and not self._once)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Every database of this process is on this disk inside the block."""

        def append(database: Database, payload: bytes) -> None:
            self.seen += 1
            if self._refuses():
                raise self._error
            _append(database, payload)

        with mock.patch.object(Database, "append", append):
            yield
