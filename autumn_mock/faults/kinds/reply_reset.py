from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class ResetConnection(ReplyFault):
    """No reply; the connection is reset."""

    name = "reply:reset"
    example = "reply:reset after=enqueue times=1"
    changes = "connection"
    has_phase = True

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.lose("reset")
