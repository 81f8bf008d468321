"""The locks that may be held for long: those of environments, of the state, and of the log."""

from __future__ import annotations

from collections import deque
from types import TracebackType

from autumn_mock.clock import pause
from autumn_mock.locks import Level, new_rlock
from autumn_mock.parking import spare_thread

#: Seconds for which :meth:`FairLock.yield_to_waiters` steps aside: enough for a waiting thread to wake up.
_YIELD_S = 0.001
#: Seconds after which a wait is long enough to be worth a thread.
_LONG_S = 0.05


class FairLock:
    """A reentrant lock; a thread with much to do lets others acquire it in between.

    A thread that releases a lock and acquires it again at once nearly always gets it, because a waiting thread has to
    wake up first. Without :meth:`yield_to_waiters` a request would wait until a whole batch is deducted. A request that
    waits for long takes no thread from the others (:mod:`autumn_mock.parking`).
    """

    __slots__ = ("_lock", "_waiting")

    def __init__(self, name: tuple[str, ...] = (), level: Level = Level.ENVIRONMENT) -> None:
        self._lock = new_rlock(level, name)
        #: One entry for each waiting thread; adding to a deque and removing from it are atomic.
        self._waiting: deque[None] = deque()

    def __repr__(self) -> str:
        return f"<FairLock: {len(self._waiting)} waiting>"

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._waiting.append(None)
            try:
                if not self._lock.acquire(timeout=_LONG_S):  # by a snapshot that is loaded, for example
                    with spare_thread(may_refuse=False):
                        self._lock.acquire()
            finally:
                self._waiting.pop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def yield_to_waiters(self) -> None:
        """Give waiting threads a moment to acquire the lock. Must be called without holding it."""
        if self._waiting:
            pause(_YIELD_S)
