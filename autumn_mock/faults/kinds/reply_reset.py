"""``reply:reset``."""

from __future__ import annotations

from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class ResetConnection(ReplyFault):
    """No reply, and a reset."""

    name = "reply:reset"
    summary = "no reply; the connection is reset"
    example = "reply:reset after=enqueue times=1"
    has_phase = True

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.lose("reset")
