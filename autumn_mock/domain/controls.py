"""Billing controls: what a customer, an entity or a plan adds on top of balances."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from autumn_mock.domain.rate_card import Match
from autumn_mock.domain.record import Count, Instant, Record

#: Properties that an event must have, under the key ``properties``.
Filter = dict[str, Match]


class UsageLimit(Record, frozen=True, kw_only=True):
    """No more than ``limit`` units (or credits) of a feature in one window of time."""

    feature_id: str
    limit: Decimal
    interval: Literal["day", "week", "month", "year"]
    enabled: bool = True
    anchor: Literal["billing_cycle", "utc"] | None = None
    #: Counts, and binds, only events whose properties have all of these values.
    filter: Filter | None = None


class UsageAlert(Record, frozen=True, kw_only=True):
    """A webhook when a threshold is crossed; without ``feature_id`` it watches every feature."""

    threshold: Decimal
    threshold_type: Literal["usage", "usage_percentage", "remaining", "remaining_percentage"]
    feature_id: str | None = None
    enabled: bool = True
    name: str | None = None
    #: What 100 percent are: every grant (None, too), what plans include, grants that are reset, or the usage limit of
    #: the feature that has the same filter.
    basis: Literal["balance", "included", "recurring", "usage_limit"] | None = None
    filter: Filter | None = None


class OverageAllowed(Record, frozen=True, kw_only=True):
    """Whether a feature may be used beyond its balance without a price for it."""

    feature_id: str
    enabled: bool = False


class SpendLimit(Record, frozen=True, kw_only=True):
    """How far below zero the balances of a feature may go, all together."""

    feature_id: str | None = None
    enabled: bool = False
    limit_type: Literal["absolute", "usage_percentage"] | None = None
    overage_limit: Decimal | None = None
    skip_overage_billing: bool | None = None


class PurchaseLimit(Record, frozen=True, kw_only=True):
    """No more than ``limit`` top-ups in one window, which begins with the first of them."""

    interval: Literal["hour", "day", "week", "month"]
    interval_count: Decimal
    limit: Decimal


class AutoTopup(Record, frozen=True, kw_only=True):
    """Buys ``quantity`` units of a feature when no more than ``threshold`` are left."""

    feature_id: str
    threshold: Decimal
    quantity: Decimal
    enabled: bool = False
    purchase_limit: PurchaseLimit | None = None
    invoice_mode: bool | None = None


class Allocation(Record, frozen=True, kw_only=True):
    """What an entity is to have of its customer's shared credits in every period."""

    entity_id: str
    amount: Decimal


class BalanceAllocation(Record, frozen=True, kw_only=True):
    """How the shared credits of a feature that are reset at an interval are divided over entities."""

    feature_id: str
    interval: Literal["one_off", "minute", "hour", "day", "week", "month", "quarter", "semi_annual", "year"]
    allocations: tuple[Allocation, ...]


class BillingControls(Record, frozen=True, kw_only=True):
    """All controls of one owner; None where the owner never set that kind."""

    usage_limits: tuple[UsageLimit, ...] | None = None
    usage_alerts: tuple[UsageAlert, ...] | None = None
    overage_allowed: tuple[OverageAllowed, ...] | None = None
    spend_limits: tuple[SpendLimit, ...] | None = None
    auto_topups: tuple[AutoTopup, ...] | None = None
    balance_allocations: tuple[BalanceAllocation, ...] | None = None


class CountWindow(Record, frozen=True, kw_only=True):
    """How often something happened in the window that ends at ``ends_at``."""

    count: Count = 0
    ends_at: Instant = 0


class TopupHistory(Record, frozen=True, kw_only=True):
    """What limits the further top-ups of one feature."""

    purchases: CountWindow = CountWindow()
    attempts: CountWindow = CountWindow()
    failures: CountWindow = CountWindow()
    failed_in_a_row: Count = 0


class UsageWindow(Record, frozen=True, kw_only=True):
    """What one usage limit has counted in the window that began at ``started_at``."""

    #: Owner, feature, interval and filter, in one string.
    id: str
    customer: str
    started_at: Instant
    counted: Decimal
