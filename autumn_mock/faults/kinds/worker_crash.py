from autumn_mock.faults.sites import MessageEffects, WorkerFault


class CrashWorker(WorkerFault):
    """The worker crashes after the deduction, before the acknowledgement; another one receives the item again."""

    name = "worker:crash"
    example = "worker:crash times=1"

    def on_message(self, effects: MessageEffects) -> None:
        effects.crashes.append(self)
