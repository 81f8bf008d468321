"""``worker:drop``."""

from __future__ import annotations

from autumn_mock.faults.sites import MessagePlan, WorkerFault


class DropMessage(WorkerFault):
    """Messages are lost."""

    name = "worker:drop"
    summary = "an accepted item is lost, with the reason dropped"
    example = "worker:drop every=10"

    def on_message(self, plan: MessagePlan) -> None:
        plan.dropped_by = plan.dropped_by or self
