"""Plans: what customers get when they are attached to one."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta

from autumn_mock.domain.controls import BillingControls
from autumn_mock.domain.record import Instant, Length, Record

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


class RolloverConfig(Record, frozen=True, kw_only=True):
    """How much of an unused grant is kept at a reset, and for how long."""

    max: Decimal | None = None
    max_percentage: Decimal | None = None
    expiry_duration_type: Literal["month", "forever"] = "month"
    expiry_duration_length: Length | None = None


class FreeTrial(Record, frozen=True, kw_only=True):
    """A trial before the first payment."""

    duration_length: Length
    duration_type: str
    card_required: bool = False


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
    #: Every entity of this feature gets the grant for itself.
    entity_feature_id: str | None = None


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

    @property
    def is_free(self) -> bool:
        """Whether neither the plan nor any item has a price."""
        return self.price is None and all(item.price is None for item in self.items)

    @property
    def is_one_off(self) -> bool:
        """Whether all its prices are paid once: it is a purchase, not a subscription."""
        prices = [p.interval for p in (self.price, *(item.price for item in self.items)) if p is not None]
        return bool(prices) and all(interval == "one_off" for interval in prices)
