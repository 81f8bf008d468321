"""``balances.track_tokens`` and its batch: tokens of a language model as usage of an AI credit system.

The usage is what the tokens cost in dollars, with the markup of the most specific kind that is set: the model's, the
provider's, the system's own. The event's properties show the calculation. The usage is recorded by
:mod:`autumn_mock.operations.track` and the queue. As on the real server, tokens without cost deduct one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ONE, ZERO, amount, exact_number
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.token_rates import Rates
from autumn_mock.domain.track import TrackItem
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.model_prices import find_rates, known_models
from autumn_mock.operations.subjects import find_customer, get_customer, get_entity, open_account
from autumn_mock.wire.requests.track import TrackTokens

_MILLION = Decimal(1_000_000)
_PERCENT = Decimal(100)


class Price(Struct, frozen=True):
    """The price of some tokens, and how it was calculated."""

    #: By kind of token, in dollars per million.
    rates: dict[str, Decimal]
    base_cost: Decimal
    markup: Decimal
    markup_source: str
    tier_applied: bool

    @property
    def cost(self) -> Decimal:
        return self.base_cost * (ONE + self.markup / _PERCENT)


def token_item(call: Call, params: TrackTokens) -> TrackItem:
    """The usage that tokens amount to."""
    feature = _feature(call, params)
    tokens = _tokens(params)
    price = price_of(
        _as_planned(call, feature, params.customer_id),
        params.model_id,
        {kind: count or 0 for kind, count in tokens.items()},
        own=call.environment.organisation.model_prices,
        now=call.now,
    )
    cost = exact_number(price.cost)
    properties = {
        **(params.properties or {}),
        "model": params.model_id,
        **{f"{kind}_tokens": count for kind, count in tokens.items() if count is not None},
        "cost": cost,
        "base_cost": exact_number(price.base_cost),
        "markup": exact_number(price.markup),
        "markup_source": price.markup_source,
        "tier_applied": price.tier_applied,
        "rates": {kind: exact_number(rate) for kind, rate in price.rates.items()},
    }
    return TrackItem(
        customer_id=params.customer_id,
        feature_id=feature.id,
        entity_id=params.entity_id,
        value=cost,
        properties=properties,
        idempotency_key=params.idempotency_key,
        timestamp=params.timestamp,
        overage_behavior=params.overage_behavior or "cap",
        customer_data=params.customer_data,
        entity_data=params.entity_data,
        skip_event=bool(params.skip_event),
        async_=params.async_,
        taken=None if cost else 1,
    )


def token_items(call: Call, items: Sequence[TrackTokens]) -> list[TrackItem]:
    """The usages of a batch; raises for the first item without a model or a feature, before anything is queued."""
    return [token_item(call, params) for params in items]


def _tokens(params: TrackTokens) -> dict[str, int | None]:
    """The number of tokens by the name of their rate; None where it was not sent."""
    return {
        "input": params.input_tokens,
        "output": params.output_tokens,
        "cache_read": params.cache_read_tokens,
        "cache_write": params.cache_write_tokens,
        "audio_input": params.audio_input_tokens,
        "audio_output": params.audio_output_tokens,
        "reasoning": params.reasoning_tokens,
    }


def price_of(
    feature: Feature, model_id: str, tokens: Mapping[str, int], *, own: Mapping[str, Rates] = {}, now: int = 0
) -> Price:
    """What tokens (by kind) of a model cost in an AI credit system at an instant (ms).

    ``own``: the organisation's prices of models. 400 for a model without prices.
    """
    custom = (feature.model_markups or {}).get(model_id) or {}
    if model_id.startswith("custom/"):
        if custom.get("input_cost") is None or custom.get("output_cost") is None:
            raise invalid_request(f"Custom model {model_id} is missing input_cost or output_cost in model_markups")
        rates = Rates(input=amount(custom["input_cost"]), output=amount(custom["output_cost"]))
        tokens = {kind: tokens[kind] for kind in ("input", "output")}  # only these are billed
    else:
        found = find_rates(model_id, own, now)
        if found is None:
            error = invalid_request(f"Model {model_id} not found in models.dev pricing data")
            error.note = known_models(model_id, own)
            raise error
        rates = found
    context = sum(tokens.get(kind, 0) for kind in ("input", "cache_read", "cache_write"))
    rates, is_long = rates.for_context(context)
    by_kind = _by_kind(rates)
    base_cost = sum((by_kind[kind] * count for kind, count in tokens.items()), ZERO) / _MILLION
    markup, source = _markup(feature, model_id)
    return Price(by_kind, base_cost, markup, source, is_long)


def _by_kind(rates: Rates) -> dict[str, Decimal]:
    """A rate for every kind of token: without one of its own a kind costs what text costs."""
    into, out = rates.input, rates.output
    found = {
        "input": into,
        "output": out,
        "cache_read": rates.cache_read,
        "cache_write": rates.cache_write,
        "audio_input": rates.audio_input,
        "audio_output": rates.audio_output,
        "reasoning": rates.reasoning,
    }
    return {
        kind: rate if rate is not None else (out if kind in ("audio_output", "reasoning") else into)
        for kind, rate in found.items()
    }


def _as_planned(call: Call, feature: Feature, customer_id: str) -> Feature:
    """The feature with the markups of the customer's plan, if that sets some: then none of the feature's own apply."""
    customer = find_customer(call.environment, customer_id)
    rows = {} if customer is None else call.environment.balances.of(customer.internal_id)
    for row in rows.values():
        override = row.feature_override
        if row.feature_id == feature.id and override is not None and override.replaces_markups:
            return replace(
                feature,
                default_markup=override.default_markup,
                provider_markups=override.provider_markups,
                model_markups=override.model_markups,
            )
    return feature


def _markup(feature: Feature, model_id: str) -> tuple[Decimal, str]:
    """The markup in percent, and where it is from."""
    for source, markups, name in (
        ("model", feature.model_markups, model_id),
        ("provider", feature.provider_markups, model_id.partition("/")[0]),
    ):
        markup = ((markups or {}).get(name) or {}).get("markup")
        if markup is not None:
            return amount(markup), source
    return (ZERO, "none") if feature.default_markup is None else (feature.default_markup, "default")


def _feature(call: Call, params: TrackTokens) -> Feature:
    """The AI credit system that is named, or the only one the customer has a balance of."""
    if params.feature_id:
        feature = call.feature(params.feature_id)
        if feature.type != "ai_credit_system":
            raise invalid_request(f"Feature {feature.id} is not an AI credit system feature")
        return feature
    environment = call.environment
    with call.write() as transaction:
        customer = get_customer(environment, params.customer_id)
        entity = get_entity(environment, customer, params.entity_id) if params.entity_id else None
        account = open_account(call, transaction, customer)
        held = {row.feature_id for row in account.visible(entity)}
    systems = [each for each in environment.features if each.type == "ai_credit_system" and each.id in held]
    if not systems:
        raise ApiError(404, "No AI credit system feature found for this customer", "feature_not_found")
    if len(systems) > 1:
        raise invalid_request(
            "Multiple AI credit system features found for this customer. Please specify a feature_id to disambiguate."
        )
    return systems[0]
