import math

from autumn_mock.faults.sites import Hold, MessageEffects, WorkerFault


class PauseWorker(WorkerFault):
    """Accepted items wait until the rule is cleared or its ttl ends."""

    name = "worker:pause"
    example = "worker:pause customer=cus_123"

    def on_message(self, effects: MessageEffects) -> None:
        # A rule of the whole server has the server's clock.
        until = math.inf if self.expires_at is None else float(self.expires_at + effects.now - self.clock.now())
        effects.holds.append(Hold(self, until))
