"""Faults at the rate limit."""

from __future__ import annotations

from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.options import request_limit


class LimitFault(ArmedRule):
    """Changes the limit of a request."""

    def applies(self, *, is_batch: bool) -> bool:  # noqa: ARG002  # see ReplaceLimit
        """Whether it changes the limit of this request."""
        return True

    @property
    def replacement(self) -> str | None:
        """The limit to use, as ``3/second``; None: the limit counts as exhausted."""
        return None

    def count_refusal(self) -> None:
        """The limit refused the request."""


class ExhaustLimit(LimitFault):
    """Every limit counts as used up."""

    name = "limit:exhaust"
    summary = "every limit is exhausted: 429"
    example = "limit:exhaust times=3"


class ReplaceLimit(LimitFault):
    """Another limit. Fires for each request that the limit refuses."""

    name = "limit"
    summary = "another limit for batches, or for the calls of route="
    example = "limit 3/second"
    argument = request_limit
    argument_placeholder = "N/second"
    has_rate = False

    def trigger(self) -> bool:
        return self.is_due()

    def applies(self, *, is_batch: bool) -> bool:
        return is_batch or "route" in self.options

    @property
    def replacement(self) -> str | None:
        return str(self.rule.argument)

    def count_refusal(self) -> None:
        self.fired += 1
