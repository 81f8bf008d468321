from autumn_mock.faults.options import request_limit
from autumn_mock.faults.sites import LimitFault


class ReplaceLimit(LimitFault):
    """Another limit for batches, or for the calls of route=. The rule fires on each request that the limit refuses."""

    name = "limit"
    example = "limit 3/second"
    argument = request_limit
    argument_placeholder = "N/second"
    has_rate = False

    def trigger(self) -> bool:
        return self.is_due()

    def on_limit(self, *, is_batch: bool) -> bool:
        return is_batch or "route" in self.options

    @property
    def replacement(self) -> str | None:
        return str(self.rule.argument)

    def on_refusal(self) -> None:
        self.fired += 1
