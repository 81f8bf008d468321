"""``worker:reorder``."""

from __future__ import annotations

from autumn_mock.faults.sites import MessagePlan, WorkerFault


class ReorderMessages(WorkerFault):
    """Messages change their order."""

    name = "worker:reorder"
    summary = "items that wait together are deducted in reverse order"
    example = "worker:reorder"

    def on_message(self, plan: MessagePlan) -> None:
        plan.reversed_by = plan.reversed_by or self
