"""Plans, and the texts that describe them to people."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import number
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.organisation import Env
from autumn_mock.domain.plan import BasePrice, Interval, ItemPrice, Plan, PlanItem, Reset, RolloverConfig
from autumn_mock.operations.billing.eligibility import AttachAction, Eligibility
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.controls import ControlsBody, controls_body
from autumn_mock.wire.responses.feature import FeatureBody, FeatureOverrideBody, feature_body, override_body


class DisplayBody(Body, kw_only=True):
    """How a pricing page describes a price or an item."""

    primary_text: str
    secondary_text: str | UnsetType = UNSET


class IntervalBody(Body, kw_only=True):
    """How often something is granted or charged."""

    interval: Interval
    interval_count: int | UnsetType = UNSET


class BasePriceBody(Body, kw_only=True):
    """The fixed price of a plan."""

    amount: Number
    additional_currencies: list[dict[str, Any]] | UnsetType = UNSET
    interval: Interval
    interval_count: int | UnsetType = UNSET
    price_id: str
    display: DisplayBody


class ItemPriceBody(Body, kw_only=True):
    """The price of an item."""

    amount: Number | UnsetType = UNSET
    additional_currencies: list[dict[str, Any]] | UnsetType = UNSET
    tiers: list[dict[str, Any]] | UnsetType = UNSET
    tier_behavior: str | UnsetType = UNSET
    interval: Interval
    interval_count: int | UnsetType = UNSET
    billing_units: Number
    billing_method: Literal["prepaid", "usage_based"]
    max_purchase: Number | None


class RolloverConfigBody(Body):
    """What of an unused grant is kept at a reset, and how long."""

    max: Number | None
    max_percentage: Number | None
    expiry_duration_type: Literal["month", "forever"]
    expiry_duration_length: int


class ExpiryBody(Body):
    """How long after each purchase the units that were bought end."""

    duration: Literal["day", "week", "month", "year"]
    length: int


class ProrationBody(Body):
    """How a changed quantity of what is bought in advance is billed."""

    on_increase: str
    on_decrease: str


class ThresholdBillingBody(Body):
    """From which overage on a bill is sent before the period ends."""

    threshold: Number


class PlanItemBody(Body, kw_only=True):
    """A feature that a plan grants."""

    feature_id: str
    feature: FeatureBody | UnsetType = UNSET
    included: Number
    unlimited: bool
    pooled: bool
    reset: IntervalBody | None
    price: ItemPriceBody | None
    display: DisplayBody
    rollover: RolloverConfigBody | UnsetType = UNSET
    proration: ProrationBody | UnsetType = UNSET
    threshold_billing: ThresholdBillingBody | UnsetType = UNSET
    expiry: ExpiryBody | UnsetType = UNSET
    feature_override: FeatureOverrideBody | UnsetType = UNSET
    entity_feature_id: str | UnsetType = UNSET
    entitlement_id: str
    price_id: str | UnsetType = UNSET


class FreeTrialBody(Body):
    """A trial before the first payment."""

    duration_length: int
    duration_type: str
    card_required: bool
    on_end: Literal["bill", "revert"] | None


class PlanDetailsBody(Body, kw_only=True):
    """A version of a plan where it never had an older shape: ``plans.get``, and inside other answers."""

    id: str
    name: str
    description: str | None
    group: str | None
    version: int
    add_on: bool
    auto_enable: bool
    price: BasePriceBody | None
    items: list[PlanItemBody]
    free_trial: FreeTrialBody | UnsetType = UNSET
    created_at: int
    env: Env
    archived: bool
    config: dict[str, Any]
    billing_controls: ControlsBody
    metadata: dict[str, Any]
    base_variant_id: str | None
    variant_details: dict[str, Any] | UnsetType = UNSET
    variants: list[dict[str, Any]] | UnsetType = UNSET
    licenses: list[dict[str, Any]] | UnsetType = UNSET


class EligibilityBody(Body, kw_only=True):
    """What attaching a plan would do for a customer; the second to fourth fields are those of the attached plan."""

    trial_available: bool | UnsetType = UNSET
    status: Literal["active", "scheduled"] | UnsetType = UNSET
    canceling: bool | UnsetType = UNSET
    trialing: bool | UnsetType = UNSET
    attach_action: AttachAction


class PlanBody(PlanDetailsBody, kw_only=True):
    """A version of a plan, as lists of plans show it, perhaps to a customer."""

    customer_eligibility: EligibilityBody | UnsetType = UNSET


def plan_body(
    plan: Plan, features: Mapping[str, Feature], env: Env, *, expand_features: bool = False
) -> PlanDetailsBody:
    """A version of a plan; ``expand_features``: with the features of its items in full."""
    return PlanDetailsBody(**_fields(plan, features, env, expand_features))


def listed_plan_body(
    plan: Plan,
    features: Mapping[str, Feature],
    env: Env,
    *,
    expand_features: bool,
    eligibility: Eligibility | None = None,
    now: int = 0,
) -> PlanBody:
    """A version of a plan, and the eligibility ``now`` (ms) of the customer for whom plans are listed."""
    return PlanBody(
        **_fields(plan, features, env, expand_features),
        customer_eligibility=UNSET if eligibility is None else _eligibility_body(eligibility, now),
    )


def _fields(plan: Plan, features: Mapping[str, Feature], env: Env, expand_features: bool) -> dict[str, Any]:
    trial = plan.free_trial
    return {
        "id": plan.id,
        "name": plan.name,
        "description": plan.description,
        "group": plan.group,
        "version": plan.version,
        "add_on": plan.add_on,
        "auto_enable": plan.auto_enable,
        "price": None if plan.price is None else _base_price_body(plan.price),
        "items": [_item_body(item, features[item.feature_id], expand_features) for item in in_order(plan, features)],
        "free_trial": UNSET
        if trial is None
        else FreeTrialBody(trial.duration_length, trial.duration_type, trial.card_required, trial.on_end),
        "created_at": plan.created_at,
        "env": env,
        "archived": plan.archived,
        "config": {"ignore_past_due": False, **plan.config},
        "billing_controls": controls_body(plan.billing_controls),
        "metadata": plan.metadata,
        "base_variant_id": plan.base_variant_id,
        "licenses": [{"included": 0, **msgspec.to_builtins(each)} for each in plan.licenses] or UNSET,
    }


def _eligibility_body(eligibility: Eligibility, now: int) -> EligibilityBody:
    trial, attached = eligibility.trial_available, eligibility.attached
    body = EligibilityBody(trial_available=UNSET if trial is None else trial, attach_action=eligibility.attach_action)
    if attached is not None:
        body.status = attached.status
        body.canceling = attached.canceled_at is not None
        body.trialing = (attached.trial_ends_at or 0) > now
    return body


def in_order(plan: Plan, features: Mapping[str, Feature]) -> list[PlanItem]:
    """The items of a plan: those with a price first, then by the features' names."""
    return sorted(plan.items, key=lambda item: (item.price is None, features[item.feature_id].name.lower()))


