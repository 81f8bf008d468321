from autumn_mock.faults.options import duration
from autumn_mock.faults.sites import Hold, MessagePlan, WorkerFault


class DelayWorker(WorkerFault):
    """Items are deducted this much later, on the organisation's clock."""

    name = "worker:delay"
    example = "worker:delay 2s"
    argument = duration
    argument_placeholder = "TIME"

    def on_message(self, plan: MessagePlan) -> None:
        plan.holds.append(Hold(self, float(plan.accepted_at + self.rule.argument)))
