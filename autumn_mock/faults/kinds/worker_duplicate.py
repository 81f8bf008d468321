from autumn_mock.faults.sites import MessageEffects, WorkerFault


class DuplicateMessage(WorkerFault):
    """An item is delivered twice; the second delivery finds it deducted and changes nothing."""

    name = "worker:duplicate"
    example = "worker:duplicate every=5"

    def on_message(self, effects: MessageEffects) -> None:
        effects.redelivered_by = effects.redelivered_by or self
