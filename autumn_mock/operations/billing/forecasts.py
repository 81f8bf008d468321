"""The next invoices of a customer: after a change that is previewed, and of the subscriptions as they are."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import AppliedCoupon, Subscription
from autumn_mock.operations.billing.grants import rows_of
from autumn_mock.operations.billing.invoice_lines import Charges, entity_name, terms_of
from autumn_mock.operations.billing.rewards import live
from autumn_mock.operations.call import Call
from autumn_mock.payments.discounts import discounted
from autumn_mock.payments.forecasts import BilledPlan, Forecast, forecast
from autumn_mock.payments.lines import Billed, overage_of


def forecast_of(
    call: Call,
    customer: Customer,
    charges: Charges,
    incoming: Iterable[CustomerPlan],
    *,
    without: Iterable[CustomerPlan],
) -> Forecast | None:
    """The next invoice of the subscription that a change begins or goes on with; None when nothing recurs."""
    if charges.terms is None:
        return None
    gone = {each.id for each in without}
    stays: list[CustomerPlan] = []
    if charges.subscription is not None:
        stays = [each for each in _plans_of(call, charges.subscription) if each.id not in gone]
    held = [_billed(call, customer, each) for each in (*incoming, *stays)]
    waiting = () if charges.subscription is None else charges.subscription.pending
    found = forecast(held, charges.terms, call.environment.features.by_key, pending=(*waiting, *charges.later))
    return _reduced(call, found, charges.applied)


def next_invoices(call: Call, customer: Customer) -> list[Forecast]:
    """The next invoice of each subscription of a customer on which something recurs, the soonest first."""
    every = call.environment.subscriptions.of(customer.internal_id).values()
    found = [upcoming(call, customer, each) for each in every if each.status != "canceled"]
    return sorted((each for each in found if each is not None), key=lambda each: each.starts_at)


def upcoming(call: Call, customer: Customer, subscription: Subscription) -> Forecast | None:
    """The next invoice of a subscription as it is, with the usage so far; None when nothing recurs."""
    plans = _plans_of(call, subscription)
    held = [_billed(call, customer, each, with_usage=True) for each in plans]
    terms = terms_of(subscription, call.now)
    found = forecast(held, terms, call.environment.features.by_key, pending=subscription.pending)
    return _reduced(call, found, subscription.coupons)


def _reduced(call: Call, found: Forecast | None, applied: Iterable[AppliedCoupon]) -> Forecast | None:
    """With the coupons taken off that still count then."""
    if found is None:
        return None
    return replace(found, lines=discounted(found.lines, live(call, applied, found.starts_at)))


def _plans_of(call: Call, subscription: Subscription) -> list[CustomerPlan]:
    plans = call.environment.customer_plans.of(subscription.customer).values()
    return [each for each in plans if each.billed_by == subscription.id]


def _billed(call: Call, customer: Customer, attached: CustomerPlan, *, with_usage: bool = False) -> BilledPlan:
    overage = overage_of(rows_of(call, attached), seats=True) if with_usage else None
    billed = Billed.of(attached, overage, entity_name(call, customer, attached.entity_id))
    return BilledPlan(billed, attached.started_at, attached.expires_at)
