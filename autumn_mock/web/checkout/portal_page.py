"""The page on which a customer manages plans, the payment method and invoices."""

from __future__ import annotations

from typing import cast, get_args

import flask
from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from autumn_mock.domain.customer import Customer
from autumn_mock.engine import Engine
from autumn_mock.operations.billing import update
from autumn_mock.operations.billing.payment_methods import PaymentMethod, payment_method, set_payment_method
from autumn_mock.operations.call import Call
from autumn_mock.operations.customers import get
from autumn_mock.operations.errors import ApiError, customer_not_found
from autumn_mock.web.checkout.addresses import is_address
from autumn_mock.wire.requests.billing import BillingUpdate
from autumn_mock.wire.schema import parse

_MOST_INVOICES = 24


def add(pages: Blueprint, engine: Engine) -> None:
    """Serve the page, by the internal id of a customer."""

    def found(customer: str) -> tuple[Call, Customer]:
        for environment in engine.state.environments():
            owner = environment.customers.get(customer)
            if owner is not None:
                return engine.call_in(environment), owner
        raise customer_not_found(customer)

    @pages.get("/portal/<customer>", endpoint="portal")
    def show(customer: str) -> AnyResponse:
        return _page(*found(customer))

    @pages.post("/portal/<customer>", endpoint="act_in_portal")
    def act(customer: str) -> AnyResponse:
        return _act(*found(customer))


def _act(call: Call, customer: Customer) -> AnyResponse:
    action = request.form.get("action", "")
    named = customer.id or customer.internal_id
    if action == "payment_method":
        method = request.form.get("payment_method", "")
        if method not in get_args(PaymentMethod):
            raise ApiError(400, f"There is no payment method {method!r}", "invalid_request")
        set_payment_method(call, named, cast(PaymentMethod, method))
    elif action in ("cancel_end_of_cycle", "cancel_immediately", "uncancel"):
        body = {"customer_id": named, "customer_product_id": request.form.get("plan", ""), "cancel_action": action}
        try:
            update.update(call, parse(BillingUpdate, body, now_ms=call.now))
        except ApiError as error:
            return _page(call, customer, problem=error.message)
    else:
        raise ApiError(400, f"There is no action {action!r} on this page", "invalid_request")
    back = request.args.get("return_url")  # None is left out of the address
    return redirect(flask.url_for("checkout.portal", customer=customer.internal_id, return_url=back), 303)


def _page(call: Call, customer: Customer, *, problem: str | None = None) -> Response:
    account = get(call, customer.id or customer.internal_id)
    invoices = sorted(call.environment.invoices.of(customer.internal_id).values(), key=lambda each: -each.created_at)
    back = request.args.get("return_url", "")
    text = render_template(
        "checkout/portal.html",
        customer=account.customer,
        name=customer.name or customer.email or customer.id or customer.internal_id,
        seller=call.environment.organisation.name,
        plans=[each for each in account.plans.values() if each.license_parent is None],
        invoices=invoices[:_MOST_INVOICES],
        method=payment_method(account.customer),
        back=back if is_address(back) else None,
        problem=problem,
    )
    return Response(text, 400 if problem else 200, content_type="text/html; charset=utf-8")
