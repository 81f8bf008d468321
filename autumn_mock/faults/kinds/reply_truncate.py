from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class TruncateReply(ReplyFault):
    """Half of the reply, then the connection is closed."""

    name = "reply:truncate"
    example = "reply:truncate times=1"
    changes = "length"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.truncate(0.5)
