from autumn_mock.faults.sites import MessageEffects, WorkerFault


class DropMessage(WorkerFault):
    """An accepted item is lost, with the reason dropped."""

    name = "worker:drop"
    example = "worker:drop every=10"

    def on_message(self, effects: MessageEffects) -> None:
        effects.dropped_by = effects.dropped_by or self
