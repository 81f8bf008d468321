"""The prices of a model: those of the organisation, of the built-in list, or of the package ``genai-prices``.

The package is the optional extra ``prices``. It is imported for the first model that neither of the others has.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.model_prices import PRICES
from autumn_mock.domain.token_rates import LongRates, Rates

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

#: Names that a note about an unknown model gives at most.
_MOST_NAMES = 5
#: The rate of each kind of token in the package's prices.
_KINDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
}
_LONG_KINDS = ("input", "output", "cache_read", "cache_write")
#: Providers that the package knows by other names than models.dev, where the real service has its prices from.
_PROVIDERS = {
    "amazon-bedrock": "aws",
    "fireworks-ai": "fireworks",
    "moonshotai-cn": "moonshotai",
    "togetherai": "together",
    "xai": "x-ai",
}


def find_rates(model_id: str, own: Mapping[str, Rates], now: int) -> Rates | None:
    """The rates of a model, ``provider/model``, at an instant (ms); None when nothing has prices of it.

    ``own``: the prices that the organisation has.
    """
    return own.get(model_id) or PRICES.get(model_id) or _in_package(model_id, now)


def known_models(model_id: str, own: Iterable[str]) -> str:
    """Which models there are prices of, for the note about one that is unknown: the nearest by name."""
    snapshot = _snapshot()
    packaged = [f"{each.id}/{model.id}" for each in snapshot.providers for model in each.models] if snapshot else []
    known = sorted({*own, *PRICES, *packaged})
    near = difflib.get_close_matches(model_id, known, n=_MOST_NAMES, cutoff=0.5)
    text = f"there are prices of {len(known)} models"
    text += f", such as {', '.join(near or known[:_MOST_NAMES])}"
    if snapshot is None:
        text += "; those of all providers come with `pip install 'autumn-mock[prices]'`"
    return f"{text}; a world may have others as `model_prices` of its organisation"


@cache
def _snapshot() -> DataSnapshot | None:
    """The prices of the package; None if it is not installed."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    return get_snapshot()


def _in_package(model_id: str, now: int) -> Rates | None:
    snapshot = _snapshot()
    provider, _, model = model_id.partition("/")
    if snapshot is None or not model:
        return None
    try:
        _, found = snapshot.find_provider_model(model, None, _PROVIDERS.get(provider, provider), None)
    except LookupError:
        return None
    prices = found.get_prices(datetime.fromtimestamp(now / 1000, timezone.utc))
    given = {kind: getattr(prices, name, None) for kind, name in _KINDS.items()}
    if given["input"] is None and given["output"] is None:
        return None  # it is priced by something else than tokens
    base = {kind: _at(price, None) for kind, price in given.items()}
    thresholds = {tier.start for kind in _LONG_KINDS for tier in getattr(given[kind], "tiers", ())}
    long = []
    for above in sorted(thresholds):
        rates = {kind: _at(given[kind], above) for kind in _LONG_KINDS}
        long.append(LongRates(**_filled(rates), above=above))
    return Rates(**_filled(base), long=tuple(long))


def _filled(rates: Mapping[str, Decimal | None]) -> dict[str, Any]:
    """Text tokens of a direction that is not priced are free."""
    return {**rates, "input": rates["input"] or ZERO, "output": rates["output"] or ZERO}


def _at(price: Any, above: int | None) -> Decimal | None:
    """A price of the package in calls with more than ``above`` tokens, or (None) in short ones."""
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return price if price is None else Decimal(price)
    fitting = [tier.price for tier in sorted(tiers, key=lambda each: each.start) if above and tier.start <= above]
    return Decimal(fitting[-1] if fitting else price.base)
