from autumn_mock.faults.options import content_type
from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class ReplaceContentType(ReplyFault):
    """The body with another content type."""

    name = "reply:content-type"
    example = "reply:content-type text/plain"
    changes = "header"
    argument = content_type
    argument_placeholder = "TYPE"
    argument_default = "text/html"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.set_header("Content-Type", self.rule.argument)
