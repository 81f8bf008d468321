"""What the tokens of a language model cost, in dollars per million."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from autumn_mock.domain.record import Count, Record

#: A call with more input tokens than this, cached ones included, is long unless its model says otherwise.
LONG_CONTEXT = 200_000


class LongRates(Record, frozen=True, kw_only=True):
    """The rates of calls with more than ``above`` input tokens, cached ones included."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    above: Count = LONG_CONTEXT


class Rates(Record, frozen=True, kw_only=True):
    """Prices by kind of token. None: the price of text tokens in the same direction."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    reasoning: Decimal | None = None
    #: Those that replace these, by ``above``, lowest first.
    long: tuple[LongRates, ...] = ()

    def for_context(self, tokens: int) -> tuple[Rates, bool]:
        """The rates of a call with ``tokens`` input tokens, and whether they are long ones."""
        fitting = [each for each in self.long if tokens > each.above]
        if not fitting:
            return self, False
        long = fitting[-1]
        return replace(
            self,
            input=long.input,
            output=long.output,
            cache_read=self.cache_read if long.cache_read is None else long.cache_read,
            cache_write=self.cache_write if long.cache_write is None else long.cache_write,
        ), True
