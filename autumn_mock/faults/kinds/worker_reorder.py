from autumn_mock.faults.sites import MessagePlan, WorkerFault


class ReorderMessages(WorkerFault):
    """Items that wait together are deducted in reverse order."""

    name = "worker:reorder"
    example = "worker:reorder"

    def on_message(self, plan: MessagePlan) -> None:
        plan.reversed_by = plan.reversed_by or self
