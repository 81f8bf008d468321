"""What a change of a customer's plans costs: the lines of its invoice. Nothing is changed or charged here.

Previews show them; :mod:`autumn_mock.operations.billing.attach` puts them on an invoice. Only plans that a
subscription bills are credited: what was attached without billing was never paid for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import amount, money
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import AppliedCoupon, Invoice, InvoiceLine, Subscription
from autumn_mock.domain.plan import BasePrice, ItemPrice, Plan
from autumn_mock.operations.billing.attachments import Attachment
from autumn_mock.operations.billing.carry import selects
from autumn_mock.operations.billing.grants import rows_of
from autumn_mock.operations.billing.rewards import GivenCoupon, applied_after, given, live
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.subjects import find_entity
from autumn_mock.payments.cycles import Terms
from autumn_mock.payments.discounts import discounted
from autumn_mock.payments.lines import (
    Billed,
    Requantified,
    cancelling,
    overage_of,
    requantified,
    starting,
    switching,
    total_of,
)
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams, BillingUpdate, CarryOver


class Charges(Struct, frozen=True):
    """What a change costs."""

    #: Due now.
    lines: tuple[InvoiceLine, ...] = ()
    #: Added to the next invoice.
    later: tuple[InvoiceLine, ...] = ()
    #: The subscription that bills the change; None: a new one, or none as nothing recurs.
    subscription: Subscription | None = None
    #: The cycles after the change; None: nothing is billed.
    terms: Terms | None = None
    #: What the request gives, already taken off the lines.
    coupons: tuple[GivenCoupon, ...] = ()
    #: What the subscription has afterwards.
    applied: tuple[AppliedCoupon, ...] = ()

    @property
    def total(self) -> Decimal:
        """What is due now, in the major unit with two decimals; below zero it is a credit."""
        return total_of(self.lines)


def charges_of_attach(call: Call, customer: Customer, decided: Attachment, params: BillingAttach) -> Charges:
    """What attaching a plan costs; 400 for ``proration_behavior`` none when something is charged all the same, and for
    coupons that cannot be given."""
    if params.no_billing_changes or decided.reverts:
        return Charges()
    charges = _charges_of_attach(call, customer, decided, params)
    if not decided.is_deferred:
        ends = [each.plan for each in (decided.current, *decided.removed) if each is not None]
        charges = replace(charges, lines=_adjusted(charges.lines, params, [decided.plan, *ends]))
    return _reduced(call, charges, params, given(call, customer, params, [decided.plan.id]))


def _charges_of_attach(call: Call, customer: Customer, decided: Attachment, params: BillingAttach) -> Charges:
    subscription = None if params.new_billing_subscription else _continued(call, decided)
    if decided.is_deferred:
        begins = Terms(call.now, decided.starts_at if decided.anchor is None else decided.anchor)
        return Charges(
            subscription=subscription, terms=begins if subscription is None else terms_of(subscription, call.now)
        )
    incoming = Billed(
        decided.plan,
        decided.prepaid,
        entity_id=params.entity_id or None,
        entity_name=entity_name(call, customer, params.entity_id or None),
    )
    anchor = decided.starts_at if decided.anchor is None else decided.anchor
    features = call.environment.features.by_key
    if subscription is None:
        terms = Terms(call.now, anchor, decided.starts_at, decided.trial_ends_at)
        lines = starting(incoming, terms, features)
        return Charges(lines, terms=terms)
    before = terms_of(subscription, call.now)
    ends = [each for each in (decided.current, *decided.removed) if each is not None and each.billed_by is not None]
    outgoing = [_ending(call, customer, each, params.carry_over_usages) for each in ends]
    terms = before.moved(anchor, decided.trial_ends_at)
    if params.proration_behavior == "none":
        lines = starting(incoming, terms, features) if params.billing_cycle_anchor == "now" else ()
        if params.billing_cycle_anchor != "now" and _bought_once(switching((), incoming, before, features)):
            raise invalid_request("Cannot set proration_behavior to 'none' when an invoice will be created")
    else:
        lines = switching(outgoing, incoming, terms, features, before=before)
    return Charges(lines, subscription=subscription, terms=terms)


def charges_of_update(
    call: Call, customer: Customer, current: CustomerPlan, revised: CustomerPlan | None, params: BillingUpdate
) -> Charges:
    """What changing a plan costs; ``revised`` None: it is cancelled. 400 for coupons that cannot be given."""
    coupons = given(call, customer, params, [current.plan.id])
    if params.no_billing_changes or current.status == "scheduled":
        return Charges()
    charges = _charges_of_update(call, customer, current, revised, params)
    if revised is not None or charges.subscription is not None:
        plans = [current.plan] if revised is None else [current.plan, revised.plan]
        charges = replace(charges, lines=_adjusted(charges.lines, params, plans))
    return _reduced(call, charges, params, coupons)


def _reduced(call: Call, charges: Charges, params: BillingParams, coupons: tuple[GivenCoupon, ...]) -> Charges:
    """With the coupons of the subscription and those of the request taken off."""
    applied = applied_after(call, charges.subscription, params, coupons)
    every = (*live(call, applied, call.now), *(each.coupon for each in coupons))
    return replace(charges, lines=discounted(charges.lines, every), coupons=coupons, applied=applied)


def _charges_of_update(
    call: Call, customer: Customer, current: CustomerPlan, revised: CustomerPlan | None, params: BillingUpdate
) -> Charges:
    subscription = subscription_of(call, current)
    if subscription is None:
        return _charges_of_first_bill(call, customer, current, revised)
    features, before = call.environment.features.by_key, terms_of(subscription, call.now)
    old = Billed.of(current, entity_name=entity_name(call, customer, current.entity_id))
    if revised is None:
        at_once = params.cancel_action == "cancel_immediately"
        credited = at_once and params.proration_behavior != "none" and params.refund_last_payment is None
        lines = cancelling(old, before, features) if credited else ()
        return Charges(lines, subscription=subscription, terms=before)
    new = Billed.of(revised, entity_name=old.entity_name)
    anchor = before.anchor if revised.anchor in (None, current.anchor) else int(revised.anchor or 0)
    terms = before.moved(anchor, revised.trial_ends_at)
    if params.proration_behavior == "none":
        lines = starting(new, terms, features) if params.billing_cycle_anchor == "now" else ()
        return Charges(lines, subscription=subscription, terms=terms)
    if (revised.plan, revised.trial_ends_at, revised.anchor) == (current.plan, current.trial_ends_at, current.anchor):
        changed = requantified(old, new, before, features)
    else:
        fresh = params.billing_cycle_anchor == "now"
        ended = _ending(call, customer, current, params.carry_over_usages, default=not fresh)
        changed = Requantified(switching([ended], new, terms, features, before=before, same_plan=True), ())
    begun = () if not before.is_trialing or terms.is_trialing else _of_others(call, customer, current, terms)
    return Charges((*changed.now, *begun), changed.later, subscription, terms)


def _of_others(call: Call, customer: Customer, current: CustomerPlan, terms: Terms) -> tuple[InvoiceLine, ...]:
    """What the other plans of a subscription cost whose trial ends with that of ``current``."""
    features = call.environment.features.by_key
    others = [
        Billed.of(each, entity_name=entity_name(call, customer, each.entity_id))
        for each in call.environment.customer_plans.of(customer.internal_id).values()
        if each.id != current.id and each.billed_by == current.billed_by and each.status == "active"
    ]
    return tuple(line for each in others for line in switching((), each, terms, features) if line.period_end)


def _charges_of_first_bill(
    call: Call, customer: Customer, current: CustomerPlan, revised: CustomerPlan | None
) -> Charges:
    """Of a plan that no subscription bills: what is bought once of it, and all of it if it was free before."""
    if revised is None:
        return Charges()
    features = call.environment.features.by_key
    name = entity_name(call, customer, current.entity_id)
    old, new = Billed.of(current, entity_name=name), Billed.of(revised, entity_name=name)
    anchor = call.now if revised.anchor is None else revised.anchor
    terms = Terms(call.now, anchor, call.now, revised.trial_ends_at)
    if current.plan.is_free and not revised.plan.is_free:
        return Charges(starting(new, terms, features), terms=terms)
    bought = _bought_once(requantified(old, new, terms, features).now)
    return Charges(bought)


class Refund(Struct, frozen=True):
    """What is given back of the last payment."""

    amount: Decimal
    invoice: Invoice


def refund_of(call: Call, customer: Customer, current: CustomerPlan, params: BillingUpdate) -> Refund | None:
    """What ``refund_last_payment`` gives back when a plan is cancelled: all that is left of its last payment, or the
    part for the rest of the cycle; None when nothing was asked for or paid."""
    how, subscription = params.refund_last_payment, subscription_of(call, current)
    if how is None or subscription is None:
        return None
    paid = [
        each
        for each in call.environment.invoices.of(customer.internal_id).values()
        if each.subscription == subscription.id and each.status == "paid" and each.amount_paid > 0
    ]
    if not paid:
        return None
    last = max(paid, key=lambda each: each.created_at)
    left = last.amount_paid - last.refunded_amount
    if how == "prorated":
        unused = cancelling(Billed.of(current), terms_of(subscription, call.now), call.environment.features.by_key)
        left = min(left, -total_of(unused))
    return Refund(left, last)


# -- subscriptions


def subscription_of(call: Call, attached: CustomerPlan | None) -> Subscription | None:
    """The subscription that bills an attached plan; None: nothing is billed for it."""
    if attached is None or attached.billed_by is None:
        return None
    found = call.environment.subscriptions.get(attached.billed_by)
    return None if found is None or found.status == "canceled" else found


def terms_of(subscription: Subscription, now: int) -> Terms:
    """A subscription as it bills at an instant (ms)."""
    return Terms(
        now,
        subscription.anchor,
        subscription.created_at,
        subscription.trial_ends_at,
        subscription.billed_until,
        subscription.next_anchor,
    )


def entity_name(call: Call, customer: Customer, entity_id: str | None) -> str | None:
    """How the lines of an entity call it: its name, else its id."""
    if entity_id is None:
        return None
    entity = find_entity(call.environment, customer, entity_id)
    return entity_id if entity is None else entity.name or entity.id


def _continued(call: Call, decided: Attachment) -> Subscription | None:
    """The subscription that bills an attached plan: that of the plan which it replaces or joins, or that it removes."""
    if decided.plan.is_one_off:
        return None
    found = (subscription_of(call, each) for each in (decided.current, decided.joined, *decided.removed))
    return next((each for each in found if each is not None), None)


def _ending(
    call: Call, customer: Customer, attached: CustomerPlan, carried: CarryOver | None, *, default: bool = False
) -> Billed:
    """A plan that ends at once, with the usage that is billed: of consumables whose usage is not carried over."""
    is_carried = selects(carried, default=default)
    rows = [row for row in rows_of(call, attached) if not is_carried(call.feature(row.feature_id))]
    name = entity_name(call, customer, attached.entity_id)
    return Billed.of(attached, overage_of(rows, seats=False), entity_name=name)


# -- what a request says of lines


def _adjusted(lines: Iterable[InvoiceLine], params: BillingParams, plans: Iterable[Plan]) -> tuple[InvoiceLine, ...]:
    """The lines that a request removes taken out, its own lines added; ``custom_line_items`` replace all. The lines are
    of prices of the plans."""
    if params.custom_line_items is not None:
        return tuple(own_line(each) for each in params.custom_line_items)
    removals = params.remove_lines or ()
    prices = {price.price_id: price for plan in plans for price in plan.prices} if removals else {}
    kept = [
        line
        for line in lines
        if not any(_removes(each, line, prices.get(line.price_id or ""), params) for each in removals)
    ]
    return (*kept, *(own_line(each) for each in params.add_lines or ()))


def own_line(sent: Mapping[str, Any]) -> InvoiceLine:
    """A line of the caller's own."""
    return InvoiceLine(
        display_name=sent["description"],
        description=sent["description"],
        subtotal=money(amount(sent["amount"])),
        period_start=sent.get("period_start"),
        period_end=sent.get("period_end"),
    )


