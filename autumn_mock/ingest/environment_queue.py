"""The messages of one environment in one shard: those that may be taken, and those that faults hold up."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from autumn_mock.domain.books import Message
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.kinds.worker import WorkerFault
from autumn_mock.store.environment import Environment

_NEVER = float("inf")


class Delivery(Struct, gc=False):
    """A message on its way to a worker."""

    environment: Environment
    message: Message
    #: Rules of the request that it came with.
    once: Sequence[ArmedRule] = ()
    #: The worker faults that fired on it; None: it has not been matched yet.
    faults: list[WorkerFault] | None = None


class Hold(Struct, frozen=True):
    """One rule that keeps a message back."""

    armed: ArmedRule
    #: In ms of the organisation's clock; infinity: until the rule is over.
    until: float

    @property
    def end(self) -> float:
        """When it ends, on that clock: at once if the rule was cleared, and perhaps never."""
        if self.armed.is_disarmed:
            return 0
        return self.until


class Held(Struct, frozen=True):
    """A message that may not be taken yet, and all that keeps it back."""

    delivery: Delivery
    holds: tuple[Hold, ...]

    @property
    def last(self) -> Hold:
        """The hold that ends last."""
        return max(self.holds, key=lambda hold: hold.end)


class EnvironmentQueue:
    """Guarded by the queue's lock."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.ready: deque[Delivery] = deque()
        #: By when they end; those that never end by themselves come last.
        self._held: list[tuple[float, int, Held]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self.ready) + len(self._held)

    def hold(self, held: Held) -> None:
        """Keep a message back, unless all that held it is over by now."""
        end = held.last.end
        if end <= self.environment.clock.now():
            self.ready.append(held.delivery)
        else:
            heapq.heappush(self._held, (end, next(self._order), held))

    def release(self) -> None:
        """Let those go whose time has come."""
        if self._held:
            now = self.environment.clock.now()
            while self._held and self._held[0][0] <= now:
                self.ready.append(heapq.heappop(self._held)[2].delivery)

    def look_again(self) -> None:
        """Let those go whose rules were cleared, and file those anew that other rules still hold."""
        if any(hold.armed.is_disarmed for _, _, held in self._held for hold in held.holds):
            held, self._held = self.held(), []
            for each in held:
                self.hold(each)

    def wait(self) -> float | None:
        """Seconds until something is let go; None when only a change of rules or of the clock can do that."""
        if not self._held or self._held[0][0] == _NEVER or self.environment.clock.frozen:
            return None
        return max((self._held[0][0] - self.environment.clock.now()) / 1000, 0)

    def held(self) -> list[Held]:
        """What is kept back, in the order in which it ends."""
        return [each for _, _, each in sorted(self._held)]

    @property
    def is_stuck(self) -> bool:
        """Whether what is left in it will not go by itself."""
        if self.ready or not self._held:
            return not self.ready
        first, clock = self._held[0][0], self.environment.clock
        return first == _NEVER or (clock.frozen and first > clock.now())
