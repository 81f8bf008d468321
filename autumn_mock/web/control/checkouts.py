"""Control calls that do what a customer does on a payment page, at the moment that a test chooses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast, get_args

import flask
from flask import Response

from autumn_mock.domain.amount import MOST_UNITS, number
from autumn_mock.domain.payment import Checkout, CheckoutStatus, Invoice, InvoiceStatus, Refusal
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.billing.checkouts import environment_of, find_checkout
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.retention import sweep
from autumn_mock.payments.lines import total_of
from autumn_mock.store.environment import Environment
from autumn_mock.web.context import server_url
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply
from autumn_mock.wire.responses.billing import checkout_url, invoice_url

_ACTIONS = ("pay", "decline", "3ds", "abandon", "settle")
_MOMENTS = ("now", "later")


def list_checkouts(request: ControlRequest) -> Response:
    """The checkout sessions of an environment, or of all, newest first; of one ``customer``, with one ``status``."""
    rows = (_row(environment, each) for environment in _up_to_date(request) for each in environment.checkouts)
    return _listed(rows, get_args(CheckoutStatus))


def show_checkout(request: ControlRequest) -> Response:
    """One checkout session."""
    environment = environment_of_checkout(request.environments(), request.path["checkout_id"])
    return json_reply(_row(environment, find_checkout(environment, request.path["checkout_id"])))


def act_on_checkout(request: ControlRequest) -> Response:
    """Do something on the page of a session: ``action`` pay, decline, 3ds, abandon; or settle what was paid.

    ``settle``: ``later`` leaves the payment unknown to the service, until an action ``settle`` or the next
    ``payment:late``. ``quantities``: of adjustable features.
    """
    checkout_id, fields = request.path["checkout_id"], request.fields()
    action, is_later = _action(fields)
    quantities = _quantities(fields.get("quantities", {}))
    environment = environment_of_checkout(request.environments(), checkout_id)
    call = request.engine.call_in(environment)
    if action == "settle":
        return json_reply(_row(environment, settlement.settle(call, checkout_id)))
    done, refusal = settlement.complete(
        call, checkout_id, cast(settlement.Action, action), settle_later=is_later, quantities=quantities
    )
    return json_reply({**_row(environment, done), **_refused(refusal)})


def list_invoices(request: ControlRequest) -> Response:
    """The invoices of an environment, or of all, newest first; those of one ``customer``, of one ``status``."""
    rows = (_invoice_row(environment, each) for environment in _up_to_date(request) for each in environment.invoices)
    return _listed(rows, get_args(InvoiceStatus))


def act_on_invoice(request: ControlRequest) -> Response:
    """Do something on the page of an invoice, by its id or the provider's; as for a checkout session."""
    invoice_id, fields = request.path["invoice_id"], request.fields()
    action, is_later = _action(fields)
    environment = environment_of_invoice(request.environments(), invoice_id)
    call = request.engine.call_in(environment)
    if action == "settle":
        return json_reply(_invoice_row(environment, settlement.settle_invoice(call, invoice_id)))
    done, refusal = settlement.pay_invoice(call, invoice_id, cast(settlement.Action, action), settle_later=is_later)
    return json_reply({**_invoice_row(environment, done), **_refused(refusal)})


def environment_of_checkout(environments: list[Environment], checkout_id: str) -> Environment:
    """The environment that has a checkout session; 404 when none has."""
    found = environment_of(environments, checkout_id)
    if found is None:
        raise ApiError(404, f"Checkout {checkout_id} not found", "checkout_not_found")
    return found


def environment_of_invoice(environments: list[Environment], invoice_id: str) -> Environment:
    """The environment that has an invoice; 404 when none has."""
    for each in environments:
        if any(invoice_id in (invoice.id, invoice.stripe_id) for invoice in each.invoices):
            return each
    raise ApiError(404, f"Invoice {invoice_id} not found", "invoice_not_found")


def is_expired(checkout: Checkout, now: int) -> bool:
    """Whether a session that was not paid cannot be paid any more at an instant (ms)."""
    return checkout.status == "open" and checkout.expires_at <= now