def _removes(
    removal: Mapping[str, Any], line: InvoiceLine, price: BasePrice | ItemPrice | None, params: BillingParams
) -> bool:
    """Whether a removal names a line: its plan, entity and direction, and its price or feature if it names some."""
    direction = removal.get("direction")
    if removal["plan_id"] != line.plan_id or (removal.get("entity_id", params.entity_id) or None) != line.entity_id:
        return False
    if direction is not None and (direction == "refund") is not line.is_credit:
        return False
    base, features = removal.get("price"), removal.get("feature_quantities")
    if base is None and features is None:
        return True
    if line.feature_id is None:
        return base is True or (isinstance(base, dict) and _narrows_to(base, price))
    return any(each["feature_id"] == line.feature_id and _narrows_to(each, price) for each in features or ())


def _narrows_to(wanted: Mapping[str, Any], price: BasePrice | ItemPrice | None) -> bool:
    """Whether a price has the interval, and is billed in the way, that a removal names."""
    if price is None:
        return False
    method = price.billing_method if isinstance(price, ItemPrice) else None
    return (
        wanted.get("interval") in (None, price.interval)
        and wanted.get("interval_count") in (None, price.interval_count)
        and wanted.get("billing_behavior") in (None, method)
    )


def _bought_once(lines: Iterable[InvoiceLine]) -> tuple[InvoiceLine, ...]:
    return tuple(line for line in lines if line.period_end is None)
