"""Checkout sessions: pages where a customer pays before a change is made.

A customer has one open session. The same request again finds it; another one ends it. Between the payment and the
moment when the change is made, purchases of the customer are refused (423).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import Checkout, CheckoutMode, Deferred, InvoiceLine, Operation
from autumn_mock.ids import new_id
from autumn_mock.ledger.intervals import DAY, MINUTE
from autumn_mock.operations.billing.grants import withdraw
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.wire.schema import Params, as_body

#: How long (ms) a session can be paid, and how long a change waits for its invoice.
SESSION_MS, LONG_SESSION_MS, DEFERRED_MS = DAY, 90 * DAY, 10 * MINUTE


class Session(Struct, frozen=True, kw_only=True):
    """A session that is to be opened."""

    mode: CheckoutMode
    deferred: Deferred
    entity_id: str | None = None
    success_url: str | None = None
    lines: tuple[InvoiceLine, ...] = ()
    adjustable: tuple[str, ...] = ()
    is_long_lived: bool = False


def deferred(operation: Operation, params: Params, now: int) -> Deferred:
    """The change that a request asks for, if it has to wait for a payment."""
    return Deferred(operation=operation, body=as_body(params), expires_at=now + DEFERRED_MS)


def find_checkout(environment: Environment, checkout_id: str) -> Checkout:
    """A session by its id; 404 when there is none."""
    found = environment.checkouts.get(checkout_id)
    if found is None:
        raise ApiError(404, f"Checkout {checkout_id} not found", "checkout_not_found")
    return found


def environment_of(environments: Iterable[Environment], checkout_id: str) -> Environment | None:
    """The environment that has a session; None: none has it."""
    return next((each for each in environments if each.checkouts.get(checkout_id) is not None), None)


def unavailable() -> ApiError:
    """The error for a session that has no page of the service."""
    return ApiError(
        404,
        "This checkout could not be loaded. Please try again or create a new checkout link.",
        "checkout_unavailable",
    )


def being_processed() -> ApiError:
    """The error for a purchase while another one is paid and not made yet."""
    return ApiError(
        423,
        "A checkout session for this customer was just completed and is still being processed",
        "lock_already_exists",
    )


def find_open(call: Call, customer: Customer, wanted: Deferred) -> Checkout | None:
    """The open session of the same request; 423 while a paid one waits to be settled."""
    found = None
    for each in call.environment.checkouts.of(customer.internal_id).values():
        if each.status == "complete" and not each.is_settled:
            raise being_processed()
        same = (each.deferred.operation, each.deferred.body) == (wanted.operation, wanted.body)
        if same and each.status == "open" and each.expires_at > call.now:
            found = each
    return found


def end_open(call: Call, transaction: Transaction, customer: Customer) -> None:
    """End the open sessions of a customer, for another purchase."""
    for each in list(call.environment.checkouts.of(customer.internal_id).values()):
        if each.status == "open":
            end(call, transaction, each)


def open_session(call: Call, transaction: Transaction, customer: Customer, session: Session) -> Checkout:
    """A new open session."""
    opened = Checkout(
        id=new_id("co"),
        customer=customer.internal_id,
        entity_id=session.entity_id,
        mode=session.mode,
        deferred=session.deferred,
        created_at=call.now,
        expires_at=call.now + (LONG_SESSION_MS if session.is_long_lived else SESSION_MS),
        success_url=session.success_url,
        lines=session.lines,
        adjustable=session.adjustable,
    )
    transaction.put(opened)
    return opened


def end_of_plan(call: Call, transaction: Transaction, attached: CustomerPlan) -> None:
    """End the open session of a plan that was attached before its payment, and is cancelled: it is not to be paid."""
    for each in list(call.environment.checkouts.of(attached.customer).values()):
        if each.status == "open" and each.attached == attached.id:
            transaction.put(replace(each, status="expired"))


def end(call: Call, transaction: Transaction, session: Checkout) -> Checkout:
    """End an open session without a payment; the plan that it had made already goes."""
    ended = replace(session, status="expired")
    transaction.put(ended)
    attached = call.environment.customer_plans.get(session.attached) if session.attached is not None else None
    if attached is not None:
        withdraw(call, transaction, attached)
    return ended
