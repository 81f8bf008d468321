from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class HangReply(ReplyFault):
    """No reply; the connection stays open until the client gives up."""

    name = "reply:hang"
    example = "reply:hang after=enqueue"
    changes = "connection"
    has_phase = True

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.wait(self, None)
        reply.lose("close")
