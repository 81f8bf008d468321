"""Let a request wait without taking one of the server's threads from the others.

Whatever waits for others on a thread that serves requests does so within :func:`spare_thread`, which gives the server
one thread more meanwhile. On other threads it does nothing, so that callers need not know who called them. What waits:
reply faults, drains, requests at the barrier, operations that replace an organisation one after the other, long held
locks, and clients that do not read their reply.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from autumn_mock.clock import stopwatch
from autumn_mock.locks import Level, new_lock

#: Requests of one server that may wait at a time.
MOST_WAITING = 1000
#: Seconds between two checks whether a wait is over; with many waits their checks together are as frequent as those of
#: a hundred.
_POLL_S, _POLLED_OFTEN = 0.02, 100
#: Seconds between two checks whether a condition's client has gone away.
_ABANDONED_POLL_S = 1.0

_thread = threading.local()


class TooManyWaiting(Exception):
    """As many requests wait as may wait at a time."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} requests wait already, and no more may; retry when some of them have ended")


class RequestParking:
    """The requests of a server that wait. While one waits, the server has one thread more.

    May be used from any thread. ``most``: how many may wait at a time.
    """

    def __init__(self, most: float = MOST_WAITING) -> None:
        self._most = most
        self._stopping = threading.Event()
        self._lock = new_lock(Level.PARKING)
        self._waiting = 0
        self._set_extra_threads: Callable[[int], None] = lambda _: None

    def __repr__(self) -> str:
        return f"<RequestParking: {self._waiting} waiting>"

    def attach(self, set_extra_threads: Callable[[int], None]) -> None:
        """Have ``set_extra_threads(n)`` called to give the server ``n`` threads more than its usual number.

        It may raise :class:`RuntimeError` when the system has no more threads.
        """
        self._set_extra_threads = set_extra_threads

    def serve_on_this_thread(self) -> None:
        """Make this the parking of the current thread, which serves requests."""
        _thread.parking = self

    @contextmanager
    def spare_thread(self, *, may_refuse: bool = True) -> Iterator[None]:
        """Give the server one thread more for the duration of the block.

        At the limit it raises :class:`TooManyWaiting`, or else, where nothing may be refused, does nothing.
        """
        is_counted = self._add()
        if not is_counted and may_refuse:
            raise TooManyWaiting(self._waiting)
        try:
            yield
        finally:
            if is_counted:
                self._remove()

    def require_room(self) -> None:
        """Raise :class:`TooManyWaiting` at the limit: before a reply begins that will wait while it is sent."""
        if self._waiting >= self._most:
            raise TooManyWaiting(self._waiting)

    def _add(self) -> bool:
        with self._lock:
            if self._waiting >= self._most:
                return False
            if not self._stopping.is_set():
                try:
                    self._set_extra_threads(self._waiting + 1)
                except RuntimeError:
                    return False
            self._waiting += 1
            return True

    def _remove(self) -> None:
        with self._lock:
            self._waiting -= 1
            if not self._stopping.is_set():
                self._set_extra_threads(self._waiting)

    def wait(self, seconds: float | None, is_over: Callable[[], bool]) -> None:
        """Wait for a time (None: no limit), or until ``is_over()``, or until the server stops."""
        with self.spare_thread():
            self.pause(seconds, is_over)

    def pause(self, seconds: float | None, is_over: Callable[[], bool]) -> None:
        """The same within :meth:`spare_thread`."""
        ends = math.inf if seconds is None else stopwatch() + seconds
        while not is_over() and (left := ends - stopwatch()) > 0:
            if self._stopping.wait(min(_POLL_S * max(1, self._waiting / _POLLED_OFTEN), left)):
                return

    @property
    def is_stopping(self) -> bool:
        """Whether the server is about to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End every wait, now and from now on."""
        with self._lock:
            self._stopping.set()


#: The parking of threads that serve no requests.
_UNLIMITED = RequestParking(math.inf)


def parking() -> RequestParking:
    """The parking of the server whose requests the current thread serves."""
    found: RequestParking = getattr(_thread, "parking", _UNLIMITED)
    return found


def spare_thread(*, may_refuse: bool = True) -> AbstractContextManager[None]:
    """:meth:`RequestParking.spare_thread` of the current thread's server."""
    return parking().spare_thread(may_refuse=may_refuse)


def wait_for(
    condition: threading.Condition,
    is_so: Callable[[], bool],
    timeout: float,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> None:
    """``condition.wait_for(is_so, timeout)``, which also ends about a second after ``is_abandoned()``."""
    ends = stopwatch() + timeout
    while not is_so() and not is_abandoned() and (left := ends - stopwatch()) > 0:
        condition.wait(min(left, _ABANDONED_POLL_S))
