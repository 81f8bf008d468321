"""Renewals that are not paid: what becomes of the plans, further tries, and the end of it.

===============================================  ==============================================================
a renewal is not paid                            its plans are past due and go on
… a plan has ``ignore_past_due``                 it is not past due, and its invoices are sent from now on
… the organisation has ``cancel_on_past_due``    the subscription ends, the invoice is void
the card works at a further try, or it is paid   its plans are not past due any more
no try has succeeded                             the subscription ends; its plans are followed by the default plan
===============================================  ==============================================================

Further tries are made 3, 8 and 15 days after the invoice.
"""

from __future__ import annotations

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import CardCharge, Invoice, Subscription
from autumn_mock.operations.billing import invoicing
from autumn_mock.operations.billing.attachments import fallback
from autumn_mock.operations.billing.due_changes import RETRY_AFTER, tries_at
from autumn_mock.operations.billing.grants import begin, withdraw
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction


def try_again(call: Call, transaction: Transaction, customer: Customer) -> None:
    """Charge the cards of the renewals that are due for it; give up after the last try."""
    for at, made in list(tries_at(call.environment, customer.internal_id)):
        subscription = call.environment.subscriptions.get(made.subscription or "")
        if at > call.now or subscription is None or subscription.status != "past_due":
            continue
        named = customer.id or customer.internal_id
        charge = CardCharge(occasion="renewal", customer_id=named, plan_ids=made.plan_ids)
        refusal = invoicing.refusal_of(call, _current(call, customer), charge)
        made = replace(made, tries=made.tries + 1)
        if refusal is None:
            invoicing.mark_paid(call, transaction, made)
            recover(call, transaction, made)
            continue
        transaction.put(replace(made, required_action=refusal.action))
        if made.tries >= len(RETRY_AFTER):
            end_subscription(call, transaction, customer, subscription)


def _current(call: Call, customer: Customer) -> Customer:
    """The customer as it is now."""
    return call.environment.customers.get(customer.internal_id) or customer


def settle_renewal(
    call: Call, transaction: Transaction, customer: Customer, subscription: Subscription, billed: invoicing.Collected
) -> None:
    """Draw the consequences of a renewal's invoice."""
    if billed.refusal is None:
        return
    if call.environment.organisation.config.cancel_on_past_due:
        invoicing.void(call, transaction, billed.invoice)
        end_subscription(call, transaction, customer, subscription)
        return
    plans = plans_of(call, subscription)
    if plans and all(each.plan.config.get("ignore_past_due") for each in plans):
        transaction.put(replace(subscription, sends_invoices=True))
        return
    transaction.put(replace(subscription, status="past_due"))
    for each in plans:
        if not each.plan.config.get("ignore_past_due"):
            transaction.put(replace(each, past_due=True))


def recover(call: Call, transaction: Transaction, made: Invoice) -> None:
    """The plans of a subscription are not past due once all its renewals are paid."""
    environment = call.environment
    for each in environment.invoices.of(made.customer).values():
        if each.is_renewal and each.status == "open" and each.subscription == made.subscription:
            return
    subscription = environment.subscriptions.get(made.subscription or "")
    if subscription is None or subscription.status != "past_due":
        return
    transaction.put(replace(subscription, status="active"))
    for attached in plans_of(call, subscription):
        if attached.past_due:
            transaction.put(replace(attached, past_due=False))


def end_subscription(call: Call, transaction: Transaction, customer: Customer, subscription: Subscription) -> None:
    """End a subscription and its plans now; default plans follow them."""
    environment, owner = call.environment, customer.internal_id
    transaction.put(replace(subscription, status="canceled", pending=()))
    ended = plans_of(call, subscription)
    for attached in ended:
        withdraw(call, transaction, attached)
    slots = {each.slot for each in ended if each.plan.is_main}
    for attached in list(environment.customer_plans.of(owner).values()):
        if attached.status == "scheduled" and (
            attached.billed_by == subscription.id or (attached.plan.is_main and attached.slot in slots)
        ):
            transaction.delete(attached)
    if environment.organisation.config.void_invoices_on_subscription_deletion:
        void_open(call, transaction, subscription)
    for attached in ended:
        plan = fallback(call, attached)
        if plan is not None:
            begin(call, transaction, customer, plan, trial_ends_at=None)


def ends_at_once(call: Call, attached: CustomerPlan) -> bool:
    """Whether a cancellation of a plan takes effect now, without a credit, as its renewal was not paid."""
    return attached.past_due and call.environment.organisation.config.void_invoices_on_subscription_deletion


def void_open(call: Call, transaction: Transaction, subscription: Subscription) -> None:
    """Void the open invoices of a subscription."""
    for made in list(call.environment.invoices.of(subscription.customer).values()):
        if made.subscription == subscription.id and made.status == "open":
            invoicing.void(call, transaction, made)


def plans_of(call: Call, subscription: Subscription) -> list[CustomerPlan]:
    """The active plans that a subscription bills."""
    every = call.environment.customer_plans.of(subscription.customer).values()
    return [each for each in every if each.billed_by == subscription.id and each.status == "active"]
