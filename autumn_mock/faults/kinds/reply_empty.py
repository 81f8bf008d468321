from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class EmptyReply(ReplyFault):
    """The status and no body."""

    name = "reply:empty"
    example = "reply:empty"
    changes = "body"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.alter(body=b"")
