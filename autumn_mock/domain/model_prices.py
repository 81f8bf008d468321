"""What language models cost: the public list prices of some that are widely used, in dollars per million tokens.

The real service takes them from models.dev. Models that end in ``-test`` are made up: they are the ones that the
recordings were made with. A model that is missing here can be given prices of its own as ``custom/<name>`` in the
``model_markups`` of an AI credit system.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

#: A call with more input tokens than this, cached ones included, is billed at the long rates.
LONG_CONTEXT = 200_000


class LongRates(Struct, frozen=True):
    """The rates of a long call."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None


class Rates(Struct, frozen=True):
    """Prices by kind of token. None: the price of text tokens in the same direction."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    reasoning: Decimal | None = None
    long: LongRates | None = None

    def for_context(self, tokens: int) -> tuple[Rates, bool]:
        """The rates of a call with ``tokens`` input tokens, and whether they are the long ones."""
        if self.long is None or tokens <= LONG_CONTEXT:
            return self, False
        long = self.long
        return replace(
            self,
            input=long.input,
            output=long.output,
            cache_read=self.cache_read if long.cache_read is None else long.cache_read,
            cache_write=self.cache_write if long.cache_write is None else long.cache_write,
        ), True


def _rates(input: str, output: str, cache_read: str = "", cache_write: str = "", **others: str) -> Rates:
    long = others.pop("long", "")
    return Rates(
        Decimal(input),
        Decimal(output),
        Decimal(cache_read) if cache_read else None,
        Decimal(cache_write) if cache_write else None,
        long=LongRates(*map(Decimal, long.split())) if long else None,
        **{name: Decimal(rate) for name, rate in others.items()},
    )


PRICES = {
    "anthropic/claude-3-5-haiku-latest": _rates("0.8", "4", "0.08", "1"),
    "anthropic/claude-haiku-4-5": _rates("1", "5", "0.1", "1.25"),
    "anthropic/claude-opus-4-1": _rates("15", "75", "1.5", "18.75"),
    "anthropic/claude-opus-4-5": _rates("5", "25", "0.5", "6.25"),
    "anthropic/claude-sonnet-4-5": _rates("3", "15", "0.3", "3.75", long="6 22.5 0.6 7.5"),
    "anthropic/claude-test": _rates("3", "15", "0.3", "3.75"),
    "google/gemini-2.0-flash": _rates("0.1", "0.4", "0.025", audio_input="0.7"),
    "google/gemini-2.5-flash": _rates("0.3", "2.5", "0.03", audio_input="1"),
    "google/gemini-2.5-flash-lite": _rates("0.1", "0.4", "0.01", audio_input="0.3"),
    "google/gemini-2.5-pro": _rates("1.25", "10", "0.125", long="2.5 15 0.25"),
    "openai/audio-test": _rates("1", "2", audio_input="10", audio_output="20", reasoning="4"),
    "openai/gpt-4.1": _rates("2", "8", "0.5"),
    "openai/gpt-4.1-mini": _rates("0.4", "1.6", "0.1"),
    "openai/gpt-4.1-nano": _rates("0.1", "0.4", "0.025"),
    "openai/gpt-4o": _rates("2.5", "10", "1.25"),
    "openai/gpt-4o-mini": _rates("0.15", "0.6", "0.075"),
    "openai/gpt-5": _rates("1.25", "10", "0.125"),
    "openai/gpt-5-mini": _rates("0.25", "2", "0.025"),
    "openai/gpt-5-nano": _rates("0.05", "0.4", "0.005"),
    "openai/gpt-test": _rates("2.5", "10", "1.25", long="5 20"),
    "openai/o3": _rates("2", "8", "0.5"),
    "openai/o4-mini": _rates("1.1", "4.4", "0.275"),
}
