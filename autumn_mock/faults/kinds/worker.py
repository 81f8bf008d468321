"""Faults of accepted messages: when and how a worker deducts them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from autumn_mock.clock import Clock
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.options import Option, duration, name, per_second

if TYPE_CHECKING:
    from autumn_mock.faults.grammar import Rule

#: What a fault did to a message, as ``/_mock/requests/ID`` shows it.
Effect = Literal["held", "reordered", "duplicated", "crashed", "dropped"]

_EVENT = Option("event", name, "only items with this event name", "NAME")


class WorkerFault(ArmedRule):
    """Acts on messages that a worker has taken. Each message is matched once, when it is first taken."""

    own_options: ClassVar[tuple[Option, ...]] = (_EVENT,)
    effect: ClassVar[Effect]
    #: Whether the message is lost instead of deducted.
    drops: ClassVar[bool] = False
    #: Whether messages taken together are deducted in reverse order.
    reverses: ClassVar[bool] = False
    #: Whether the worker dies after the deduction was committed, before it acknowledges the message.
    crashes: ClassVar[bool] = False
    #: Whether the message is delivered again after its deduction.
    redelivers: ClassVar[bool] = False

    def trigger_message(self, item: TrackItem) -> bool:
        """Count a message. True if the rule fires on it."""
        return self.matches_item(item) and self.trigger()

    def hold_until(self, accepted_at: int, now: int) -> float | None:  # noqa: ARG002  # see the kinds that hold
        """Until when the message waits, in ms of its organisation's clock, which is at ``now``; infinity: until the
        rule is over; None: it does not wait."""
        return None


class PauseWorker(WorkerFault):
    """Messages wait for as long as the rule is armed."""

    name = "worker:pause"
    summary = "accepted items wait until the rule is cleared or its ttl ends"
    example = "worker:pause customer=cus_123"
    effect = "held"

    def hold_until(self, accepted_at: int, now: int) -> float | None:  # noqa: ARG002  # waits for the rule alone
        return math.inf if self.expires_at is None else float(self.expires_at + now - self.clock.now())


class SlowWorker(WorkerFault):
    """Messages are deducted at a limited rate."""

    name = "worker:slow"
    summary = "items are deducted no faster than this rate"
    example = "worker:slow rate=100/s"
    own_options = (Option("rate", per_second, "messages per second or minute", "N/s"), _EVENT)
    has_rate = False
    effect = "held"

    def __init__(self, number: int, rule: Rule, clock: Clock) -> None:
        super().__init__(number, rule, clock)
        #: When the next message may be deducted, in ms of the rule's clock.
        self._next_slot = 0.0

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:  # noqa: ARG003  # no argument
        return None if "rate" in options else ("", f"worker:slow needs a rate, as in: {cls.example}")

    def hold_until(self, accepted_at: int, now: int) -> float | None:  # noqa: ARG002  # slots follow each other
        ahead = now - self.clock.now()  # a rule of the whole server has the server's clock
        slot = max(float(now - ahead), self._next_slot)
        self._next_slot = slot + 1000 / float(self.options["rate"])
        return slot + ahead


class DelayWorker(WorkerFault):
    """Messages are deducted later."""

    name = "worker:delay"
    summary = "items are deducted this much later, on the organisation's clock"
    example = "worker:delay 2s"
    argument = duration
    argument_placeholder = "TIME"
    effect = "held"

    def hold_until(self, accepted_at: int, now: int) -> float | None:  # noqa: ARG002  # counts from acceptance
        return float(accepted_at + self.rule.argument)


class DropMessage(WorkerFault):
    """Messages are lost."""

    name = "worker:drop"
    summary = "an accepted item is lost, with the reason dropped"
    example = "worker:drop every=10"
    effect = "dropped"
    drops = True


class ReorderMessages(WorkerFault):
    """Messages change their order."""

    name = "worker:reorder"
    summary = "items that wait together are deducted in reverse order"
    example = "worker:reorder"
    effect = "reordered"
    reverses = True


class CrashWorker(WorkerFault):
    """The worker dies between commit and acknowledgement."""

    name = "worker:crash"
    summary = "the worker dies after the deduction, before the acknowledgement; another one receives the item again"
    example = "worker:crash times=1"
    effect = "crashed"
    crashes = True


class DuplicateMessage(WorkerFault):
    """Messages are delivered twice."""

    name = "worker:duplicate"
    summary = "an item is delivered twice; the second delivery finds it deducted and changes nothing"
    example = "worker:duplicate every=5"
    effect = "duplicated"
    redelivers = True
