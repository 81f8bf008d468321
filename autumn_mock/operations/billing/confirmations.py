"""The service's own checkout page, as its public calls serve it: what a session sells, and its confirmation.

The pages of the payment provider have no such calls, except for long-lived ones (``long_lived_checkout``).
What a session says of itself, the first that applies:

===============================================  ==============================================
what                                             status
===============================================  ==============================================
another page, or none                            404 checkout_unavailable
it was not confirmed in time                     410 checkout_expired
it is open                                       pending
it was confirmed, and its invoice is not paid    action_required
it was confirmed                                 409 checkout_completed
===============================================  ==============================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer
from autumn_mock.domain.payment import Checkout, Invoice
from autumn_mock.operations.billing import checkouts, settlement
from autumn_mock.operations.billing.preview import Preview, preview_deferred
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.wire.requests.checkouts import ConfirmCheckout

Status = Literal["pending", "action_required"]


class Offered(Struct, frozen=True, kw_only=True):
    """What a session sells, and to whom."""

    checkout: Checkout
    customer: Customer
    status: Status
    preview: Preview
    #: The invoice that waits for a payment.
    invoice: Invoice | None = None


def offered(call: Call, checkout_id: str, params: ConfirmCheckout | None = None) -> Offered:
    """What a session sells, with other quantities and further coupons; 404, 409 and 410 as above, and what the call
    itself would refuse."""
    session = _available(call, checkout_id)
    call.environment.note_page(session.id, "open")
    wanted = session if params is None else _augmented(session, params)
    customer = call.environment.customers.get(session.customer)
    assert customer is not None  # sessions are deleted with their customer
    return Offered(
        checkout=session,
        customer=customer,
        status="pending" if session.status == "open" else "action_required",
        preview=preview_deferred(call, wanted.deferred),
        invoice=call.environment.invoices.get(session.invoice or ""),
    )


def confirm(call: Call, checkout_id: str, params: ConfirmCheckout) -> tuple[Checkout, Outcome]:
    """Make the change of a session, charging the card on file; what is refused leaves it open."""
    with call.write() as transaction:
        session = _available(call, checkout_id)
        if session.status != "open":
            raise invalid_request("Checkout requires payment completion")
        if session.mode != "autumn":
            raise invalid_request(f"Checkout {session.id} is paid on its page: GET /checkouts/{session.id}/start")
        confirmed = replace(_augmented(session, params), status="complete", is_settled=True)
        call.environment.note_page(session.id, "settle")
        transaction.put(confirmed)  # before the change: a session that waits for it is confirmed once
        return settlement.make(call, transaction, confirmed)


def started(call: Call, checkout_id: str) -> Checkout:
    """The session that a long-lived link leads to; 400 for any other."""
    session = _available(call, checkout_id)
    if not _is_long_lived(session):
        raise invalid_request("Long-lived checkout start only supports long-lived attach checkouts")
    return session


def _available(call: Call, checkout_id: str) -> Checkout:
    session = call.environment.checkouts.get(checkout_id)
    if session is None or not (session.mode == "autumn" or _is_long_lived(session)):
        raise checkouts.unavailable()
    if session.status == "complete":
        invoice = call.environment.invoices.get(session.invoice or "")
        if invoice is not None and invoice.is_payable and session.problem is not None:
            return session
        raise ApiError(409, "This checkout has already been completed.", "checkout_completed")
    if session.status == "expired" or session.expires_at <= call.now:
        raise ApiError(410, "This checkout has expired. Please create a new checkout link.", "checkout_expired")
    return session


def _is_long_lived(session: Checkout) -> bool:
    return bool(session.deferred.body.get("long_lived_checkout"))


def _augmented(session: Checkout, params: ConfirmCheckout) -> Checkout:
    """The session with the quantities of a page, which replace those of the request, and with further coupons."""
    body: dict[str, Any] = {**session.deferred.body}
    if params.feature_quantities is not None:
        sent = {each["feature_id"]: each for each in body.get("feature_quantities") or ()}
        body["feature_quantities"] = [
            {**sent.get(each.feature_id, {}), "feature_id": each.feature_id, "quantity": each.quantity}
            for each in params.feature_quantities
        ]
    given: Sequence[dict[str, Any]] = params.discounts or ()
    if given:
        body["discounts"] = [*(body.get("discounts") or ()), *given]
    return replace(session, deferred=replace(session.deferred, body=body))
