"""Invoices of customers: lists and refunds."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, amount, money
from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import Invoice
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.listing import NO_ONE, Page, Place, cut_newest, narrowed
from autumn_mock.operations.subjects import get_customer
from autumn_mock.wire.requests.billing import InvoicesList
from autumn_mock.wire.requests.older import RefundInvoice


class InvoiceOf(Struct, frozen=True):
    """An invoice and its customer."""

    customer: Customer
    invoice: Invoice


def list_invoices(call: Call, params: InvoicesList, before: Place | None) -> Page[InvoiceOf]:
    """``invoices.list``: newest first."""
    environment = call.environment
    owner, entity_id = narrowed(call, params)
    if owner is NO_ONE or (params.processor_types is not None and "stripe" not in params.processor_types):
        return Page([], None)
    with environment.lock:
        invoices = environment.invoices.of(owner).values() if owner is not None else environment.invoices
        shown, following = cut_newest(
            [
                each
                for each in invoices
                if entity_id in (None, each.entity_id)
                and params.invoice_id in (None, each.id)
                and params.stripe_id in (None, each.stripe_id)
                and (params.status is None or each.status in params.status)
            ],
            before,
            params.limit,
        )
        rows = []
        for each in shown:
            customer = environment.customers.get(each.customer)
            assert customer is not None  # invoices are deleted with their customer
            rows.append(InvoiceOf(customer, each))
    return Page(rows, following)


def invoices_of(call: Call, customer: Customer, entity_id: str | None = None) -> list[Invoice]:
    """The invoices of a customer, or those of one of its entities, newest first."""
    found = list(call.environment.invoices.of(customer.internal_id).values())
    return [each for each in reversed(found) if entity_id in (None, each.entity_id)]


def refund(call: Call, customer_id: str, invoice_id: str, params: RefundInvoice) -> Invoice:
    """Give back what an invoice was paid with, or a part of it; 404 for an unknown invoice of the customer, 400 for one
    that nothing was paid for, and for more than is left."""
    with call.write() as transaction:
        customer = get_customer(call.environment, customer_id)
        invoices = call.environment.invoices.of(customer.internal_id).values()
        found = next((each for each in invoices if invoice_id in (each.stripe_id, each.id)), None)
        if found is None:
            raise invalid_request("Stripe invoice not found", status=404)
        left = found.amount_paid - found.refunded_amount
        if found.status != "paid" or found.amount_paid <= ZERO:
            raise invalid_request("This invoice has no associated charge to refund")
        wanted = left if params.mode == "full" else money(amount(params.amount or 0))
        if wanted > left or wanted <= ZERO:
            raise invalid_request(f"amount: must be more than 0 and at most {left}, what is left of the payment")
        refunded = replace(found, refunded_amount=found.refunded_amount + wanted)
        transaction.put(refunded)
        return refunded
