"""Plans: what customers get when they are attached to one."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta

from autumn_mock.domain.amount import ZERO, amount
from autumn_mock.domain.controls import BillingControls
from autumn_mock.domain.feature import FeatureOverride
from autumn_mock.domain.record import Count, Instant, Length, Record

Interval = Literal["one_off", "minute", "hour", "day", "week", "month", "quarter", "semi_annual", "year"]


class Reset(Record, frozen=True, kw_only=True):
    """How often a grant is renewed."""

    interval: Interval
    interval_count: Length = 1


class BasePrice(Record, frozen=True, kw_only=True):
    """The fixed price of a plan."""

    amount: Decimal
    interval: Interval
    interval_count: Length = 1
    price_id: str
    #: The same price in other currencies, as it was sent.
    additional_currencies: tuple[dict[str, Any], ...] | None = None


class ItemPrice(Record, frozen=True, kw_only=True):
    """What units of one item cost: bought in advance (``prepaid``) or billed afterwards (``usage_based``)."""

    interval: Interval
    billing_method: Literal["prepaid", "usage_based"]
    price_id: str
    interval_count: Length = 1
    amount: Decimal | None = None
    tiers: tuple[dict[str, Any], ...] | None = None
    tier_behavior: str | None = None
    billing_units: Annotated[Decimal, Meta(extra={"divisor": True})] = Decimal(1)
    max_purchase: Decimal | None = None
    #: The same price in other currencies, as it was sent.
    additional_currencies: tuple[dict[str, Any], ...] | None = None

    @property
    def is_prepaid(self) -> bool:
        return self.billing_method == "prepaid"

    @property
    def is_bought_once(self) -> bool:
        """Whether units are paid once in advance."""
        return self.is_prepaid and self.interval == "one_off"

    @property
    def is_free(self) -> bool:
        return not self.amount and not any(tier.get("amount") or tier.get("flat_amount") for tier in self.tiers or ())

    def total(self, units: Decimal) -> Decimal:
        """What units cost; graduated tiers are counted from the first of them."""
        if not self.tiers:
            return units / self.billing_units * (self.amount or ZERO)
        total = counted = ZERO
        for tier in self.tiers:
            end = units if tier["to"] == "inf" else min(units, amount(tier["to"]))
            if end > counted:
                total += (end - counted) / self.billing_units * amount(tier.get("amount") or 0)
                total += amount(tier.get("flat_amount") or 0)
                counted = end
        return total

    @property
    def unit_amount(self) -> Decimal:
        """What a pack costs, in the first tier if there are several."""
        if self.amount is not None or not self.tiers:
            return self.amount or ZERO
        return amount(self.tiers[0].get("amount") or self.tiers[0].get("flat_amount") or 0)


class Proration(Record, frozen=True, kw_only=True):
    """How a changed quantity of what is bought in advance is billed."""

    on_increase: Literal["bill_immediately", "prorate_immediately", "prorate_next_cycle", "bill_next_cycle"] = (
        "prorate_immediately"
    )
    on_decrease: Literal["prorate", "prorate_immediately", "prorate_next_cycle", "none", "no_prorations"] = (
        "prorate_immediately"
    )


class RolloverConfig(Record, frozen=True, kw_only=True):
    """How much of an unused grant is kept at a reset, and for how long."""

    max: Decimal | None = None
    max_percentage: Decimal | None = None
    expiry_duration_type: Literal["month", "forever"] = "month"
    expiry_duration_length: Length | None = None


class Expiry(Record, frozen=True, kw_only=True):
    """How long after each purchase the units that were bought end."""

    duration: Literal["day", "week", "month", "year"]
    length: Length


class FreeTrial(Record, frozen=True, kw_only=True):
    """A trial before the first payment."""

    duration_length: Length
    duration_type: str
    card_required: bool = False
    #: What follows: the first payment, or the plan that the customer had before.
    on_end: Literal["bill", "revert"] | None = None


class PlanItem(Record, frozen=True, kw_only=True):
    """One feature granted by a plan."""

    feature_id: str
    entitlement_id: str
    included: Decimal = Decimal(0)
    unlimited: bool = False
    pooled: bool = False
    reset: Reset | None = None
    price: ItemPrice | None = None
    rollover: RolloverConfig | None = None
    expiry: Expiry | None = None
    feature_override: FeatureOverride | None = None
    #: Every entity of this feature gets the grant for itself.
    entity_feature_id: str | None = None
    #: None: at once, prorated.
    proration: Proration | None = None
    #: From which overage on a bill is sent before the period ends.
    threshold: Decimal | None = None

    @property
    def is_prepaid(self) -> bool:
        """Whether units are bought in advance."""
        return self.price is not None and self.price.is_prepaid

    @property
    def is_bought_once(self) -> bool:
        """Whether units are paid once in advance."""
        return self.price is not None and self.price.is_bought_once

    @property
    def decreases_later(self) -> bool:
        """Whether a smaller prepaid quantity counts from the next period on, as it is not refunded."""
        return self.proration is not None and self.proration.on_decrease in ("none", "no_prorations")


class PlanLicense(Record, frozen=True, kw_only=True):
    """Seats of another plan that a plan offers to the entities of its customer."""

    license_plan_id: str
    included: Count = 0
    prepaid_only: bool | None = None
    #: How the other plan differs for them, as it was sent.
    customize: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}


class Plan(Record, frozen=True, kw_only=True):
    """One version of a plan."""

    id: str
    name: str
    version: Length
    created_at: Instant
    description: str | None = None
    group: str | None = None
    add_on: bool = False
    auto_enable: bool = False
    price: BasePrice | None = None
    items: tuple[PlanItem, ...] = ()
    free_trial: FreeTrial | None = None
    archived: bool = False
    config: dict[str, Any] = {}
    billing_controls: BillingControls = BillingControls()
    metadata: dict[str, Any] = {}
    base_variant_id: str | None = None
    licenses: tuple[PlanLicense, ...] = ()

    @property
    def prices(self) -> list[BasePrice | ItemPrice]:
        """The base price, and those of the items."""
        return [each for each in (self.price, *(item.price for item in self.items)) if each is not None]

    @property
    def is_free(self) -> bool:
        """Whether neither the plan nor any item costs anything."""
        base = self.price is None or not self.price.amount
        return base and all(item.price is None or item.price.is_free for item in self.items)

    @property
    def is_one_off(self) -> bool:
        """Whether all its prices are paid once: it is a purchase, not a subscription."""
        return bool(self.prices) and all(price.interval == "one_off" for price in self.prices)

    @property
    def is_main(self) -> bool:
        """Whether a customer is on one plan of its group at a time: neither an add-on nor a purchase."""
        return not self.add_on and not self.is_one_off

    @property
    def is_default_trial(self) -> bool:
        """Whether new customers begin with a trial of it."""
        return self.auto_enable and self.free_trial is not None and not self.free_trial.card_required


def recurs(price: BasePrice | ItemPrice) -> bool:
    """Whether a price is paid again and again."""
    return price.interval != "one_off"
