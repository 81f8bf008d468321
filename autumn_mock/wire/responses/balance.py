"""Balances, flags and deductions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import ZERO, exact_number, number
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.event import Deduction
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Interval, ItemPrice, Reset
from autumn_mock.ledger.views import BalanceView, RowView
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.feature import FeatureBody, feature_body

#: Whose something is: the customer's, or an entity's alone.
Owner = Literal["customer", "entity"]


class ResetBody(Body, kw_only=True):
    """How often a grant is renewed, and when next (ms)."""

    interval: Interval
    interval_count: int | UnsetType = UNSET
    resets_at: int | None


class RowPriceBody(Body, kw_only=True):
    """The price of a row; ``max_purchase`` is how much may still be bought."""

    tiers: list[dict[str, Any]] | UnsetType = UNSET
    tier_behavior: str | UnsetType = UNSET
    amount: Number | UnsetType = UNSET
    billing_units: Number
    billing_method: Literal["prepaid", "usage_based"]
    max_purchase: Number | None


class AllocationBody(Body):
    """The size of an entity's share of its customer's credits."""

    amount: Number


class BalanceRowBody(Body, kw_only=True):
    """One grant of a balance."""

    id: str
    plan_id: str | None
    included_grant: Number
    prepaid_grant: Number
    remaining: Number
    usage: Number
    unlimited: bool
    reset: ResetBody | None
    price: RowPriceBody | None
    expires_at: int | None
    source: Owner | UnsetType = UNSET
    allocation: AllocationBody | UnsetType = UNSET


class RolloverBody(Body):
    """What is left of an earlier period."""

    granted: Number
    balance: Number
    expires_at: int


class BalanceBody(Body, kw_only=True):
    """The balance of a feature: the sums of its rows and rollovers."""

    feature_id: str
    feature: FeatureBody | UnsetType = UNSET
    granted: Number
    remaining: Number
    usage: Number
    unlimited: bool
    overage_allowed: bool
    max_purchase: Number | None
    next_reset_at: int | None
    breakdown: list[BalanceRowBody]
    rollovers: list[RolloverBody] | UnsetType = UNSET
    allocated: Number | UnsetType = UNSET
    unallocated: Number | UnsetType = UNSET


class FlagBody(Body, kw_only=True):
    """A boolean feature that is on."""

    id: str
    plan_id: str | None
    expires_at: int | None
    feature_id: str
    feature: FeatureBody | UnsetType = UNSET


class DeductionBody(Body):
    """What one row lost; negative when it got something back."""

    balance_id: str
    feature_id: str
    plan_id: str | None
    reset: ResetBody | None
    value: Number


def balance_body(view: BalanceView, *, expand_feature: bool = False) -> BalanceBody:
    """A balance with its rows."""
    has_rollovers = view.rollovers or any(row.row.rollover is not None for row in view.breakdown)
    division = view.division
    return BalanceBody(
        feature_id=view.feature.id,
        feature=feature_body(view.feature) if expand_feature else UNSET,
        granted=number(view.granted),
        remaining=number(view.remaining),
        usage=number(view.usage),
        unlimited=view.unlimited,
        overage_allowed=view.overage_allowed,
        max_purchase=None if view.max_purchase is None else number(view.max_purchase),
        next_reset_at=view.next_reset_at,
        breakdown=[_row_body(row, is_divided=division is not None) for row in view.breakdown],
        rollovers=rollover_bodies(view) if has_rollovers else UNSET,
        allocated=UNSET if division is None else number(division.allocated),
        unallocated=UNSET if division is None else number(division.unallocated),
    )


def rollover_bodies(view: BalanceView) -> list[RolloverBody]:
    """What is left of earlier periods."""
    return [RolloverBody(number(each.granted), number(each.balance), each.expires_at or 0) for each in view.rollovers]


def row_fields(view: RowView) -> dict[str, Any]:
    """The fields of :class:`BalanceRowBody`."""
    row = view.row
    return {
        "id": row.external_id or row.id,
        "plan_id": row.plan_id,
        "included_grant": number(view.included_grant),
        "prepaid_grant": number(view.prepaid_grant),
        "remaining": number(view.remaining),
        "usage": number(view.usage),
        "unlimited": row.unlimited,
        "reset": None if row.unlimited or view.feature.is_allocated else reset_body(row.reset, row.next_reset_at),
        "price": None if row.price is None else _price_body(row.price, row.prepaid),
        "expires_at": row.expires_at,
        "allocation": UNSET if view.allocation is None else AllocationBody(number(view.allocation)),
    }


def _row_body(view: RowView, *, is_divided: bool) -> BalanceRowBody:
    return BalanceRowBody(**row_fields(view), source=source_of(view) if is_divided else UNSET)


def source_of(view: RowView) -> Owner:
    """Whose the credits of a row are: shared by the customer, or an entity's own."""
    return "entity" if view.row.is_entity_level else "customer"


def reset_body(reset: Reset | None, resets_at: int | None) -> ResetBody | None:
    """How often something is reset, and when next (ms)."""
    if reset is None:
        return None
    count = reset.interval_count
    return ResetBody(interval=reset.interval, interval_count=UNSET if count == 1 else count, resets_at=resets_at)


def _price_body(price: ItemPrice, bought: Decimal) -> RowPriceBody:
    has_tiers = price.tiers is not None
    return RowPriceBody(
        tiers=UNSET if price.tiers is None else list(price.tiers),
        tier_behavior=price.tier_behavior if has_tiers and price.tier_behavior is not None else UNSET,
        amount=UNSET if has_tiers or price.amount is None else number(price.amount),
        billing_units=number(price.billing_units),
        billing_method=price.billing_method,
        max_purchase=None if price.max_purchase is None else number(max(price.max_purchase - bought, ZERO)),
    )


def flag_body(row: Balance, feature: Feature, *, expand_feature: bool = False) -> FlagBody:
    """A boolean feature that is on, by the row that grants it."""
    return FlagBody(
        id=row.external_id or row.id,
        plan_id=row.plan_id,
        expires_at=row.expires_at,
        feature_id=feature.id,
        feature=feature_body(feature) if expand_feature else UNSET,
    )


def deduction_body(deduction: Deduction) -> DeductionBody:
    """What one row lost, or got back."""
    return DeductionBody(
        balance_id=deduction.balance_id,
        feature_id=deduction.feature_id,
        plan_id=deduction.plan_id,
        reset=reset_body(deduction.reset, deduction.resets_at),
        value=exact_number(deduction.value),
    )
