from autumn_mock.faults.sites import MessagePlan, WorkerFault


class DuplicateMessage(WorkerFault):
    """An item is delivered twice; the second delivery finds it deducted and changes nothing."""

    name = "worker:duplicate"
    example = "worker:duplicate every=5"

    def on_message(self, plan: MessagePlan) -> None:
        plan.redelivered_by = plan.redelivered_by or self
