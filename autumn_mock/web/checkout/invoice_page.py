"""The page of an invoice: its lines, what is due, and what the customer does."""

from __future__ import annotations

from typing import Any, cast, get_args

import flask
from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from autumn_mock.engine import Engine
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.billing.invoicing import find_invoice
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.web.checkout.session_page import AUTHENTICATION_FAILED
from autumn_mock.web.control.checkouts import environment_of_invoice


def add(pages: Blueprint, engine: Engine) -> None:
    """Serve the page."""

    @pages.get("/invoice/<invoice_id>", endpoint="invoice")
    def show(invoice_id: str) -> AnyResponse:
        call = engine.call_in(environment_of_invoice(engine.state.environments(), invoice_id))
        call.environment.note_page(find_invoice(call.environment, invoice_id).stripe_id, "open")
        return _page(call, invoice_id)

    @pages.post("/invoice/<invoice_id>", endpoint="act_on_invoice")
    def act(invoice_id: str) -> AnyResponse:
        call = engine.call_in(environment_of_invoice(engine.state.environments(), invoice_id))
        try:
            return _act(call, invoice_id)
        except ApiError:
            invoice = find_invoice(call.environment, invoice_id)
            if invoice.is_payable and not invoice.is_being_paid:
                raise
            return _page(call, invoice_id, 400)  # another tab was faster, or it is void: the page says so


def _act(call: Call, invoice_id: str) -> AnyResponse:
    action, later = request.form.get("action", ""), request.form.get("settle") == "later"
    here = redirect(flask.url_for("checkout.invoice", invoice_id=invoice_id), 303)
    if action == "challenge":
        return _page(call, invoice_id, challenges=True, later=later)
    if action == "settle":
        settlement.settle_invoice(call, invoice_id)
        return here
    is_unconfirmed = action == "fail_3ds"
    if is_unconfirmed:
        action = "decline"
    if action not in get_args(settlement.Action):
        raise ApiError(400, f"There is no action {action!r} on this page", "invalid_request")
    _, refusal = settlement.pay_invoice(call, invoice_id, cast(settlement.Action, action), settle_later=later)
    if refusal is not None:
        return _page(call, invoice_id, problem=AUTHENTICATION_FAILED if is_unconfirmed else refusal.reason)
    return here


def _page(call: Call, invoice_id: str, status: int = 200, **more: Any) -> Response:
    invoice = find_invoice(call.environment, invoice_id)
    customer = call.environment.customers.get(invoice.customer)
    assert customer is not None  # invoices are deleted with their customer
    name = customer.name or customer.email or customer.id or customer.internal_id
    values = {"invoice": invoice, "customer_name": name, "seller": call.environment.organisation.name, **more}
    text = render_template("checkout/invoice.html", **values)
    return Response(text, status, content_type="text/html; charset=utf-8")
