"""The payment method of a customer, as a test sets it: what a customer does on a page of the payment provider."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import Card, CardBehavior
from autumn_mock.ids import new_id
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import get_customer, open_account

PaymentMethod = Literal["none", "ok", "declines", "needs_3ds"]
"""No card, or what happens when the card is charged."""

#: The last digits of the provider's test cards, by what they do.
_LAST4: dict[CardBehavior, str] = {"ok": "4242", "declines": "0341", "needs_3ds": "3184"}


def new_card(call: Call, behavior: CardBehavior = "ok") -> Card:
    """A card that a customer enters now."""
    last4 = _LAST4[behavior]
    fingerprint = f"{behavior}{last4}"
    return Card(id=new_id("pm"), behavior=behavior, fingerprint=fingerprint, created_at=call.now, last4=last4)


def with_card(customer: Customer, card: Card | None) -> Customer:
    """A customer with another payment method, or none. Another card ends the suspension of auto top-ups."""
    before = customer.card.fingerprint if customer.card is not None else None
    if card is None or card.fingerprint == before:
        return replace(customer, card=card)
    topups = {name: replace(each, failed_in_a_row=0) for name, each in customer.topups.items()}
    return replace(customer, card=card, topups=topups)


def set_payment_method(call: Call, customer_id: str, method: PaymentMethod) -> Customer:
    """Give a customer another payment method, or take it away; 404 for an unknown customer."""
    with call.write() as transaction:
        customer = get_customer(call.environment, customer_id)
        customer = open_account(call, transaction, customer).customer  # what was due before meets the old one
        customer = with_card(customer, None if method == "none" else new_card(call, method))
        transaction.put(customer)
        return customer


def payment_method(customer: Customer) -> PaymentMethod:
    """The payment method that a customer has."""
    return "none" if customer.card is None else customer.card.behavior
