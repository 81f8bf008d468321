"""``reply:truncate``."""

from __future__ import annotations

from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class TruncateReply(ReplyFault):
    """A part of the reply."""

    name = "reply:truncate"
    summary = "half of the reply, then the connection is closed"
    example = "reply:truncate times=1"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.truncate(0.5)
