"""Answers about purchases: what was attached and what it cost, invoices.

Pages are on this server; ``base`` is its URL as the request has it, without a slash at the end.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import number
from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import Checkout, Invoice, InvoiceLine, InvoiceStatus, Refusal, RequiredAction
from autumn_mock.operations.billing.invoices import InvoiceOf
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.wire.answer import Body, Number


class BilledInvoiceBody(Body, kw_only=True):
    """The invoice of a purchase; ``total`` in the major unit."""

    status: InvoiceStatus
    stripe_id: str
    total: Number
    currency: str
    hosted_invoice_url: str | None


class RequiredActionBody(Body):
    """What is needed before the change is made."""

    code: RequiredAction
    reason: str


class AttachedBody(Body, kw_only=True):
    """A plan has been attached or changed; or it will be, once ``payment_url`` was paid."""

    customer_id: str
    entity_id: str | UnsetType = UNSET
    invoice: BilledInvoiceBody | UnsetType = UNSET
    payment_url: str | None = None
    required_action: RequiredActionBody | UnsetType = UNSET


class PageBody(Body, kw_only=True):
    """The URL of a page for a customer."""

    customer_id: str
    entity_id: str | UnsetType = UNSET
    url: str


class CustomerInvoiceBody(Body, kw_only=True):
    """An invoice as its customer shows it; amounts in the major unit."""

    plan_ids: list[str]
    stripe_id: str
    processor_type: str = "stripe"
    status: InvoiceStatus
    total: Number
    currency: str
    created_at: int
    hosted_invoice_url: str | None


class InvoiceItemBody(Body, kw_only=True):
    """One line of an invoice; ``amount`` after discounts."""

    id: str
    description: str
    period_start: int | None
    period_end: int | None
    plan_id: str | None
    feature_id: str | None
    feature_name: str | None
    quantity: Number | None
    amount: Number
    entities: list[dict[str, Any]]


class InvoiceBody(CustomerInvoiceBody, kw_only=True):
    """An invoice as ``invoices.list`` has it."""

    id: str
    customer_id: str | None
    entity_id: str | None
    amount_paid: Number | None
    refunded_amount: Number
    items: list[InvoiceItemBody]


def _invoice_fields(invoice: Invoice, base: str) -> dict[str, Any]:
    return {
        "plan_ids": list(invoice.plan_ids),
        "stripe_id": invoice.stripe_id,
        "status": invoice.status,
        "total": number(invoice.total),
        "currency": invoice.currency,
        "created_at": invoice.created_at,
        "hosted_invoice_url": invoice_url(invoice, base),
    }


def customer_invoice_body(invoice: Invoice, base: str) -> CustomerInvoiceBody:
    """An invoice as its customer shows it."""
    return CustomerInvoiceBody(**_invoice_fields(invoice, base))


def invoice_body(found: InvoiceOf, base: str) -> InvoiceBody:
    """An invoice as ``invoices.list`` has it."""
    invoice = found.invoice
    return InvoiceBody(
        **_invoice_fields(invoice, base),
        id=invoice.id,
        customer_id=found.customer.id,
        entity_id=invoice.entity_id,
        amount_paid=number(invoice.amount_paid) if invoice.status == "paid" else None,
        refunded_amount=number(invoice.refunded_amount),
        items=[_item_body(f"{invoice.id}_{index}", line) for index, line in enumerate(invoice.lines, 1)],
    )


def _item_body(id: str, line: InvoiceLine) -> InvoiceItemBody:
    entities = []
    if line.entity_id is not None:
        entities = [{"entity_id": line.entity_id, "quantity": number(line.quantity), "amount": number(line.total)}]
    return InvoiceItemBody(
        id=id,
        description=line.description,
        period_start=line.period_start,
        period_end=line.period_end,
        plan_id=line.plan_id or None,
        feature_id=line.feature_id,
        feature_name=None if line.feature_id is None else line.display_name,
        quantity=number(line.quantity),
        amount=number(line.total),
        entities=entities,
    )


def payment_method_body(customer: Customer) -> dict[str, Any] | None:
    """The card on file as the provider describes it; None: there is none."""
    card = customer.card
    if card is None:
        return None
    return {
        "id": card.id,
        "object": "payment_method",
        "type": "card",
        "billing_details": {"address": None, "email": customer.email, "name": customer.name, "phone": None},
        "card": {
            "brand": card.brand,
            "last4": card.last4,
            "exp_month": 12,
            "exp_year": 2040,
            "funding": "credit",
            "country": "US",
            "fingerprint": card.fingerprint,
        },
        "created": card.created_at // 1000,
        "customer": customer.stripe_id or customer.internal_id,
        "livemode": False,
        "metadata": {},
    }


def portal_url(customer: Customer, return_url: str | None, base: str) -> str:
    """The page where a customer manages plans and cards."""
    query = f"?{urlencode({'return_url': return_url})}" if return_url else ""
    return f"{base}/portal/{customer.internal_id}{query}"


def checkout_url(checkout: Checkout, base: str) -> str:
    """The page of a session."""
    return f"{base}/checkout/{checkout.id}"


def invoice_url(invoice: Invoice, base: str) -> str | None:
    """The page of an invoice; None while it is a draft."""
    return None if invoice.status == "draft" else f"{base}/invoice/{invoice.stripe_id}"


def payment_url(checkout: Checkout | None, invoice: Invoice | None, base: str) -> str | None:
    """Where the customer pays; None when there is nothing to pay."""
    if checkout is not None:
        return checkout_url(checkout, base)
    return invoice_url(invoice, base) if invoice is not None and invoice.status == "open" else None


def billed_invoice_body(invoice: Invoice, base: str) -> BilledInvoiceBody:
    """The invoice of a purchase."""
    return BilledInvoiceBody(
        status=invoice.status,
        stripe_id=invoice.stripe_id,
        total=number(invoice.total),
        currency=invoice.currency,
        hosted_invoice_url=invoice_url(invoice, base),
    )


def required_action_body(refusal: Refusal) -> RequiredActionBody:
    """What is needed before the change is made."""
    return RequiredActionBody(code=refusal.action, reason=refusal.reason)


def attached_body(outcome: Outcome, base: str) -> AttachedBody:
    """The answer to an attachment or update."""
    return AttachedBody(**attached_fields(outcome, base))


def attached_fields(outcome: Outcome, base: str) -> dict[str, Any]:
    """The fields of the answer to an attachment or update."""
    invoice, refusal = outcome.invoice, outcome.refusal
    return {
        "customer_id": outcome.customer_id,
        "entity_id": outcome.entity_id or UNSET,
        "invoice": UNSET if invoice is None else billed_invoice_body(invoice, base),
        "payment_url": payment_url(outcome.checkout, invoice, base),
        "required_action": UNSET if refusal is None else required_action_body(refusal),
    }


def setup_body(outcome: Outcome, base: str) -> PageBody:
    """The page where a card is entered."""
    assert outcome.checkout is not None  # it was opened
    return PageBody(
        customer_id=outcome.customer_id,
        entity_id=outcome.entity_id or UNSET,
        url=checkout_url(outcome.checkout, base),
    )
