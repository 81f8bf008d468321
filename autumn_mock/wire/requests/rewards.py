"""Rewards: coupons, with their promotion codes."""

from __future__ import annotations

from typing import Any, Literal

from autumn_mock.wire import schema as z


class CouponDuration(z.Params):
    """On which invoices a coupon counts; ``length`` is the number of months."""

    type: Literal["one_off", "months", "forever"] = z.field(z.enum("one_off", "months", "forever"))
    length: float | None = z.field(z.nullable(z.integer(min=1)), default=None)

    @z.rule("length is required for a duration of months")
    def _has_a_length(self) -> bool:
        return self.type != "months" or self.length is not None


class PromoCodeParams(z.Params):
    """A word that customers enter."""

    code: str = z.field(z.string(min=1))
    global_max_redemption: float | None = z.field(z.nullable(z.integer(min=1)), default=None)
    first_time_transaction: bool | None = z.field(z.nullable(z.boolean()), default=None)


class CouponParams(z.Params):
    id: str = z.field(z.identifier())
    name: str = z.field(z.string(min=1))
    type: Literal["percentage_discount", "fixed_discount"] = z.field(z.enum("percentage_discount", "fixed_discount"))
    value: float = z.field(z.number(min=0))
    duration: CouponDuration = z.field(z.obj(CouponDuration))
    plan_ids: list[str] | None = z.field(z.nullable(z.array(z.string())), default=None)
    promo_codes: list[PromoCodeParams] = z.field(z.array(z.obj(PromoCodeParams)))

    @z.rule("value of a percentage_discount must be at most 100")
    def _is_at_most_everything(self) -> bool:
        return self.type != "percentage_discount" or self.value <= 100


class RewardsCreate(z.Params):
    """Exactly one of the two."""

    coupon: CouponParams | None = z.field(z.obj(CouponParams), default=None)
    feature_grant: dict[str, Any] | None = z.field(z.record(), default=None)

    @z.rule("Exactly one of coupon and feature_grant must be provided")
    def _creates_one(self) -> bool:
        return (self.coupon is None) is not (self.feature_grant is None)


class RewardsGet(z.Params):
    """Also the parameters of rewards.delete."""

    reward_id: str = z.field(z.string())
