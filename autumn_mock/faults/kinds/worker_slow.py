"""``worker:slow``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autumn_mock.clock import Clock
from autumn_mock.faults.options import EVENT, Option, per_second
from autumn_mock.faults.sites import Hold, MessagePlan, WorkerFault

if TYPE_CHECKING:
    from autumn_mock.faults.grammar import Rule


class SlowWorker(WorkerFault):
    """Messages are deducted at a limited rate."""

    name = "worker:slow"
    summary = "items are deducted no faster than this rate"
    example = "worker:slow rate=100/s"
    own_options = (Option("rate", per_second, "messages per second or minute", "N/s"), EVENT)
    has_rate = False

    def __init__(self, number: int, rule: Rule, clock: Clock) -> None:
        super().__init__(number, rule, clock)
        #: When the next message may be deducted, in ms of the rule's clock.
        self._next_slot = 0.0

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:  # noqa: ARG003  # no argument
        return None if "rate" in options else ("", f"worker:slow needs a rate, as in: {cls.example}")

    def on_message(self, plan: MessagePlan) -> None:
        ahead = plan.now - self.clock.now()  # a rule of the whole server has the server's clock
        slot = max(float(plan.now - ahead), self._next_slot)
        self._next_slot = slot + 1000 / float(self.options["rate"])
        plan.holds.append(Hold(self, slot + ahead))
