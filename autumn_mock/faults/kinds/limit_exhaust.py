"""``limit:exhaust``."""

from __future__ import annotations

from autumn_mock.faults.sites import LimitFault


class ExhaustLimit(LimitFault):
    """Every limit is exhausted."""

    name = "limit:exhaust"
    summary = "every limit is exhausted: 429"
    example = "limit:exhaust times=3"

    def on_limit(self, *, is_batch: bool) -> bool:  # noqa: ARG002  # every limit
        return True
