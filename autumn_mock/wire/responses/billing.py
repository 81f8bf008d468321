"""Answers about purchases: what was attached and what it cost, invoices.

Pages are on this server; ``base`` is its URL as the request has it, without a slash at the end.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import number
from autumn_mock.domain.payment import Checkout, Invoice, InvoiceStatus, Refusal, RequiredAction
from autumn_mock.operations.purchases import Outcome
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
    invoice, refusal = outcome.invoice, outcome.refusal
    return AttachedBody(
        customer_id=outcome.customer_id,
        entity_id=outcome.entity_id or UNSET,
        invoice=UNSET if invoice is None else billed_invoice_body(invoice, base),
        payment_url=payment_url(outcome.checkout, invoice, base),
        required_action=UNSET if refusal is None else required_action_body(refusal),
    )
