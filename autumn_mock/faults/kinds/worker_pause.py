"""``worker:pause``."""

from __future__ import annotations

import math

from autumn_mock.faults.sites import Hold, MessagePlan, WorkerFault


class PauseWorker(WorkerFault):
    """Messages wait for as long as the rule is armed."""

    name = "worker:pause"
    summary = "accepted items wait until the rule is cleared or its ttl ends"
    example = "worker:pause customer=cus_123"

    def on_message(self, plan: MessagePlan) -> None:
        # A rule of the whole server has the server's clock.
        until = math.inf if self.expires_at is None else float(self.expires_at + plan.now - self.clock.now())
        plan.holds.append(Hold(self, until))
