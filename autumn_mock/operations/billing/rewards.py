"""Coupons: made by ``rewards.create`` or a world, given with ``discounts`` of the calls about billing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import AppliedCoupon, Subscription
from autumn_mock.domain.record import length
from autumn_mock.domain.reward import Coupon, PromotionCode
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.payments.discounts import goes_on
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingParams
from autumn_mock.wire.requests.rewards import CouponParams, PromoCodeParams, RewardsCreate


class GivenCoupon(NamedTuple):
    """A coupon that a request gives, perhaps by a promotion code."""

    coupon: Coupon
    code: str | None = None


def create(call: Call, params: RewardsCreate) -> Coupon:
    """``rewards.create``; 400 for a grant of features, and for an id or a code that is taken."""
    if params.feature_grant is not None or params.coupon is None:
        raise invalid_request("autumn-mock does not emulate feature grants; give customers balances.create instead")
    return create_coupon(call, params.coupon)


def create_coupon(call: Call, params: CouponParams) -> Coupon:
    """A new coupon; 400 for an id or a code that is taken."""
    codes = [each.code for each in params.promo_codes]
    with call.write() as transaction:
        if params.id in call.environment.coupons:
            raise invalid_request(f"Reward {params.id} already exists")
        for code in codes:
            if codes.count(code) > 1 or _by_code(call, code) is not None:
                raise invalid_request(f"Promotion code {code} already exists")
        months = params.duration.length
        coupon = Coupon(
            id=params.id,
            name=params.name,
            type=params.type,
            value=amount(params.value),
            duration=params.duration.type,
            months=None if months is None else length(months),
            plan_ids=None if params.plan_ids is None else tuple(params.plan_ids),
            promo_codes=tuple(_promotion_code(each) for each in params.promo_codes),
            created_at=call.now,
        )
        transaction.put(coupon)
        return coupon


def _promotion_code(sent: PromoCodeParams) -> PromotionCode:
    most = sent.global_max_redemption
    return PromotionCode(
        code=sent.code,
        global_max_redemption=None if most is None else length(most),
        first_time_transaction=bool(sent.first_time_transaction),
    )


def get(call: Call, reward_id: str) -> Coupon:
    """A coupon by id; 404 when there is none."""
    coupon = call.environment.coupons.get(reward_id)
    if coupon is None:
        raise ApiError(404, f"Reward {reward_id} not found", "reward_not_found")
    return coupon


def delete(call: Call, reward_id: str) -> None:
    """Delete a coupon; subscriptions no longer have it."""
    with call.write() as transaction:
        transaction.delete(get(call, reward_id))


# -- discounts of a request


def given(call: Call, customer: Customer, params: BillingParams, plan_ids: Iterable[str]) -> tuple[GivenCoupon, ...]:
    """The coupons that a request gives for these plans, each once; 400 for one that it cannot give."""
    found: dict[str, GivenCoupon] = {}
    bought = set(plan_ids)
    for sent in params.discounts or ():
        each = _named(call, customer, sent)
        if each.code is not None and each.coupon.plan_ids is not None and not bought & set(each.coupon.plan_ids):
            raise invalid_request("Promotion code does not apply to any products in this order.")
        found.setdefault(each.coupon.id, each)
    return tuple(found.values())


def _named(call: Call, customer: Customer, sent: dict[str, Any]) -> GivenCoupon:
    reward_id, code = sent.get("reward_id"), sent.get("promotion_code")
    if reward_id is not None:
        coupon = call.environment.coupons.get(reward_id)
        if coupon is None:
            raise invalid_request(f'Invalid coupon ID: "{reward_id}"')
        return GivenCoupon(coupon)
    if code is None:
        raise invalid_request("Either reward_id or promotion_code must be provided.")
    coupon = _by_code(call, code)
    if coupon is None:
        raise invalid_request(f'Promotion code not found or inactive: "{code}"')
    promotion = next(each for each in coupon.promo_codes if each.code == code)
    most = promotion.global_max_redemption
    if most is not None and promotion.redemptions >= most:
        raise invalid_request(f'Promotion code "{code}" has reached its maximum number of redemptions')
    if promotion.first_time_transaction and _has_paid(call, customer):
        raise ApiError(
            400, f'Promotion code "{code}" is only for the first purchase of a customer', "promo_code_first_time_only"
        )
    return GivenCoupon(coupon, code)


def _by_code(call: Call, code: str) -> Coupon | None:
    for coupon in call.environment.coupons:
        if any(each.code == code for each in coupon.promo_codes):
            return coupon
    return None


def _has_paid(call: Call, customer: Customer) -> bool:
    invoices = call.environment.invoices.of(customer.internal_id).values()
    return any(each.status == "paid" and each.total > 0 for each in invoices)


def redeem(call: Call, transaction: Transaction, coupons: Iterable[GivenCoupon]) -> None:
    """Count the use of promotion codes: the change that they were given for has been made."""
    for each in coupons:
        if each.code is not None:
            coupon = get(call, each.coupon.id)
            codes = tuple(
                replace(code, redemptions=code.redemptions + 1) if code.code == each.code else code
                for code in coupon.promo_codes
            )
            transaction.put(replace(coupon, promo_codes=codes))


# -- coupons of a subscription


def applied_after(
    call: Call, subscription: Subscription | None, params: BillingParams, coupons: Iterable[GivenCoupon]
) -> tuple[AppliedCoupon, ...]:
    """The coupons of a subscription after a change: without those that the request removes, with those that it gives
    and that go on after the first invoice."""
    gone = {each["reward_id"] for each in params.remove_discounts or ()}
    before = () if subscription is None else subscription.coupons
    kept = {each.reward_id: each for each in before if each.reward_id not in gone}
    for each in coupons:
        if each.coupon.duration != "one_off":
            kept.setdefault(each.coupon.id, AppliedCoupon(reward_id=each.coupon.id, applied_at=call.now))
    return tuple(kept.values())


def live(call: Call, applied: Iterable[AppliedCoupon], at: int) -> list[Coupon]:
    """Those coupons of a subscription that count for an invoice of an instant (ms)."""
    pairs = ((call.environment.coupons.get(each.reward_id), each) for each in applied)
    return [coupon for coupon, each in pairs if coupon is not None and goes_on(coupon, each, at)]


def coupons_of(call: Call, customer: Customer) -> list[tuple[Coupon, AppliedCoupon]]:
    """The coupons that the subscriptions of a customer have."""
    every = call.environment.subscriptions.of(customer.internal_id).values()
    applied = [each for subscription in every if subscription.status != "canceled" for each in subscription.coupons]
    pairs = ((call.environment.coupons.get(each.reward_id), each) for each in applied)
    return [(coupon, each) for coupon, each in pairs if coupon is not None and goes_on(coupon, each, call.now)]
