"""The parts of a plan: its base price, its items, its trial."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.domain.plan import Interval
from autumn_mock.wire.requests.common import BILLING_INTERVAL, RESET_INTERVAL, ResetParams
from autumn_mock.wire.requests.features import DEFAULT_MARKUP, MODEL_MARKUPS, PROVIDER_MARKUPS, CreditCostParams
from autumn_mock.wire.schema import (
    Params,
    Schema,
    anything,
    array,
    boolean,
    enum,
    field,
    integer,
    literal,
    nullable,
    nullish,
    number,
    obj,
    optional,
    record,
    rule,
    string,
    union,
)

BillingMethod = Literal["prepaid", "usage_based"]

_BILLING_METHOD: Schema[BillingMethod] = enum("prepaid", "usage_based")

_AMOUNTS: Final = array(obj({"currency": string(), "amount": optional(number()), "flat_amount": optional(number())}))


class BasePriceParams(Params):
    amount: float = field(number())
    interval: Interval = field(BILLING_INTERVAL)
    interval_count: float | None = field(number(), default=None)
    additional_currencies: list[dict[str, Any]] | None = field(_AMOUNTS, default=None)
    entitlement_id: str | None = field(string(), default=None)
    price_id: str | None = field(string(), default=None)
    stripe_price_id: str | None = field(string(), default=None)


#: Kept as they were sent.
_TIERS: Final = array(
    obj(
        {
            "to": union(number(), literal("inf")),
            "amount": optional(number()),
            "flat_amount": optional(number()),
            "additional_currencies": optional(_AMOUNTS),
        }
    )
)


class ItemPriceParams(Params):
    amount: float | None = field(number(), default=None)
    additional_currencies: list[dict[str, Any]] | None = field(_AMOUNTS, default=None)
    tiers: list[dict[str, Any]] | None = field(_TIERS, default=None)
    tier_behavior: str | None = field(enum("graduated", "volume"), default=None)
    interval: Interval = field(BILLING_INTERVAL)
    interval_count: float = field(number(), default=1)
    billing_units: float = field(number(), default=1)
    billing_method: BillingMethod = field(_BILLING_METHOD)
    max_purchase: float | None = field(nullable(number()), default=None)


_PRORATION = obj(
    {
        "on_increase": enum("bill_immediately", "prorate_immediately", "prorate_next_cycle", "bill_next_cycle"),
        "on_decrease": enum("prorate", "prorate_immediately", "prorate_next_cycle", "none", "no_prorations"),
    }
)


class ItemRollover(Params):
    max: float | None = field(number(), default=None)
    max_percentage: float | None = field(number(), default=None)
    expiry_duration_type: Literal["month", "forever"] = field(enum("month", "forever"))
    expiry_duration_length: float | None = field(number(), default=None)


_FEATURE_OVERRIDE = obj(
    {
        "credit_schema": optional(array(obj(CreditCostParams))),
        "markups": optional(
            obj(
                {
                    "default_markup": optional(DEFAULT_MARKUP),
                    "provider_markups": nullish(PROVIDER_MARKUPS),
                    "model_markups": nullish(MODEL_MARKUPS),
                }
            )
        ),
    }
)


class PlanItemParams(Params):
    feature_id: str = field(string())
    included: float | None = field(number(), default=None)
    unlimited: bool | None = field(boolean(), default=None)
    pooled: bool | None = field(boolean(), default=None)
    reset: ResetParams | None = field(obj(ResetParams), default=None)
    price: ItemPriceParams | None = field(obj(ItemPriceParams), default=None)
    proration: dict[str, Any] | None = field(_PRORATION, default=None)
    rollover: ItemRollover | None = field(obj(ItemRollover), default=None)
    expiry: dict[str, Any] | None = field(
        obj({"duration": enum("day", "week", "month", "year"), "length": number()}), default=None
    )
    threshold_billing: dict[str, Any] | None = field(nullable(obj({"threshold": number()})), default=None)
    feature_override: dict[str, Any] | None = field(_FEATURE_OVERRIDE, default=None)
    entity_feature_id: str | None = field(string(), default=None)
    entitlement_id: str | None = field(string(), default=None)
    price_id: str | None = field(string(), default=None)

    @rule("If 'price' is present, either 'amount' or 'tiers' must be defined.")
    def _has_a_price(self) -> bool:
        return self.price is None or self.price.amount is not None or bool(self.price.tiers)

    @rule("'amount' and 'tiers' cannot both be defined in 'price'.")
    def _has_one_price(self) -> bool:
        return self.price is None or self.price.amount is None or not self.price.tiers


class FreeTrialParams(Params):
    duration_length: float = field(number())
    duration_type: Literal["day", "month", "year"] = field(enum("day", "month", "year"), default="month")
    card_required: bool = field(boolean(), default=True)
    on_end: str | None = field(enum("bill", "revert"), default=None)


LICENSES: Final = array(
    obj(
        {
            "license_plan_id": string(),
            "version_slug": optional(string()),
            "included": optional(integer()),
            "prepaid_only": optional(boolean()),
            "customize": nullish(record()),
            "metadata": optional(record()),
        }
    )
)


_REMOVED_ITEM = obj(
    {
        "feature_id": optional(string()),
        "billing_method": optional(_BILLING_METHOD),
        "interval": optional(union(BILLING_INTERVAL, RESET_INTERVAL)),
        "interval_count": optional(integer(min=1)),
        "included": optional(anything()),
    }
)


class Customize(Params):
    """How one customer's version of a plan differs from the plan. Null removes the price."""

    price: BasePriceParams | UnsetType | None = field(nullable(obj(BasePriceParams)), default=UNSET)
    items: list[PlanItemParams] | None = field(array(obj(PlanItemParams)), default=None)
    add_items: list[PlanItemParams] | None = field(array(obj(PlanItemParams)), default=None)
    remove_items: list[dict[str, Any]] | None = field(array(_REMOVED_ITEM), default=None)
    free_trial: FreeTrialParams | None = field(nullable(obj(FreeTrialParams)), default=None)
    billing_controls: dict[str, Any] | None = field(record(), default=None)
    upsert_licenses: list[dict[str, Any]] | None = field(LICENSES, default=None)
    remove_licenses: list[dict[str, Any]] | None = field(array(obj({"license_plan_id": string()})), default=None)
