from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class MalformedReply(ReplyFault):
    """A body that is not valid JSON."""

    name = "reply:malformed"
    example = "reply:malformed times=1"
    changes = "body"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.alter(body=b'{"success": tru, "message": "the rest of th')
