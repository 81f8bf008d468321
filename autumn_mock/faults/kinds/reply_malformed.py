"""``reply:malformed``."""

from __future__ import annotations

from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class MalformedReply(ReplyFault):
    """A body that does not parse."""

    name = "reply:malformed"
    summary = "a body that is not valid JSON"
    example = "reply:malformed times=1"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.alter(body=b'{"success": tru, "message": "the rest of th')
