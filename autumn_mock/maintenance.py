"""What a server does by itself, once a second: write the file, forget what is too much, renew what is due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from autumn_mock.barrier import RequestBarrier
from autumn_mock.operations.retention import drop_oldest_events, sweep
from autumn_mock.store.state import State

#: Seconds between two rounds.
_ROUND = 1.0
#: Rounds between two sweeps for what is due.
_SWEEP_EVERY = 10
#: Rounds at most before something is tried again that could not be written.
_LONGEST_PAUSE = 64

_log = logging.getLogger("autumn_mock")


class MaintenanceThread:
    """The threads that do it: a large file takes seconds to write, and what is too much shall not grow meanwhile.

    ``max_events``: how many events of an environment are kept.
    """

    def __init__(self, state: State, gate: RequestBarrier, max_events: int) -> None:
        self._state = state
        self._gate = gate
        self._max_events = max_events
        self._stopping = threading.Event()
        tasks = {
            "writer": (Task("the file at rest", self._checkpoint),),
            "housekeeper": (
                Task("what is too much", self._drop_events),
                Task("what is due", self._sweep, every=_SWEEP_EVERY),
            ),
        }
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name=f"autumn-mock-{name}", daemon=True)
            for name, each in tasks.items()
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is under way and end."""
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
            with self._gate.passed(environment.name[0]):
                sweep(environment)


class Task:
    """Something that has a turn in every round, or in every so many.

    When it could not be written (``OSError``) it waits twice as many rounds after each failure: a checkpoint that fails
    leaves a log, and a full disk says the same again and again. The log says it at the first failure, and when it is
    over.
    """

    def __init__(self, what: str, act: Callable[[], None], *, every: int = 1) -> None:
        self._what = what
        self._act = act
        self._every = every
        self._wait = every
        self._failures = 0

    def turn(self) -> None:
        """Do it, if it is time."""
        self._wait -= 1
        if self._wait > 0:
            return
        self._wait = self._every
        try:
            self._act()
        except OSError as error:
            self._fail(error)
        except Exception:
            _log.exception("housekeeping failed and will try again")
        else:
            if self._failures:
                _log.warning("%s could be written again", self._what)
            self._failures = 0

    def _fail(self, error: OSError) -> None:
        self._failures += 1
        self._wait = max(self._every, min(1 << self._failures, _LONGEST_PAUSE))
        if self._failures == 1:
            _log.error("%s could not be written and will be tried again, less and less often: %s", self._what, error)
