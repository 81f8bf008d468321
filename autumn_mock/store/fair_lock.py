"""Whose turn it is: the lock of an environment."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

from autumn_mock.clock import pause

#: Seconds for which background work stands back: enough for whoever waits to be woken.
_PAUSE = 0.001


class FairLock:
    """A reentrant lock. Whoever does long work in many short turns lets others go first between them.

    A thread that releases a lock and wants it again nearly always gets it, because those who sleep have to wake up
    first. Without :meth:`yield_to_waiters` a request would wait until all of a batch is deducted.
    """

    __slots__ = ("_lock", "_waiting")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        #: One entry for each who waits; a deque, because adding to it and taking from it are atomic.
        self._waiting: deque[None] = deque()

    def __repr__(self) -> str:
        return f"<FairLock: {len(self._waiting)} waiting>"

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._waiting.append(None)
            try:
                self._lock.acquire()
            finally:
                self._waiting.pop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def yield_to_waiters(self) -> None:
        """Let those go first who wait; not to be called with the lock held. Stands back only for a moment, so that
        work is done however many wait."""
        if self._waiting:
            pause(_PAUSE)
