"""The parts of a plan: its base price, its items, its trial."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import MOST_UNITS
from autumn_mock.domain.plan import Interval
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import ResetParams
from autumn_mock.wire.requests.controls import CustomerControlsParams
from autumn_mock.wire.requests.features import FeatureOverrideParams
from autumn_mock.wire.requests.intervals import BILLING_INTERVAL, RESET_INTERVAL

BillingMethod = Literal["prepaid", "usage_based"]

_BILLING_METHOD: z.Schema[BillingMethod] = z.enum("prepaid", "usage_based")

_AMOUNTS: Final = z.array(
    z.obj({"currency": z.string(), "amount": z.optional(z.number()), "flat_amount": z.optional(z.number())})
)


class BasePriceParams(z.Params):
    amount: float = z.field(z.number())
    interval: Interval = z.field(BILLING_INTERVAL)
    interval_count: float | None = z.field(z.number(), default=None)
    additional_currencies: list[dict[str, Any]] | None = z.field(_AMOUNTS, default=None)
    entitlement_id: str | None = z.field(z.string(), default=None)
    price_id: str | None = z.field(z.string(), default=None)
    stripe_price_id: str | None = z.field(z.string(), default=None)


#: Kept as they were sent.
_TIERS: Final = z.array(
    z.obj(
        {
            "to": z.union(z.number(), z.literal("inf")),
            "amount": z.optional(z.number()),
            "flat_amount": z.optional(z.number()),
            "additional_currencies": z.optional(_AMOUNTS),
        }
    )
)


class ItemPriceParams(z.Params):
    amount: float | None = z.field(z.number(), default=None)
    additional_currencies: list[dict[str, Any]] | None = z.field(_AMOUNTS, default=None)
    tiers: list[dict[str, Any]] | None = z.field(_TIERS, default=None)
    tier_behavior: str | None = z.field(z.enum("graduated", "volume"), default=None)
    interval: Interval = z.field(BILLING_INTERVAL)
    interval_count: float = z.field(z.number(), default=1)
    billing_units: float = z.field(z.number(), default=1)
    billing_method: BillingMethod = z.field(_BILLING_METHOD)
    max_purchase: float | None = z.field(z.nullable(z.number()), default=None)


_PRORATION = z.obj(
    {
        "on_increase": z.enum("bill_immediately", "prorate_immediately", "prorate_next_cycle", "bill_next_cycle"),
        "on_decrease": z.enum("prorate", "prorate_immediately", "prorate_next_cycle", "none", "no_prorations"),
    }
)


class ItemRollover(z.Params):
    max: float | None = z.field(z.number(), default=None)
    max_percentage: float | None = z.field(z.number(), default=None)
    expiry_duration_type: Literal["month", "forever"] = z.field(z.enum("month", "forever"))
    expiry_duration_length: float | None = z.field(z.number(), default=None)


class ItemExpiry(z.Params):
    duration: Literal["day", "week", "month", "year"] = z.field(z.enum("day", "week", "month", "year"))
    length: float = z.field(z.number(min=1))


_INCLUDED: Final = z.number().refine(
    lambda value: value <= MOST_UNITS, "Included usage cannot exceed 10 trillion; use unlimited usage instead"
)


class PlanItemParams(z.Params):
    feature_id: str = z.field(z.string())
    included: float | None = z.field(_INCLUDED, default=None)
    unlimited: bool | None = z.field(z.boolean(), default=None)
    pooled: bool | None = z.field(z.boolean(), default=None)
    reset: ResetParams | None = z.field(z.obj(ResetParams), default=None)
    price: ItemPriceParams | None = z.field(z.obj(ItemPriceParams), default=None)
    proration: dict[str, Any] | None = z.field(_PRORATION, default=None)
    rollover: ItemRollover | None = z.field(z.obj(ItemRollover), default=None)
    expiry: ItemExpiry | None = z.field(z.obj(ItemExpiry), default=None)
    threshold_billing: dict[str, Any] | None = z.field(z.nullable(z.obj({"threshold": z.number()})), default=None)
    feature_override: FeatureOverrideParams | None = z.field(z.obj(FeatureOverrideParams), default=None)
    entity_feature_id: str | None = z.field(z.string(), default=None)
    entitlement_id: str | None = z.field(z.string(), default=None)
    price_id: str | None = z.field(z.string(), default=None)

    @z.rule("reset.interval and price.interval can only differ for prepaid prices.")
    def _is_reset_when_billed(self) -> bool:
        reset, price = self.reset, self.price
        if reset is None or price is None or price.billing_method == "prepaid":
            return True
        return (reset.interval, reset.interval_count or 1) == (price.interval, price.interval_count or 1)

    @z.rule("If 'price' is present, either 'amount' or 'tiers' must be defined.")
    def _has_a_price(self) -> bool:
        return self.price is None or self.price.amount is not None or bool(self.price.tiers)

    @z.rule("'amount' and 'tiers' cannot both be defined in 'price'.")
    def _has_one_price(self) -> bool:
        return self.price is None or self.price.amount is None or not self.price.tiers

    @property
    def _flat_amounts(self) -> list[float]:
        tiers = (self.price.tiers if self.price is not None else None) or ()
        return [tier["flat_amount"] for tier in tiers if tier.get("flat_amount") is not None]

    @property
    def _is_by_volume(self) -> bool:
        return self.price is not None and self.price.tier_behavior == "volume"

    @z.rule("flat_amount on tiers is only supported for volume-based pricing.")
    def _charges_flat_by_volume(self) -> bool:
        return self._is_by_volume or not any(flat > 0 for flat in self._flat_amounts)

    @z.rule("flat_amount is not supported on single-tier pricing.")
    def _charges_flat_in_several_tiers(self) -> bool:
        return self.price is None or len(self.price.tiers or ()) > 1 or not any(flat > 0 for flat in self._flat_amounts)

    @z.rule("flat_amount must be 0 or greater.")
    def _charges_no_less_than_nothing(self) -> bool:
        return all(flat >= 0 for flat in self._flat_amounts)

    @z.rule("volume-based pricing is only supported for prepaid features.")
    def _is_prepaid_by_volume(self) -> bool:
        price = self.price
        return price is None or price.tiers is None or not self._is_by_volume or price.billing_method == "prepaid"

    @z.rule("tiers cannot be empty.")
    def _has_tiers(self) -> bool:
        return self.price is None or self.price.tiers != []

    @z.rule("tiers[0].to must be greater than included.")
    def _begins_after_what_is_included(self) -> bool:
        if self.price is None or not self.price.tiers or not self.included:
            return True
        to = self.price.tiers[0]["to"]
        return to == "inf" or bool(to > self.included)


class FreeTrialParams(z.Params):
    duration_length: float = z.field(z.number())
    duration_type: Literal["day", "month", "year"] = z.field(z.enum("day", "month", "year"), default="month")
    card_required: bool = z.field(z.boolean(), default=True)
    on_end: Literal["bill", "revert"] | None = z.field(z.enum("bill", "revert"), default=None)


LICENSES: Final = z.array(
    z.obj(
        {
            "license_plan_id": z.string(),
            "version_slug": z.optional(z.string()),
            "included": z.optional(z.integer(min=0)),
            "prepaid_only": z.optional(z.boolean()),
            "customize": z.nullish(z.record()),
            "metadata": z.optional(z.record()),
        }
    )
)


class ItemFilter(z.Params):
    """Selects the items of a plan that have all of these values."""

    feature_id: str | None = z.field(z.string(), default=None)
    billing_method: BillingMethod | None = z.field(_BILLING_METHOD, default=None)
    interval: Interval | None = z.field(z.union(BILLING_INTERVAL, RESET_INTERVAL), default=None)
    interval_count: int | None = z.field(z.integer(min=1), default=None)
    included: Any = z.field(z.anything(), default=None)

    @z.rule("PlanItemFilter must have at least one field set.")
    def _selects(self) -> bool:
        return any(
            each is not None for each in (self.feature_id, self.billing_method, self.interval, self.interval_count)
        )


class ItemUpdate(z.Params):
    """Another grant or reset interval for the items that a filter selects."""

    filter: ItemFilter = z.field(z.obj(ItemFilter))
    included: float | None = z.field(z.number(min=0), default=None)
    interval: Interval | None = z.field(RESET_INTERVAL, default=None)


class Customize(z.Params):
    """How one customer's version of a plan differs from the plan. Null removes the price, or the trial."""

    price: BasePriceParams | UnsetType | None = z.field(z.nullable(z.obj(BasePriceParams)), default=UNSET)
    items: list[PlanItemParams] | None = z.field(z.array(z.obj(PlanItemParams)), default=None)
    add_items: list[PlanItemParams] | None = z.field(z.array(z.obj(PlanItemParams)), default=None)
    remove_items: list[ItemFilter] | None = z.field(z.array(z.obj(ItemFilter)), default=None)
    update_items: list[ItemUpdate] | None = z.field(z.array(z.obj(ItemUpdate)), default=None)
    free_trial: FreeTrialParams | UnsetType | None = z.field(z.nullable(z.obj(FreeTrialParams)), default=UNSET)
    billing_controls: CustomerControlsParams | None = z.field(z.obj(CustomerControlsParams), default=None)
    upsert_licenses: list[dict[str, Any]] | None = z.field(LICENSES, default=None)
    remove_licenses: list[dict[str, Any]] | None = z.field(
        z.array(z.obj({"license_plan_id": z.string()})), default=None
    )

    @z.rule(
        "customize.items (PUT-style) cannot be combined with add_items / remove_items / deprecated update_items "
        "(PATCH-style); pick one approach"
    )
    def _replaces_or_patches(self) -> bool:
        return self.items is None or not self.patches

    @property
    def patches(self) -> bool:
        """Whether single items are added, removed or changed."""
        return any(each is not None for each in (self.add_items, self.remove_items, self.update_items))
