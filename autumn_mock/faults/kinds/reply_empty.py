"""``reply:empty``."""

from __future__ import annotations

from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class EmptyReply(ReplyFault):
    """No body."""

    name = "reply:empty"
    summary = "the status and no body"
    example = "reply:empty"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.alter(body=b"")
