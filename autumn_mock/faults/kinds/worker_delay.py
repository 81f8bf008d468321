"""``worker:delay``."""

from __future__ import annotations

from autumn_mock.faults.options import duration
from autumn_mock.faults.sites import Hold, MessagePlan, WorkerFault


class DelayWorker(WorkerFault):
    """Messages are deducted later."""

    name = "worker:delay"
    summary = "items are deducted this much later, on the organisation's clock"
    example = "worker:delay 2s"
    argument = duration
    argument_placeholder = "TIME"

    def on_message(self, plan: MessagePlan) -> None:
        plan.holds.append(Hold(self, float(plan.accepted_at + self.rule.argument)))
