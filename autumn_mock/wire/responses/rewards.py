"""Rewards as the calls about them show them."""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.amount import number
from autumn_mock.domain.reward import Coupon
from autumn_mock.wire.answer import Body, Number


class CouponDurationBody(Body):
    """On which invoices a coupon counts."""

    type: str
    length: int | None


class PromoCodeBody(Body):
    """A word that customers enter."""

    code: str
    global_max_redemption: int | None
    first_time_transaction: bool


class CouponBody(Body, kw_only=True):
    """A coupon."""

    id: str
    name: str
    type: str
    value: Number
    duration: CouponDurationBody
    plan_ids: list[str] | None
    promo_codes: list[PromoCodeBody]
    created_at: int


class RewardBody(Body, kw_only=True):
    """One reward."""

    coupon: CouponBody


class RewardsBody(Body):
    """The rewards of an organisation: coupons, as grants of features are not emulated."""

    coupons: list[CouponBody]
    feature_grants: list[dict[str, Any]]


def coupon_body(coupon: Coupon) -> CouponBody:
    """A coupon."""
    return CouponBody(
        id=coupon.id,
        name=coupon.name,
        type=coupon.type,
        value=number(coupon.value),
        duration=CouponDurationBody(coupon.duration, coupon.months),
        plan_ids=None if coupon.plan_ids is None else list(coupon.plan_ids),
        promo_codes=[
            PromoCodeBody(each.code, each.global_max_redemption, each.first_time_transaction)
            for each in coupon.promo_codes
        ],
        created_at=coupon.created_at,
    )
