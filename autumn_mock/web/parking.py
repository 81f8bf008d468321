"""Let a request wait without taking one of the server's threads from the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autumn_mock.locks import Level, new_lock

#: Seconds between two checks whether a wait is over.
_POLL_S = 0.02


class RequestParking:
    """Requests that wait. While one waits, the server has one thread more. May be used from any thread."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._lock = new_lock(Level.PARKING)
        self._waiting = 0
        self._set_extra_threads: Callable[[int], None] = lambda _: None

    def __repr__(self) -> str:
        return f"<RequestParking: {self._waiting} waiting>"

    def attach(self, set_extra_threads: Callable[[int], None]) -> None:
        """Have ``set_extra_threads(n)`` called to give the server ``n`` threads more than its usual number."""
        self._set_extra_threads = set_extra_threads

    @contextmanager
    def spare_thread(self) -> Iterator[None]:
        """Give the server one thread more for the duration of the block."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        with self._lock:
            self._waiting += by
            if not self._stopping.is_set():
                self._set_extra_threads(self._waiting)

    def wait(self, seconds: float | None, is_over: Callable[[], bool]) -> None:
        """Wait for a time (None: no limit), or until ``is_over()``, or until the server stops."""
        with self.spare_thread():
            self.pause(seconds, is_over)

    def pause(self, seconds: float | None, is_over: Callable[[], bool]) -> None:
        """The same within :meth:`spare_thread`."""
        left = seconds
        while not is_over():
            step = _POLL_S if left is None else min(_POLL_S, left)
            if self._stopping.wait(step):
                return
            if left is not None:
                left -= step
                if left <= 0:
                    return

    def stop(self) -> None:
        """End every wait, now and from now on."""
        with self._lock:
            self._stopping.set()
