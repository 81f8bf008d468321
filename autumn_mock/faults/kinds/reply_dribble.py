from autumn_mock.faults.options import duration
from autumn_mock.faults.sites import ReplyFault, ReplyPlan, Wait


class DribbleReply(ReplyFault):
    """The body is sent in small pieces over this time."""

    name = "reply:dribble"
    example = "reply:dribble 3s"
    changes = "speed"
    argument = duration
    argument_placeholder = "TIME"
    argument_default = 2000

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.spread = Wait(self, self.rule.argument / 1000)
