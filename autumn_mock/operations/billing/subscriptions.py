"""Subscriptions: which plans are billed together, and how they bill."""

from __future__ import annotations

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import Subscription
from autumn_mock.domain.plan import Plan
from autumn_mock.ids import new_id
from autumn_mock.operations.billing.attachments import attached_plans, scheduled
from autumn_mock.operations.call import Call
from autumn_mock.payments.cycles import Terms
from autumn_mock.store.environment import Transaction


def begun(call: Call, customer: Customer, terms: Terms, *, sends_invoices: bool = False) -> Subscription:
    """A new subscription that bills on these terms. The caller bills what has already begun."""
    return Subscription(
        id=new_id("sub"),
        customer=customer.internal_id,
        status="trialing" if terms.is_trialing else "active",
        created_at=call.now if terms.created_at is None else terms.created_at,
        anchor=terms.anchor,
        billed_until=call.now,
        trial_ends_at=terms.trial_ends_at,
        sends_invoices=sends_invoices,
    )


def changed(subscription: Subscription, terms: Terms) -> Subscription:
    """A subscription that bills on other terms from now on."""
    if (terms.anchor, terms.trial_ends_at) == (subscription.anchor, subscription.trial_ends_at):
        return replace(subscription, next_anchor=terms.next_anchor)
    status = subscription.status
    if status != "past_due":
        status = "trialing" if terms.is_trialing else "active"
    billed_until = terms.now if terms.anchor <= terms.now else subscription.billed_until
    return replace(
        subscription,
        anchor=terms.anchor,
        next_anchor=terms.next_anchor,
        trial_ends_at=terms.trial_ends_at,
        status=status,
        billed_until=billed_until,
    )


def close_unused(call: Call, transaction: Transaction, customer: Customer) -> None:
    """End the subscriptions of a customer that bill no plan any more, not even a paused one."""
    closed = call.environment.closed_plans.of(customer.internal_id).values()
    paused = (each.attached for each in closed if each.ended_at is None)
    held = (*call.environment.customer_plans.of(customer.internal_id).values(), *paused)
    used = {each.billed_by for each in held}
    for each in list(call.environment.subscriptions.of(customer.internal_id).values()):
        if each.id not in used and each.status != "canceled":
            transaction.put(replace(each, status="canceled"))


def drop_scheduled(call: Call, transaction: Transaction, customer: Customer, plan: Plan, entity_id: str | None) -> None:
    """Delete the scheduled main plans of the group of a plan."""
    for each in scheduled(call, customer, plan, entity_id):
        transaction.delete(each)


def drop_scheduled_add_ons(call: Call, transaction: Transaction, customer: Customer, entity_id: str | None) -> None:
    """Delete the scheduled add-ons of a customer, or of an entity (by its id)."""
    for each in attached_plans(call, customer, entity_id):
        if each.status == "scheduled" and each.plan.add_on:
            transaction.delete(each)