def _up_to_date(request: ControlRequest) -> list[Environment]:
    """The environments, with all renewals and expiries that are due: the clock may just have been moved."""
    environments = request.environments()
    for environment in environments:
        sweep(request.engine.call_in(environment))
    return environments


def _listed(rows: Iterable[dict[str, Any]], statuses: Sequence[str]) -> Response:
    """Rows by the filters of the query, newest first; 400 for a status that none can have."""
    customer, status = flask.request.args.get("customer"), flask.request.args.get("status")
    if status is not None and status not in statuses:
        raise invalid_request(f"status: must be one of {', '.join(statuses)}")
    found = [each for each in rows if customer in (None, each["customer_id"]) and status in (None, each["status"])]
    return json_reply({"list": sorted(found, key=lambda each: -int(each["created_at"]))})


def _action(fields: dict[str, Any]) -> tuple[str, bool]:
    """The action, and whether the service knows of it later."""
    action, moment = fields.get("action"), fields.get("settle", "now")
    if action not in _ACTIONS:
        raise invalid_request(f"action: must be one of {', '.join(_ACTIONS)}")
    if moment not in _MOMENTS:
        raise invalid_request("settle: must be now or later")
    return str(action), moment == "later"


def _quantities(sent: Any) -> dict[str, float]:
    if not isinstance(sent, dict):
        raise invalid_request("quantities: must be an object of features and their quantities")
    for feature, each in sent.items():
        if isinstance(each, bool) or not isinstance(each, int | float) or not 0 <= each <= MOST_UNITS:
            raise invalid_request(f"quantities.{feature}: must be a number from 0 to 10 trillion")
    return sent


def _refused(refusal: Refusal | None) -> dict[str, Any]:
    if refusal is None:
        return {}
    return {"required_action": {"code": refusal.action, "reason": refusal.reason}}


def _row(environment: Environment, checkout: Checkout) -> dict[str, Any]:
    """A session as the control API shows it; ``total`` in the major unit, without later changes of quantities."""
    return {
        "id": checkout.id,
        "customer_id": _customer_id(environment, checkout.customer),
        "entity_id": checkout.entity_id,
        "status": "expired" if is_expired(checkout, environment.clock.now()) else checkout.status,
        "settled": checkout.is_settled,
        "mode": checkout.mode,
        "plan_ids": list(checkout.deferred.plan_ids),
        "total": number(total_of(checkout.lines)),
        "url": checkout_url(checkout, server_url(flask.request)),
        "success_url": checkout.success_url,
        "created_at": checkout.created_at,
        "expires_at": checkout.expires_at,
        "settles_at": checkout.settles_at,
        "problem": checkout.problem,
    }


def _invoice_row(environment: Environment, invoice: Invoice) -> dict[str, Any]:
    """An invoice as the control API shows it; amounts in the major unit."""
    return {
        "id": invoice.id,
        "stripe_id": invoice.stripe_id,
        "customer_id": _customer_id(environment, invoice.customer),
        "status": invoice.status,
        "plan_ids": list(invoice.plan_ids),
        "total": number(invoice.total),
        "currency": invoice.currency,
        "reason": invoice.required_action,
        "url": invoice_url(invoice, server_url(flask.request)),
        "created_at": invoice.created_at,
        "settles_at": invoice.settles_at,
        "problem": invoice.problem,
    }


def _customer_id(environment: Environment, internal_id: str) -> str | None:
    customer = environment.customers.get(internal_id)
    return None if customer is None else customer.id


ROUTES: dict[str, ControlHandler] = {
    "GET /checkouts": ControlCall(list_checkouts, query=("customer", "status")),
    "GET /checkouts/<checkout_id>": show_checkout,
    "POST /checkouts/<checkout_id>": ControlCall(act_on_checkout, ("action", "settle", "quantities")),
    "GET /invoices": ControlCall(list_invoices, query=("customer", "status")),
    "POST /invoices/<invoice_id>": ControlCall(act_on_invoice, ("action", "settle")),
}
