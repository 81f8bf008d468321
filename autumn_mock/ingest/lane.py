"""The messages of one environment in one shard: those that may be taken, and those that a fault holds up."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from autumn_mock.domain.books import Message
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.store.environment import Environment


class Delivery(Struct):
    """A message on its way to a worker."""

    environment: Environment
    message: Message
    #: Rules of the request that it came with.
    once: Sequence[ArmedRule] = ()
    #: The worker rules that struck it; None: it was not held against them yet.
    struck: list[ArmedRule] | None = None


class Held(Struct):
    """A message that may not be taken yet."""

    delivery: Delivery
    armed: ArmedRule
    #: On the organisation's clock (ms); None: until the rule is over.
    until: float | None


class Lane:
    """Guarded by the queue's lock."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.ready: deque[Delivery] = deque()
        self._timed: list[tuple[float, int, Held]] = []
        self._parked: list[Held] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self.ready) + len(self._timed) + len(self._parked)

    def hold(self, held: Held) -> None:
        """Keep a message back."""
        if held.until is None:
            self._parked.append(held)
        else:
            heapq.heappush(self._timed, (held.until, next(self._order), held))

    def release(self) -> None:
        """Let those go whose time has come."""
        if not self._timed:
            return
        now = self.environment.clock.now()
        while self._timed and self._timed[0][0] <= now:
            self.ready.append(heapq.heappop(self._timed)[2].delivery)

    def release_disarmed(self) -> None:
        """Let those go whose rule was cleared."""
        free = [each for each in self.held() if each.armed.is_disarmed]
        if free:
            self._timed = [each for each in self._timed if not each[2].armed.is_disarmed]
            heapq.heapify(self._timed)
            self._parked = [each for each in self._parked if not each.armed.is_disarmed]
            self.ready.extend(each.delivery for each in free)

    def wait(self) -> float | None:
        """Seconds until something is let go; None when only a change of rules or of the clock can do that."""
        if not self._timed or self.environment.clock.frozen:
            return None
        return max((self._timed[0][0] - self.environment.clock.now()) / 1000, 0)

    def held(self) -> list[Held]:
        """What is kept back, those with a time first."""
        return [each for _, _, each in sorted(self._timed)] + self._parked

    @property
    def is_stuck(self) -> bool:
        """Whether what is left in it will not go by itself."""
        return not self.ready and (not self._timed or self.environment.clock.frozen)
