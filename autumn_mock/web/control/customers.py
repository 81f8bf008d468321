"""Control calls that show customers and what they can be given, and change how they pay. Reading here meets no fault
and no limit, and is not journalled."""

from __future__ import annotations

from typing import Any, cast, get_args

import flask
import msgspec
from flask import Response

from autumn_mock.domain.organisation import ENVIRONMENT_HEADER
from autumn_mock.ledger.account import Account
from autumn_mock.operations import customers
from autumn_mock.operations.billing.payment_methods import PaymentMethod, payment_method, set_payment_method
from autumn_mock.operations.errors import invalid_request
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.environment import Environment
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply
from autumn_mock.wire.answer import in_fixed_shape
from autumn_mock.wire.requests.customers import CustomersListOffset
from autumn_mock.wire.responses.customer import customer_body, entity_body, fixed_balances

#: Entities that one reply shows in full.
_MOST_ENTITIES = 50
_MOST_CUSTOMERS = 1000


def list_customers(request: ControlRequest) -> Response:
    """The newest ``limit`` customers whose id, name or email contains ``search``, with their plans and balances."""
    environment = _environment(request)
    limit = min(request.whole_number("limit", 50), _MOST_CUSTOMERS)
    wanted = CustomersListOffset(limit=limit, search=flask.request.args.get("search"))
    page = customers.list_(request.engine.call_in(environment), wanted)
    return json_reply(
        {"list": [_row(each) for each in page.rows], "found": page.filtered_count, "total": page.total_count}
    )


def show_customer(request: ControlRequest) -> Response:
    """A customer with balances, plans, entities and locks."""
    environment = _environment(request)
    account = customers.get(request.engine.call_in(environment), request.path["customer_id"])
    env, locks = environment.env, environment.locks.of(account.customer.internal_id).values()
    shown = in_fixed_shape(customer_body(account, env))
    shown["entities"] = [
        in_fixed_shape(entity_body(account, each, env)) for each in list(account.entities.values())[:_MOST_ENTITIES]
    ]
    shown["payment_method"] = payment_method(account.customer)
    shown["locks"] = msgspec.json.decode(ENCODER.encode(list(locks)))
    return json_reply(shown)


def change_payment_method(request: ControlRequest) -> Response:
    """Set the ``payment_method`` of a customer: none, or ok, declines, needs_3ds: what its charges do."""
    customer_id = request.path["customer_id"]
    wanted: Any = request.fields().get("payment_method")
    known = get_args(PaymentMethod)
    if wanted not in known:
        raise invalid_request(f"payment_method: must be one of {', '.join(known)}")
    call = request.engine.call_in(request.environment_of_customer(customer_id))
    changed = set_payment_method(call, customer_id, cast(PaymentMethod, wanted))
    return json_reply({"customer_id": changed.id, "payment_method": payment_method(changed)})


def show_catalogue(request: ControlRequest) -> Response:
    """The features and the newest version of each plan."""
    environment = _environment(request)
    features = [
        {"id": each.id, "name": each.name, "type": "boolean" if each.is_boolean else "metered"}
        for each in environment.features.snapshot()
    ]
    plans = {each.id: {"id": each.id, "name": each.name} for each in environment.plans.snapshot()}
    return json_reply({"features": features, "plans": list(plans.values())})


def _environment(request: ControlRequest) -> Environment:
    environment = request.environment()
    if environment is None:
        raise invalid_request(
            f"Authorization: give the secret key of the organisation, or name its environment in {ENVIRONMENT_HEADER}"
        )
    return environment


def _row(account: Account) -> dict[str, Any]:
    customer = account.customer
    return {
        "id": customer.id,
        "name": customer.name,
        "email": customer.email,
        "plans": [each.plan_id for each in account.plans.values()],
        "balances": [
            {name: balance[name] for name in ("feature_id", "granted", "remaining", "unlimited")}
            for balance in fixed_balances(account).values()
        ],
    }


ROUTES: dict[str, ControlHandler] = {
    "GET /customers": ControlCall(list_customers, query=("search", "limit")),
    "GET /customers/<path:customer_id>": show_customer,
    "POST /customers/<path:customer_id>/payment_method": ControlCall(change_payment_method, ("payment_method",)),
    "GET /catalogue": show_catalogue,
}
