"""The queued messages of one environment: those that are ready, and those that faults hold back."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from autumn_mock.domain.message import Message
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.sites import Hold, MessageEffects
from autumn_mock.store.environment import Environment

_NEVER = float("inf")


class Delivery(Struct, gc=False):
    """A message on its way to a worker."""

    environment: Environment
    message: Message
    #: Rules that apply to the request that brought the message, and to nothing else.
    once: Sequence[ArmedRule] = ()
    #: What worker faults do to it; None until it has been matched against the rules.
    effects: MessageEffects | None = None


class Held(Struct, frozen=True):
    """A message that may not be taken yet, and all that holds it back."""

    delivery: Delivery
    holds: tuple[Hold, ...]

    @property
    def last(self) -> Hold:
        """The hold that ends last."""
        return max(self.holds, key=lambda hold: hold.end)


class EnvironmentQueue:
    """Messages of one environment, first in first out. The caller holds the lock of the queue that it is part of."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        #: A message that nothing is known of becomes a delivery when it is taken.
        self.ready: deque[Message | Delivery] = deque()
        #: Messages that a worker has taken. While there are any, no other worker takes more.
        self.in_flight = 0
        #: A heap by the end of the hold; holds that only a cleared rule ends come last.
        self._held: list[tuple[float, int, Held]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        """Messages that wait, held ones included."""
        return len(self.ready) + len(self._held)

    def take(self, limit: int) -> list[Delivery]:
        """Take up to ``limit`` messages from the front."""
        ready, environment = self.ready, self.environment
        taken = [ready.popleft() for _ in range(min(limit, len(ready)))]
        self.in_flight += len(taken)
        return [each if isinstance(each, Delivery) else Delivery(environment, each) for each in taken]

    def peek(self) -> list[tuple[Message, Held | None]]:
        """The messages that wait, each with what holds it back."""
        ready = [each.message if isinstance(each, Delivery) else each for each in self.ready]
        return [*((each, None) for each in ready), *((held.delivery.message, held) for held in self.held())]

    def clear(self) -> int:
        """Drop what waits; returns how many messages that were."""
        dropped = len(self)
        self.ready.clear()
        self._held.clear()
        return dropped

    def hold(self, held: Held) -> None:
        """Hold a message back, or make it ready if all its holds have ended."""
        end = held.last.end
        if end <= self.environment.clock.now():
            self.ready.append(held.delivery)
        else:
            heapq.heappush(self._held, (end, next(self._order), held))

    def release_due(self) -> None:
        """Make those ready whose holds have ended."""
        if self._held:
            now = self.environment.clock.now()
            while self._held and self._held[0][0] <= now:
                self.ready.append(heapq.heappop(self._held)[2].delivery)

    def recheck_holds(self) -> None:
        """Take account of rules that were cleared."""
        if any(hold.armed.is_disarmed for _, _, held in self._held for hold in held.holds):
            held, self._held = self.held(), []
            for each in held:
                self.hold(each)

    def seconds_to_release(self) -> float | None:
        """Seconds until the next hold ends; None when only a change of rules or of the clock can end one."""
        if not self._held or self._held[0][0] == _NEVER or self.environment.clock.frozen:
            return None
        return max((self._held[0][0] - self.environment.clock.now()) / 1000, 0)

    def held(self) -> list[Held]:
        """The messages held back, by the end of their holds."""
        return [each for _, _, each in sorted(self._held)]

    @property
    def is_stuck(self) -> bool:
        """True if no message is ready and none will be without a change of rules or of the clock."""
        if self.ready or not self._held:
            return not self.ready
        first, clock = self._held[0][0], self.environment.clock
        return first == _NEVER or (clock.frozen and first > clock.now())
