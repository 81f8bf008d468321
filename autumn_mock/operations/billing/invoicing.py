"""Invoices, and the pretended charges of cards for them.

The credit of a customer (what invoices below zero left) is spent before a card is charged. What decides a charge, the
first that applies:

====================================  ========================
there is no card                      payment_method_required
a fault                               as it says; what is processed is paid later
the card                              ok, payment_failed, 3ds_required
====================================  ========================

Customers without a card are treated as the setting ``payments`` has it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import (
    DECLINED,
    NEEDS_3DS,
    NO_CARD,
    Card,
    CardBehavior,
    CardCharge,
    Deferred,
    Invoice,
    InvoiceLine,
    Occasion,
    Refusal,
)
from autumn_mock.ids import new_id
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.payments.lines import total_of
from autumn_mock.store.environment import Environment, Transaction

#: What an invoice that is paid or void does not have: a payment, or a change, that is still to come.
_SETTLED: dict[str, Any] = {"required_action": None, "deferred": None, "card": None, "settles_at": None}


class Bill(Struct, frozen=True, kw_only=True):
    """What is to be invoiced, and how it is paid."""

    lines: tuple[InvoiceLine, ...]
    plan_ids: tuple[str, ...]
    occasion: Occasion = "purchase"
    #: The feature of an auto top-up.
    feature_id: str | None = None
    entity_id: str | None = None
    subscription: str | None = None
    #: What is made once the invoice is paid.
    deferred: Deferred | None = None
    #: ``charge`` a card now; ``send`` it to be paid later; leave it a ``draft``; it was ``paid`` on a page.
    collection: str = "charge"
    is_renewal: bool = False


class Collected(Struct, frozen=True):
    """An invoice, and why it was not paid at once."""

    invoice: Invoice
    refusal: Refusal | None = None


def card_of(call: Call, customer: Customer) -> Card | None:
    """The card that a charge of a customer would use: the saved one, or the one that the setting pretends."""
    if customer.card is not None:
        return customer.card
    mode = call.environment.payments
    if mode == "page":
        return None
    behavior: CardBehavior = "declines" if mode == "decline" else "ok"
    return Card(id=f"pm_{customer.internal_id}", behavior=behavior, fingerprint=mode, created_at=customer.created_at)


def refusal_of(call: Call, customer: Customer, charge: CardCharge) -> Refusal | None:
    """Why a charge of a customer fails; None: it succeeds."""
    card = card_of(call, customer)
    if card is None:
        return NO_CARD
    problem = call.charge_problem(charge)
    if problem is not None:
        return problem
    return {"ok": None, "declines": DECLINED, "needs_3ds": NEEDS_3DS}[card.behavior]


def invoice(call: Call, transaction: Transaction, customer: Customer, bill: Bill) -> Collected:
    """Make an invoice and collect it. A total below zero becomes credit of the customer."""
    customer = call.environment.customers.get(customer.internal_id) or customer
    total = total_of(bill.lines)
    is_draft = bill.collection == "draft"
    applied = ZERO if is_draft else min(customer.credit, max(total, ZERO))
    made = Invoice(
        id=new_id("inv"),
        stripe_id=new_id("in"),
        customer=customer.internal_id,
        entity_id=bill.entity_id,
        subscription=bill.subscription,
        plan_ids=bill.plan_ids,
        status="draft" if is_draft else "open",
        lines=bill.lines,
        total=total,
        created_at=call.now,
        credit_applied=applied,
        is_renewal=bill.is_renewal,
        deferred=bill.deferred,
    )
    if applied:
        transaction.put(replace(customer, credit=customer.credit - applied))
    if is_draft:
        transaction.put(made)
        return Collected(made)
    if made.due and bill.collection in ("charge", "send"):
        refusal = None
        if bill.collection == "charge":
            named = customer.id or customer.internal_id
            refusal = refusal_of(
                call,
                customer,
                CardCharge(
                    occasion=bill.occasion, customer_id=named, plan_ids=bill.plan_ids, feature_id=bill.feature_id
                ),
            )
        if refusal is not None or bill.collection == "send":
            made = replace(made, required_action=None if refusal is None else refusal.action)
            if refusal is not None and refusal.succeeds_in is not None:
                made = replace(made, card=card_of(call, customer), settles_at=call.now + refusal.succeeds_in)
            transaction.put(made)
            return Collected(made, refusal)
    return Collected(mark_paid(call, transaction, made))


def mark_paid(call: Call, transaction: Transaction, made: Invoice) -> Invoice:
    """An invoice after its payment. The change that waited for it is the caller's to make."""
    paid = replace(made, status="paid", amount_paid=made.due, **_SETTLED)
    transaction.put(paid)
    if made.total < 0:
        customer = call.environment.customers.get(made.customer)
        if customer is not None:
            transaction.put(replace(customer, credit=customer.credit - made.total))
    return paid


def void(call: Call, transaction: Transaction, made: Invoice) -> Invoice:
    """An invoice that is not to be paid any more, and without what waited for it; the credit that it used is back."""
    voided = replace(made, status="void", credit_applied=ZERO, **_SETTLED)
    transaction.put(voided)
    customer = call.environment.customers.get(made.customer)
    if customer is not None and made.credit_applied:
        transaction.put(replace(customer, credit=customer.credit + made.credit_applied))
    return voided


def find_invoice(environment: Environment, invoice_id: str) -> Invoice:
    """An invoice by its own id or the provider's; 404 when there is none."""
    found = environment.invoices.get(invoice_id)
    if found is None:
        found = next((each for each in environment.invoices if each.stripe_id == invoice_id), None)
    if found is None:
        raise ApiError(404, "Stripe invoice not found", "invoice_not_found")
    return found


def require_open(made: Invoice) -> None:
    """400 for an invoice that cannot be paid."""
    if made.is_being_paid:
        raise invalid_request(f"Invoice {made.stripe_id} was paid, which is being processed")
    if not made.is_payable:
        raise invalid_request(f"Invoice {made.stripe_id} is {made.status} and cannot be paid")
