from autumn_mock.faults.options import duration
from autumn_mock.faults.sites import Hold, MessageEffects, WorkerFault


class DelayWorker(WorkerFault):
    """Items are deducted this much later, on the organisation's clock."""

    name = "worker:delay"
    example = "worker:delay 2s"
    argument = duration
    argument_placeholder = "TIME"

    def on_message(self, effects: MessageEffects) -> None:
        effects.holds.append(Hold(self, float(effects.accepted_at + self.rule.argument)))