def _base_price_body(price: BasePrice) -> BasePriceBody:
    return BasePriceBody(
        amount=number(price.amount),
        additional_currencies=_currencies(price),
        interval=price.interval,
        interval_count=_count(price),
        price_id=price.price_id,
        display=DisplayBody(primary_text=f"${_plain(price.amount)}", secondary_text=_per(price)),
    )


def _currencies(price: BasePrice | ItemPrice) -> list[dict[str, Any]] | UnsetType:
    return UNSET if price.additional_currencies is None else list(price.additional_currencies)


def _count(every: Reset | BasePrice | ItemPrice) -> int | UnsetType:
    return UNSET if every.interval_count == 1 else every.interval_count


def _per(price: BasePrice) -> str:
    if price.interval == "one_off":
        return "one-off"
    words = price.interval.replace("_", " ")
    return f"per {words}" if price.interval_count == 1 else f"every {price.interval_count} {words}s"


def _plain(value: Decimal) -> str:
    return str(number(value))


def _item_body(item: PlanItem, feature: Feature, expand_feature: bool) -> PlanItemBody:
    reset, rollover, proration = item.reset, item.rollover, item.proration
    return PlanItemBody(
        feature_id=item.feature_id,
        feature=feature_body(feature) if expand_feature else UNSET,
        included=number(item.included),
        unlimited=item.unlimited,
        pooled=item.pooled,
        reset=None if reset is None else IntervalBody(interval=reset.interval, interval_count=_count(reset)),
        price=None if item.price is None else _item_price_body(item.price),
        display=_display(item, feature),
        rollover=UNSET if rollover is None else _rollover_body(rollover),
        proration=UNSET if proration is None else ProrationBody(proration.on_increase, proration.on_decrease),
        threshold_billing=UNSET if item.threshold is None else ThresholdBillingBody(number(item.threshold)),
        expiry=UNSET if item.expiry is None else ExpiryBody(item.expiry.duration, item.expiry.length),
        feature_override=UNSET if item.feature_override is None else override_body(item.feature_override),
        entity_feature_id=UNSET if item.entity_feature_id is None else item.entity_feature_id,
        entitlement_id=item.entitlement_id,
        price_id=UNSET if item.price is None else item.price.price_id,
    )


