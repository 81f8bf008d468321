"""The only source of time: real, frozen, or moved. Milliseconds since the epoch, UTC.

Every organisation has a clock of its own, so that tests which travel in time run side by side. An
organisation's clock follows the server's until it is moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from autumn_mock.domain.record import LATEST
from autumn_mock.locks import Level, new_lock

Milliseconds = int

#: A monotonic clock in seconds, for measuring: only differences have a meaning.
stopwatch = time.perf_counter
#: Sleeps for a number of real seconds, whatever the emulated clocks show.
pause = time.sleep


def wall_clock() -> Milliseconds:
    """The machine's time."""
    return time.time_ns() // 1_000_000


def in_calendar(instant: Milliseconds) -> Milliseconds:
    """An instant that a clock can show. Raises :class:`ValueError` for another one."""
    if not 0 <= instant <= LATEST:
        raise ValueError("must be an instant from 1970 to 9990")
    return instant


class Clock:
    """A clock that can be frozen and moved, on top of another source of time."""

    def __init__(self, source: Callable[[], Milliseconds] = wall_clock) -> None:
        self._source = source
        self._lock = new_lock(Level.CLOCK)
        self._offset = 0
        self._frozen_at: Milliseconds | None = None
        self._listeners: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        state = "frozen" if self._frozen_at is not None else "running"
        return f"<Clock {self.now()} {state}, offset {self._offset} ms>"

    def now(self) -> Milliseconds:
        """The present instant."""
        frozen = self._frozen_at
        return self._source() + self._offset if frozen is None else frozen

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    @property
    def offset(self) -> Milliseconds:
        """How far ahead of its source the clock is."""
        return self.now() - self._source()

    def state(self) -> tuple[Milliseconds, Milliseconds | None]:
        """How far ahead of its source it runs, and the instant at which it is frozen, if it is."""
        with self._lock:
            return self._offset, self._frozen_at

    def restore(self, offset: Milliseconds, frozen_at: Milliseconds | None) -> None:
        """Return to what :meth:`state` returned, without calling listeners."""
        with self._lock:
            self._offset, self._frozen_at = offset, frozen_at

    def freeze(self) -> None:
        """Stop the clock at the present instant."""
        with self._lock:
            if self._frozen_at is None:
                self._frozen_at = self._source() + self._offset
        self._notify()

    def unfreeze(self) -> None:
        """Let the clock run again, from the instant at which it was frozen."""
        with self._lock:
            if self._frozen_at is not None:
                self._offset = self._frozen_at - self._source()
                self._frozen_at = None
        self._notify()

    def set(self, instant: Milliseconds) -> None:
        """Move to ``instant`` (ms) and run on from there, unless frozen. :class:`ValueError` beyond the calendar."""
        in_calendar(instant)
        with self._lock:
            if self._frozen_at is not None:
                self._frozen_at = instant
            else:
                self._offset = instant - self._source()
        self._notify()

    def advance(self, by: Milliseconds) -> None:
        """Move ``by`` milliseconds forward (or back, if negative). :class:`ValueError` beyond the calendar."""
        with self._lock:
            in_calendar(self.now() + by)
            if self._frozen_at is not None:
                self._frozen_at += by
            else:
                self._offset += by
        self._notify()

    def reset(self) -> None:
        """Follow the source again."""
        with self._lock:
            self._offset, self._frozen_at = 0, None
        self._notify()

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every change, so that whatever waits for an instant can check again."""
        self._listeners.append(listener)

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()


def started_clock(now: Milliseconds | None = None, *, frozen: bool = False) -> Clock:
    """A clock as a server begins with it: at an instant (ms) or the present, and running unless ``frozen``."""
    clock = Clock()
    if frozen:
        clock.freeze()
    if now is not None:
        clock.set(now)
    return clock
