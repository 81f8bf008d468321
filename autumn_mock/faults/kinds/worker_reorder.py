from autumn_mock.faults.sites import MessageEffects, WorkerFault


class ReorderMessages(WorkerFault):
    """Items that wait together are deducted in reverse order."""

    name = "worker:reorder"
    example = "worker:reorder"

    def on_message(self, effects: MessageEffects) -> None:
        effects.reversed_by = effects.reversed_by or self
