from autumn_mock.faults.sites import LimitFault


class ExhaustLimit(LimitFault):
    """Every limit is exhausted: 429."""

    name = "limit:exhaust"
    example = "limit:exhaust times=3"

    def on_limit(self, *, is_batch: bool) -> bool:  # noqa: ARG002  # every limit
        return True
