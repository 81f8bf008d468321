"""Coupons: discounts that are given by their id or by a promotion code."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from autumn_mock.domain.record import Count, Instant, Length, Record


class PromotionCode(Record, frozen=True, kw_only=True):
    """A word that customers enter to get a coupon."""

    code: str
    #: How often it can be used by all customers together; None: any number of times.
    global_max_redemption: Length | None = None
    #: Whether it is for customers who have paid nothing yet.
    first_time_transaction: bool = False
    redemptions: Count = 0


class Coupon(Record, frozen=True, kw_only=True):
    """A discount: percent of each charge, or an amount of money."""

    id: str
    name: str
    type: Literal["percentage_discount", "fixed_discount"]
    #: Percent, or the major unit of the currency.
    value: Decimal
    #: On which invoices: the first, those of ``months`` months, or all.
    duration: Literal["one_off", "months", "forever"] = "one_off"
    months: Length | None = None
    #: For which plans; None: for all.
    plan_ids: tuple[str, ...] | None = None
    promo_codes: tuple[PromotionCode, ...] = ()
    created_at: Instant

    @property
    def is_percentage(self) -> bool:
        return self.type == "percentage_discount"
