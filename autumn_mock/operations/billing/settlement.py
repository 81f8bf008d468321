"""What happens on payment pages, and the changes that waited for it.

A session that was paid is settled (the change is made) at once, or later, as with the real provider: the customer may
be back before the service knows of the payment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import DECLINED, Card, CardCharge, Checkout, Deferred, Invoice, Refusal
from autumn_mock.operations.billing import checkouts, invoicing
from autumn_mock.operations.billing.attach import attach_within
from autumn_mock.operations.billing.card_setup import after_setup
from autumn_mock.operations.billing.multi_attach import multi_attach_within
from autumn_mock.operations.billing.past_due import recover
from autumn_mock.operations.billing.payment_methods import new_card, with_card
from autumn_mock.operations.billing.purchases import Outcome, Settled
from autumn_mock.operations.billing.schedules import create_schedule_within
from autumn_mock.operations.billing.subscriptions import begun
from autumn_mock.operations.billing.update import update_within
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.subjects import open_account
from autumn_mock.payments.cycles import Terms
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.schema import ValidationFailed, parse

Action = Literal["pay", "decline", "abandon", "3ds"]
"""What a customer does on a page: pays with a card that works, with one that is declined, leaves, or pays with one that
asks for 3-D Secure and is authenticated."""


def complete(
    call: Call,
    checkout_id: str,
    action: Action,
    *,
    settle_later: bool = False,
    quantities: Mapping[str, float] | None = None,
) -> tuple[Checkout, Refusal | None]:
    """Do something on the page of a session; returns the session, and why it was not paid.

    ``quantities`` are those of adjustable features, the included amount counted. Raises :class:`ApiError` (404) for an
    unknown session, and 400 for one that is not open.
    """
    with call.write() as transaction:
        session = checkouts.find_checkout(call.environment, checkout_id)
        if session.status == "open" and session.expires_at <= call.now:
            session = checkouts.end(call, transaction, session)
        if session.status != "open":
            raise invalid_request(f"Checkout {session.id} is {session.status}")
        call.environment.note_page(session.id, action)
        if action == "abandon":
            return session, None
        if action == "decline":
            return session, DECLINED
        customer = call.environment.customers.get(session.customer)
        assert customer is not None  # sessions are deleted with their customer
        session = _adjusted(session, quantities or {})
        refusal = None
        if session.mode == "autumn":
            card = None
        else:
            refusal = _page_refusal(call, customer, session.deferred)
            if refusal is not None and refusal.succeeds_in is None:
                return session, refusal
            card = new_card(call, "needs_3ds" if action == "3ds" else "ok")
        session = replace(session, status="complete", card=card, settles_at=_end_of(call, refusal))
        transaction.put(session)
        if not settle_later and refusal is None:
            session = _settle(call, transaction, session)
        return session, None


def _end_of(call: Call, refusal: Refusal | None) -> int | None:
    """When a payment that is being processed succeeds."""
    return None if refusal is None or refusal.succeeds_in is None else call.now + refusal.succeeds_in


def _page_refusal(call: Call, customer: Customer, waiting: Deferred) -> Refusal | None:
    """The fault that a payment on a page meets."""
    named = customer.id or customer.internal_id
    return call.charge_problem(CardCharge(occasion="page", customer_id=named, plan_ids=waiting.plan_ids))


def _adjusted(session: Checkout, quantities: Mapping[str, float]) -> Checkout:
    """The session with other quantities; 400 for a feature whose quantity is fixed."""
    fixed = [each for each in quantities if each not in session.adjustable]
    if fixed:
        raise invalid_request(f"The quantity of {', '.join(fixed)} cannot be changed on this checkout")
    if not quantities:
        return session
    sent = [dict(each) for each in session.deferred.body.get("feature_quantities", ())]
    for each in sent:
        if each["feature_id"] in quantities:
            each["quantity"] = quantities[each["feature_id"]]
    body = {**session.deferred.body, "feature_quantities": sent}
    return replace(session, deferred=replace(session.deferred, body=body))


def settle(call: Call, checkout_id: str) -> Checkout:
    """Make the change of a session that was paid; 400 when there is nothing to settle."""
    with call.write() as transaction:
        session = checkouts.find_checkout(call.environment, checkout_id)
        if session.status != "complete" or session.is_settled:
            raise invalid_request(f"Checkout {session.id} has nothing to settle")
        return _settle(call, transaction, session)


def settle_due(call: Call, transaction: Transaction, customer: Customer) -> None:
    """Settle the sessions whose time has come; end those that were not paid, and void what waits too long."""
    for each in list(call.environment.checkouts.of(customer.internal_id).values()):
        if each.status == "open" and each.expires_at <= call.now:
            checkouts.end(call, transaction, each)
        elif (
            each.status == "complete"
            and not each.is_settled
            and each.settles_at is not None
            and each.settles_at <= call.now
        ):
            _settle(replace(call, now=each.settles_at), transaction, each)
    for made in list(call.environment.invoices.of(customer.internal_id).values()):
        made = call.environment.invoices.get(made.id) or made  # one that was settled before may have voided it
        expires_at = made.deferred.expires_at if made.deferred is not None else None
        if made.card is not None and made.is_payable:
            if made.settles_at is not None and made.settles_at <= call.now:
                _paid(replace(call, now=made.settles_at), transaction, made, made.card)
        elif made.status == "open" and expires_at is not None and expires_at <= call.now:
            invoicing.void(call, transaction, made)


def _settle(call: Call, transaction: Transaction, session: Checkout) -> Checkout:
    customer = call.environment.customers.get(session.customer)
    assert customer is not None  # sessions are deleted with their customer
    call.environment.note_page(session.id, "settle")
    if session.card is not None:
        transaction.put(with_card(customer, session.card))
    session = replace(session, is_settled=True)
    transaction.put(session)  # before the change: a session that waits for it is settled once
    try:
        with transaction.savepoint(customer.internal_id):
            if session.attached is None:
                return make(call, transaction, session)[0]
            _bill_attached(call, transaction, customer, session)
            return session
    except (ApiError, ValidationFailed) as error:  # the customer or the plan changed meanwhile: the payment stands
        problem = error.message if isinstance(error, ApiError) else str(error)
    session = replace(session, problem=problem)
    transaction.put(session)
    return session


def make(call: Call, transaction: Transaction, session: Checkout) -> tuple[Checkout, Outcome]:
    """Make the change of a session that was paid or confirmed; returns the session, and what was done."""
    outcome = perform(call, transaction, session.deferred, Settled(checkout=session))
    invoice, refusal = outcome.invoice, outcome.refusal
    session = replace(
        session,
        invoice=None if invoice is None else invoice.id,
        problem=None if refusal is None else refusal.reason,  # it was confirmed, and the card on file was charged
    )
    transaction.put(session)
    return session, outcome


def perform(call: Call, transaction: Transaction, waiting: Deferred, settled: Settled) -> Outcome:
    """Make a change that waited for a payment."""
    return _PERFORMERS[waiting.operation](call, transaction, waiting.body, settled)


def _attach(call: Call, transaction: Transaction, body: Any, settled: Settled) -> Outcome:
    return attach_within(call, transaction, parse(BillingAttach, body, now_ms=call.now), settled)


def _update(call: Call, transaction: Transaction, body: Any, settled: Settled) -> Outcome:
    return update_within(call, transaction, parse(BillingUpdate, body, now_ms=call.now), settled)


def _multi_attach(call: Call, transaction: Transaction, body: Any, settled: Settled) -> Outcome:
    return multi_attach_within(call, transaction, parse(MultiAttach, body, now_ms=call.now), settled)


def _create_schedule(call: Call, transaction: Transaction, body: Any, settled: Settled) -> Outcome:
    return create_schedule_within(call, transaction, parse(CreateSchedule, body, now_ms=call.now), settled).outcome


_PERFORMERS = {
    "attach": _attach,
    "multi_attach": _multi_attach,
    "update": _update,
    "setup_payment": after_setup,
    "create_schedule": _create_schedule,
}


def _bill_attached(call: Call, transaction: Transaction, customer: Customer, session: Checkout) -> None:
    """Bill a plan that was attached before its payment: the same plan, with a subscription from now on."""
    attached = call.environment.customer_plans.get(session.attached or "")
    if attached is None:
        raise invalid_request("The plan is not attached any more")
    subscription = None
    if not attached.plan.is_one_off:
        terms = Terms(
            now=call.now,
            anchor=attached.cycle_anchor,
            created_at=attached.started_at,
            trial_ends_at=attached.trial_ends_at,
        )
        subscription = begun(call, customer, terms)
        transaction.put(subscription)
        transaction.put(replace(attached, billed_by=subscription.id))
    invoicing.invoice(
        call,
        transaction,
        customer,
        invoicing.Bill(
            lines=session.lines,
            plan_ids=(attached.plan_id,),
            entity_id=attached.entity_id,
            subscription=None if subscription is None else subscription.id,
            collection="paid",
        ),
    )


def pay_invoice(
    call: Call, invoice_id: str, action: Action = "pay", *, settle_later: bool = False
) -> tuple[Invoice, Refusal | None]:
    """Do something on the page of an invoice, by its id or the provider's; returns it, and why it was not paid.

    The card that pays is kept. A change that waited for the payment is made. Raises :class:`ApiError` (404) for an
    unknown invoice, and 400 for one that cannot be paid.
    """
    with call.write() as transaction:
        made = invoicing.find_invoice(call.environment, invoice_id)
        customer = call.environment.customers.get(made.customer)
        assert customer is not None  # invoices are deleted with their customer
        open_account(call, transaction, customer)  # what is due before the payment
        made = invoicing.find_invoice(call.environment, made.id)
        invoicing.require_open(made)
        call.environment.note_page(made.stripe_id, action)
        if action == "abandon":
            return made, None
        if action == "decline":
            return made, DECLINED
        named = customer.id or customer.internal_id
        refusal = call.charge_problem(CardCharge(occasion="page", customer_id=named, plan_ids=made.plan_ids))
        if refusal is not None and refusal.succeeds_in is None:
            return made, refusal
        card = new_card(call, "needs_3ds" if action == "3ds" else "ok")
        if not settle_later and refusal is None:
            return _paid(call, transaction, made, card), None
        made = replace(made, required_action="payment_processing", card=card, settles_at=_end_of(call, refusal))
        transaction.put(made)
        return made, None


def settle_invoice(call: Call, invoice_id: str) -> Invoice:
    """Let the service know of the payment of an invoice; 400 when there is nothing to settle."""
    with call.write() as transaction:
        made = invoicing.find_invoice(call.environment, invoice_id)
        if made.card is None or not made.is_payable:
            raise invalid_request(f"Invoice {made.stripe_id} has nothing to settle")
        return _paid(call, transaction, made, made.card)


def _paid(call: Call, transaction: Transaction, made: Invoice, card: Card) -> Invoice:
    customer = call.environment.customers.get(made.customer)
    assert customer is not None  # as above
    if card != invoicing.card_of(call, customer):  # the one that was charged need not be saved
        transaction.put(with_card(customer, card))
    call.environment.note_page(made.stripe_id, "settle")
    waiting = made.deferred
    paid = invoicing.mark_paid(call, transaction, made)
    if waiting is not None:
        try:
            with transaction.savepoint(customer.internal_id):
                perform(call, transaction, waiting, Settled(invoice=paid))
        except (ApiError, ValidationFailed) as error:
            if made.card is None:  # it is being paid right now: refused, and the invoice stays open
                raise
            # It was paid before, and the customer or the plan changed meanwhile: the payment stands.
            problem = error.message if isinstance(error, ApiError) else str(error)
            transaction.put(replace(paid, problem=problem))
    if made.is_renewal:
        recover(call, transaction, made)
    return call.environment.invoices.get(paid.id) or paid
