"""The page of a checkout session: what is bought, what it costs today and then, and what the customer does."""

from __future__ import annotations

from typing import Any, cast, get_args

import flask
from flask import Blueprint, Response, redirect, render_template, request
from msgspec import Struct
from msgspec.structs import replace
from werkzeug.wrappers import Response as AnyResponse

from autumn_mock.domain.amount import MOST_UNITS
from autumn_mock.domain.payment import Checkout, InvoiceLine
from autumn_mock.engine import Engine
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.billing.checkouts import find_checkout
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.payments.lines import total_of
from autumn_mock.store.environment import Environment
from autumn_mock.web.checkout.addresses import is_address
from autumn_mock.web.checkout.offers import Offer, offer_of
from autumn_mock.web.control.checkouts import environment_of_checkout, is_expired

#: What a page says when the customer fails the authentication: no card was asked for money.
AUTHENTICATION_FAILED = "3-D Secure authentication failed. The card was not charged."
_QUANTITY = "quantity:"
#: No number of more digits is read: that takes a time that grows with their square.
_DIGITS = 20


class _Shown(Struct):
    """What the page of a session shows."""

    checkout: Checkout
    environment: Environment
    offer: Offer
    customer_name: str
    #: What happened to the last attempt to pay.
    problem: str | None = None

    @property
    def lines(self) -> tuple[InvoiceLine, ...]:
        return self.offer.lines

    @property
    def total(self) -> Any:
        """Due today."""
        return total_of(self.offer.lines)

    @property
    def state(self) -> str:
        """open, expired, processing (paid, and not known to the service) or complete."""
        if is_expired(self.checkout, self.environment.clock.now()):
            return "expired"
        if self.checkout.status == "complete" and not self.checkout.is_settled:
            return "processing"
        return self.checkout.status


def add(pages: Blueprint, engine: Engine) -> None:
    """Serve the page."""

    @pages.get("/checkout/<checkout_id>", endpoint="session")
    def show(checkout_id: str) -> AnyResponse:
        environment = environment_of_checkout(engine.state.environments(), checkout_id)
        environment.note_page(checkout_id, "open")
        return _page(_shown(engine.call_in(environment), checkout_id, _quantities(request.args)))

    @pages.post("/checkout/<checkout_id>", endpoint="act")
    def act(checkout_id: str) -> AnyResponse:
        environment = environment_of_checkout(engine.state.environments(), checkout_id)
        call = engine.call_in(environment)
        try:
            return _act(call, checkout_id)
        except ApiError:
            shown = _shown(call, checkout_id, {})
            if shown.state == "open":
                raise
            return _page(shown, 400)  # another tab was faster, or it has expired meanwhile: the page says so


def _act(call: Call, checkout_id: str) -> AnyResponse:
    action, later = request.form.get("action", ""), request.form.get("settle") == "later"
    quantities = _quantities(request.form)
    if action == "update":
        return _page(_shown(call, checkout_id, quantities))
    if action == "challenge":
        shown = _shown(call, checkout_id, quantities)
        if shown.state != "open":
            return _page(shown)
        return _html("challenge.html", shown=shown, quantities=quantities, later=later)
    if action == "settle":
        return _returned(settlement.settle(call, checkout_id))
    is_unconfirmed = action == "fail_3ds"
    if is_unconfirmed:
        action = "decline"
    if action not in get_args(settlement.Action):
        raise ApiError(400, f"There is no action {action!r} on this page", "invalid_request")
    done, refusal = settlement.complete(
        call, checkout_id, cast(settlement.Action, action), settle_later=later, quantities=quantities or None
    )
    if is_unconfirmed:
        return _page(replace(_shown(call, checkout_id, quantities), problem=AUTHENTICATION_FAILED))
    if action == "abandon":
        return _html("abandoned.html", shown=_shown(call, checkout_id, {}))
    if refusal is not None:
        return _page(replace(_shown(call, checkout_id, quantities), problem=refusal.reason))
    return _returned(done)


def _returned(done: Checkout) -> AnyResponse:
    """Back to the shop, if it has said where."""
    if done.problem is None and done.success_url is not None and is_address(done.success_url):
        return redirect(done.success_url, 303)
    return redirect(flask.url_for("checkout.session", checkout_id=done.id), 303)


def _shown(call: Call, checkout_id: str, quantities: dict[str, float]) -> _Shown:
    checkout = find_checkout(call.environment, checkout_id)
    customer = call.environment.customers.get(checkout.customer)
    assert customer is not None  # sessions are deleted with their customer
    name = customer.name or customer.email or customer.id or customer.internal_id
    is_fixed = checkout.status != "open"
    changed = {each: value for each, value in quantities.items() if each in checkout.adjustable}
    return _Shown(checkout, call.environment, offer_of(call, checkout, {} if is_fixed else changed), name)


def _quantities(form: Any) -> dict[str, float]:
    """The quantities of a form, by feature. Raises :class:`ApiError` (400) for anything but a whole number from 0."""
    found = {}
    for name, value in form.items():
        if name.startswith(_QUANTITY) and value != "":
            feature = name.removeprefix(_QUANTITY)
            is_whole = value.isascii() and value.isdigit()
            if not is_whole or len(value) > _DIGITS or int(value) > MOST_UNITS:
                message = f"The quantity of {feature} must be a whole number from 0 to 10 trillion"
                raise ApiError(400, message, "invalid_request")
            found[feature] = int(value)
    return cast(dict[str, float], found)


def _page(shown: _Shown, status: int = 200) -> Response:
    return _html("session.html", status, shown=shown)


def _html(template: str, status: int = 200, **values: Any) -> Response:
    return Response(render_template(f"checkout/{template}", **values), status, content_type="text/html; charset=utf-8")