def _rollover_body(rollover: RolloverConfig) -> RolloverConfigBody:
    return RolloverConfigBody(
        max=None if rollover.max is None else number(rollover.max),
        max_percentage=None if rollover.max_percentage is None else number(rollover.max_percentage),
        expiry_duration_type=rollover.expiry_duration_type,
        expiry_duration_length=rollover.expiry_duration_length or 1,
    )


def _item_price_body(price: ItemPrice) -> ItemPriceBody:
    has_tiers = price.tiers is not None
    return ItemPriceBody(
        amount=UNSET if price.amount is None else number(price.amount),
        additional_currencies=_currencies(price),
        tiers=UNSET if price.tiers is None else list(price.tiers),
        tier_behavior=price.tier_behavior if has_tiers and price.tier_behavior is not None else UNSET,
        interval=price.interval,
        interval_count=_count(price),
        billing_units=number(price.billing_units),
        billing_method=price.billing_method,
        max_purchase=None if price.max_purchase is None else number(price.max_purchase),
    )


def _display(item: PlanItem, feature: Feature) -> DisplayBody:
    """The words of a pricing page for an item."""
    if feature.is_boolean:
        return DisplayBody(primary_text=feature.name)
    if item.unlimited:
        return DisplayBody(primary_text=f"Unlimited {_several(feature)}")
    included = f"{_plain(item.included)} {_counted(feature, item.included)}"
    if item.price is None:
        return DisplayBody(primary_text=included)
    price, units = item.price, item.price.billing_units
    costs = f"${_plain(price.amount)}" if price.amount is not None else _tier_costs(price)
    packs = _counted(feature, units) if units == 1 else f"{_plain(units)} {_several(feature)}"
    if item.included:
        return DisplayBody(primary_text=included, secondary_text=f"then {costs} per {packs}")
    return DisplayBody(primary_text=f"{costs} per {packs}")


def _tier_costs(price: ItemPrice) -> str:
    amounts = [tier.get("amount", tier.get("flat_amount", 0)) for tier in price.tiers or ()]
    return f"${amounts[0]} - ${amounts[-1]}" if amounts else "$0"


def _several(feature: Feature) -> str:
    return (feature.display.plural if feature.display is not None else None) or feature.name


def _counted(feature: Feature, count: Decimal) -> str:
    if count == 1 and feature.display is not None and feature.display.singular:
        return feature.display.singular
    return _several(feature)
