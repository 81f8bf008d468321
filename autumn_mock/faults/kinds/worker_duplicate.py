"""``worker:duplicate``."""

from __future__ import annotations

from autumn_mock.faults.sites import MessagePlan, WorkerFault


class DuplicateMessage(WorkerFault):
    """Messages are delivered twice."""

    name = "worker:duplicate"
    summary = "an item is delivered twice; the second delivery finds it deducted and changes nothing"
    example = "worker:duplicate every=5"

    def on_message(self, plan: MessagePlan) -> None:
        plan.redelivered_by = plan.redelivered_by or self
