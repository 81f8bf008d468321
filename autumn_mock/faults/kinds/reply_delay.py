from collections.abc import Mapping
from typing import Any

from autumn_mock.faults.options import duration_range
from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class DelayReply(ReplyFault):
    """The reply is sent this much later; 1s-3s is a random delay."""

    name = "reply:delay"
    example = "reply:delay 2s after=enqueue"
    changes = "time"
    argument = duration_range
    argument_placeholder = "TIME"
    has_phase = True

    @classmethod
    def is_random(cls, argument: Any, options: Mapping[str, Any]) -> bool:
        return argument[0] != argument[1] or super().is_random(argument, options)

    def on_reply(self, reply: ReplyPlan) -> None:
        shortest, longest = self.rule.argument
        reply.wait(self, self.random.uniform(shortest, longest) / 1000)
