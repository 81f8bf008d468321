from autumn_mock.faults.sites import MessagePlan, WorkerFault


class DropMessage(WorkerFault):
    """An accepted item is lost, with the reason dropped."""

    name = "worker:drop"
    example = "worker:drop every=10"

    def on_message(self, plan: MessagePlan) -> None:
        plan.dropped_by = plan.dropped_by or self
