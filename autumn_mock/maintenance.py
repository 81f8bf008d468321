"""Background maintenance, once a second: checkpoints, removal of old events, resets and expiries that are due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from autumn_mock.barrier import RequestBarrier
from autumn_mock.operations.call import Call
from autumn_mock.operations.retention import drop_oldest_events, sweep
from autumn_mock.store.environment import Environment
from autumn_mock.store.state import State

#: Seconds between rounds.
_ROUND = 1.0
#: Rounds between sweeps, and between writes of when organisations were last used.
_SWEEP_EVERY = 10
_LAST_USE_EVERY = 60
#: The longest back-off after failures, in rounds.
_LONGEST_PAUSE = 64

_log = logging.getLogger("autumn_mock")


class MaintenanceThread:
    """The maintenance threads: one for checkpoints, which take seconds for a large file, one for the rest.

    ``max_events``: events kept per environment. ``close_idle`` closes the organisations that have been idle for long,
    and ``keep_last_use`` writes when each was last used. ``call_in`` makes the context of what is done in an
    environment.
    """

    def __init__(
        self,
        state: State,
        barrier: RequestBarrier,
        max_events: int,
        close_idle: Callable[[], None],
        keep_last_use: Callable[[], None],
        call_in: Callable[[Environment], Call],
    ) -> None:
        self._state = state
        self._barrier = barrier
        self._max_events = max_events
        self._call_in = call_in
        self._stopping = threading.Event()
        self._sweeping = Task("sweep for what is due", self._sweep, every=_SWEEP_EVERY)
        tasks = {
            "writer": (Task("checkpoint", self._checkpoint),),
            "housekeeper": (
                Task("dropping old events", self._drop_events),
                Task("closing idle organisations", close_idle),
                Task("keeping when organisations were last used", keep_last_use, every=_LAST_USE_EVERY),
                self._sweeping,
            ),
        }
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name=f"autumn-mock-{name}", daemon=True)
            for name, each in tasks.items()
        ]

    def sweep_soon(self) -> None:
        """Sweep in the next round: the time was changed."""
        self._sweeping.hurry()

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the running tasks and end the threads."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, tasks: tuple[Task, ...]) -> None:
        while not self._stopping.wait(_ROUND):
            for task in tasks:
                task.turn()

    def _checkpoint(self) -> None:
        if self._state.wants_checkpoint:
            self._state.checkpoint()

    def _drop_events(self) -> None:
        for environment in self._state.environments():
            dropped = drop_oldest_events(environment, self._max_events)
            if dropped:
                _log.warning("%s: dropped the %s oldest events; --max-events keeps more", environment, dropped)

    def _sweep(self) -> None:
        for environment in self._state.environments():
            with self._barrier.passed(environment.name[0]):
                sweep(self._call_in(environment))


class Task:
    """A task that runs every ``every`` rounds.

    After an ``OSError`` it is retried with exponential back-off: a checkpoint that fails leaves another log file. Only
    the first failure and the recovery are logged.
    """

    def __init__(self, what: str, act: Callable[[], None], *, every: int = 1) -> None:
        self._what = what
        self._act = act
        self._every = every
        self._wait = every
        self._failures = 0

    def hurry(self) -> None:
        """Run the task in the next round, unless it is retried after a failure."""
        if not self._failures:
            self._wait = 0

    def turn(self) -> None:
        """Run the task if it is due."""
        self._wait -= 1
        if self._wait > 0:
            return
        self._wait = self._every
        try:
            self._act()
        except OSError as error:
            self._fail(error)
        except Exception:
            _log.exception("%s failed; it will be retried", self._what)
        else:
            if self._failures:
                _log.warning("%s succeeds again", self._what)
            self._failures = 0

    def _fail(self, error: OSError) -> None:
        self._failures += 1
        self._wait = max(self._every, min(1 << self._failures, _LONGEST_PAUSE))
        if self._failures == 1:
            _log.error("%s failed; retrying with back-off: %s", self._what, error)
