"""Pages that are not about one purchase: where a customer enters a card, and the portal."""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.customer import Customer
from autumn_mock.operations.billing import checkouts
from autumn_mock.operations.billing.attach import attach_within, examine, of_version, owner_of
from autumn_mock.operations.billing.purchases import Outcome, Settled
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import get_customer, open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingAttach, SetupPayment
from autumn_mock.wire.schema import parse


def setup_payment(call: Call, params: SetupPayment) -> Outcome:
    """Open a page where a customer, created if need be, enters a card. A plan is attached after that; what attaching
    it would refuse is refused at once."""
    with call.write() as transaction:
        customer, entity_id = owner_of(call, transaction, params)
        wanted = checkouts.deferred("setup_payment", of_version(call, params), call.now)
        if params.plan_id is not None:
            examine(call, customer, entity_id, _plan_of(wanted.body, call.now), wanted)
        session = checkouts.find_open(call, customer, wanted)
        if session is None:
            checkouts.end_open(call, transaction, customer)
            opened = checkouts.Session(
                mode="setup", deferred=wanted, entity_id=entity_id, success_url=params.success_url
            )
            session = checkouts.open_session(call, transaction, customer, opened)
        return Outcome(customer_id=params.customer_id, entity_id=entity_id, checkout=session)


def after_setup(call: Call, transaction: Transaction, body: Any, _: Settled) -> Outcome:
    """Attach the plan of a session whose card is on file now; it is charged like any other."""
    if body.get("plan_id") is None:
        return Outcome(customer_id=body["customer_id"], entity_id=body.get("entity_id"))
    return attach_within(call, transaction, _plan_of(body, call.now))


def _plan_of(body: Any, now: int) -> BillingAttach:
    return parse(BillingAttach, {**body, "redirect_mode": "if_required"}, now_ms=now)


def portal(call: Call, customer_id: str) -> Customer:
    """The customer whose plans and cards a page shows; 404 when there is none."""
    with call.write() as transaction:
        return open_account(call, transaction, get_customer(call.environment, customer_id)).customer
