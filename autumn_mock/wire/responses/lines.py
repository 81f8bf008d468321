"""The lines of invoices, and what is known of the next invoices of a customer."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import number
from autumn_mock.domain.payment import AppliedCoupon, Discount, InvoiceLine
from autumn_mock.domain.reward import Coupon
from autumn_mock.ledger.intervals import add_months
from autumn_mock.payments.forecasts import Forecast
from autumn_mock.payments.lines import subtotal_of
from autumn_mock.wire.answer import Body, Number

#: Amounts are in one currency.
CURRENCY = "usd"


class DiscountBody(Body, kw_only=True):
    """What a coupon takes off a line."""

    amount_off: Number
    percent_off: Number | UnsetType = UNSET
    reward_id: str | UnsetType = UNSET
    reward_name: str | UnsetType = UNSET


class PeriodBody(Body):
    """From when to when (ms)."""

    start: int
    end: int


class LineBody(Body, kw_only=True):
    """A line of an invoice: a charge, or below zero a credit; in the major unit of the currency."""

    display_name: str
    description: str
    subtotal: Number
    total: Number
    discounts: list[DiscountBody]
    plan_id: str
    feature_id: str | None
    period: PeriodBody | UnsetType = UNSET
    quantity: Number


class InvoicePreviewBody(Body, kw_only=True):
    """The next invoice of a subscription, with the usage so far."""

    plan_ids: list[str]
    invoice_at: int
    currency: str = CURRENCY
    subtotal: Number
    total: Number
    line_items: list[LineBody]


class CustomerDiscountBody(Body, kw_only=True):
    """A coupon that reduces the invoices of a subscription; instants in ms."""

    id: str
    name: str
    type: str
    discount_value: Number
    duration_type: str
    duration_value: int | None
    currency: str | None
    start: int
    end: int | None


class CustomerRewardsBody(Body):
    """What a customer was given."""

    discounts: list[CustomerDiscountBody]


def line_body(line: InvoiceLine) -> LineBody:
    """A line of an invoice or a preview."""
    has_period = line.period_start is not None and line.period_end is not None
    return LineBody(
        display_name=line.display_name,
        description=line.description,
        subtotal=number(line.subtotal),
        total=number(line.total),
        discounts=[_discount_body(each) for each in line.discounts],
        plan_id=line.plan_id,
        feature_id=line.feature_id,
        period=PeriodBody(line.period_start or 0, line.period_end or 0) if has_period else UNSET,
        quantity=number(line.quantity),
    )


def _discount_body(discount: Discount) -> DiscountBody:
    return DiscountBody(
        amount_off=number(discount.amount_off),
        percent_off=UNSET if discount.percent_off is None else number(discount.percent_off),
        reward_id=UNSET if discount.reward_id is None else discount.reward_id,
        reward_name=UNSET if discount.reward_name is None else discount.reward_name,
    )


def invoice_preview_body(forecast: Forecast) -> InvoicePreviewBody:
    """The next invoice of a subscription."""
    return InvoicePreviewBody(
        plan_ids=list(dict.fromkeys(line.plan_id for line in forecast.lines if line.plan_id)),
        invoice_at=forecast.starts_at,
        subtotal=number(subtotal_of(forecast.lines)),
        total=number(forecast.total),
        line_items=[line_body(line) for line in forecast.lines],
    )


def customer_rewards_body(coupons: Iterable[tuple[Coupon, AppliedCoupon]]) -> CustomerRewardsBody:
    """The coupons that a customer's subscriptions have, and since when."""
    return CustomerRewardsBody(
        [
            CustomerDiscountBody(
                id=coupon.id,
                name=coupon.name,
                type=coupon.type,
                discount_value=number(coupon.value),
                duration_type=coupon.duration,
                duration_value=coupon.months,
                currency=None if coupon.is_percentage else CURRENCY,
                start=applied.applied_at,
                end=None if coupon.months is None else add_months(applied.applied_at, coupon.months),
            )
            for coupon, applied in coupons
        ]
    )
