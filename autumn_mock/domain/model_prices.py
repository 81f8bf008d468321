"""What language models cost: the public list prices of some that are widely used, in dollars per million tokens.

The real service takes them from models.dev. Models that end in ``-test`` are made up: they are the ones that the
recordings were made with. :mod:`autumn_mock.operations.model_prices` says where those of other models are from.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from autumn_mock.domain.token_rates import LongRates, Rates


def _rates(input: str, output: str, cache_read: str = "", cache_write: str = "", **others: str) -> Rates:
    long = others.pop("long", "")
    # A model may have no long rates of the cache.
    kinds: dict[str, Any] = dict(
        zip(("input", "output", "cache_read", "cache_write"), map(Decimal, long.split()), strict=False)
    )
    return Rates(
        input=Decimal(input),
        output=Decimal(output),
        cache_read=Decimal(cache_read) if cache_read else None,
        cache_write=Decimal(cache_write) if cache_write else None,
        long=(LongRates(**kinds),) if long else (),
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
