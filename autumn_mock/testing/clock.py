"""The clock of a test's organisation."""

from __future__ import annotations

from datetime import datetime, timedelta

from autumn_mock.clock import Clock
from autumn_mock.operations.clock_lengths import length_ahead
from autumn_mock.settings import read_instant
from autumn_mock.store.environment import Environment


class MockClock:
    """The clock of the test's organisation. Limits, locks, resets, idempotency keys, the ttl of faults and the
    timestamps of events follow it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._clock: Clock = environment.clock

    def __repr__(self) -> str:
        return repr(self._clock)

    @property
    def now(self) -> int:
        """The current time, in ms since 1970."""
        return self._clock.now()

    @property
    def frozen(self) -> bool:
        """Whether the clock is frozen."""
        return self._clock.frozen

    def freeze(self, at: str | int | datetime | None = None) -> None:
        """Freeze the clock, now or at an instant."""
        self._clock.freeze()
        if at is not None:
            self.set(at)

    def unfreeze(self) -> None:
        """Let the clock run again."""
        self._clock.unfreeze()

    def reset(self) -> None:
        """Follow the machine's time again."""
        self._clock.reset()

    def advance(self, by: str | int | timedelta) -> None:
        """Move the clock by a duration (``"1d"``, ``"90m"``), calendar months (``"1month"``), ms, or a timedelta.

        ``"next-reset"``: to the next reset of a balance, renewal, beginning or end of a plan. Raises
        :class:`ValueError`.
        """
        if isinstance(by, timedelta):
            by = round(by.total_seconds() * 1000)
        self._clock.advance(length_ahead(self._clock, by, [self._environment]) if isinstance(by, str) else by)

    def set(self, instant: str | int | datetime) -> None:
        """Set the clock to an instant: ISO 8601, ms since 1970, or a datetime. Raises :class:`ValueError`."""
        if isinstance(instant, datetime):
            instant = instant.isoformat()
        try:
            moment = read_instant(str(instant))
        except ValueError as error:
            raise ValueError(f"the time of the clock {error}, not {instant!r}") from None
        self._clock.set(moment)
