"""Customers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autumn_mock.domain.version import Version
from autumn_mock.ledger.account import Account
from autumn_mock.operations import customers
from autumn_mock.operations.errors import no_stripe
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import cursor_page, offset_page, paged
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.requests import (
    CUSTOMERS_CREATE_REST,
    CUSTOMERS_DELETE,
    CUSTOMERS_GET,
    CUSTOMERS_GET_OR_CREATE,
    CUSTOMERS_LIST,
    CUSTOMERS_LIST_OFFSET,
    CUSTOMERS_LIST_QUERY,
    CUSTOMERS_QUERY,
    CUSTOMERS_UPDATE,
)
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.customer import customer_body


def _body(request: RequestContext, account: Account, *, with_autumn_id: bool = False) -> dict[str, Any]:
    if "payment_method" in request.expand:
        raise no_stripe()
    return customer_body(account, request.call.env, request.expanded, with_autumn_id=with_autumn_id)


def _row(request: RequestContext) -> Callable[[Account], dict[str, Any]]:
    """How a list shows a customer."""
    return lambda account: to_version("customer", _body(request, account), request.call.version)


@endpoint(
    "POST /v1/customers.get_or_create",
    scopes=("customers:write", "customers:read"),
    request=CUSTOMERS_GET_OR_CREATE,
    answers=shapes.CUSTOMER,
    limit="check",
)
def get_or_create(request: RequestContext) -> Answer:
    account, _ = customers.get_or_create(request.call, request.params)
    wanted = bool(request.params.get("with_autumn_id"))
    return Answer(_body(request, account, with_autumn_id=wanted), kind="customer")


@endpoint(
    "POST /v1/customers",
    scopes="customers:write",
    request=CUSTOMERS_CREATE_REST,
    query=CUSTOMERS_QUERY,
    answers=shapes.CUSTOMER,
    limit="check",
)
def create(request: RequestContext) -> Answer:
    params = dict(request.params)
    params["customer_id"] = params.pop("id", None)
    account, _ = customers.get_or_create(request.call, params)
    return Answer(_body(request, account), kind="customer")


@endpoint(
    "POST /v1/customers.get", scopes="customers:read", request=CUSTOMERS_GET, answers=shapes.CUSTOMER, limit="check"
)
def get(request: RequestContext) -> Answer:
    account = customers.get(request.call, request.params["customer_id"])
    wanted = bool(request.params.get("with_autumn_id"))
    return Answer(_body(request, account, with_autumn_id=wanted), kind="customer")


@endpoint(
    "GET /v1/customers/<customer_id>",
    scopes="customers:read",
    query=CUSTOMERS_QUERY,
    answers=shapes.CUSTOMER,
    limit="check",
    public=("GET /v1/customers/<customer_id>",),
)
def get_by_path(request: RequestContext) -> Answer:
    return Answer(_body(request, customers.get(request.call, request.path["customer_id"])), kind="customer")


@endpoint(
    "POST /v1/customers.list",
    "POST /v1/customers/list",
    scopes="customers:read",
    request=paged(CUSTOMERS_LIST, CUSTOMERS_LIST_OFFSET),
    answers=shapes.page(shapes.CUSTOMER),
    limit="list_customers",
)
def list_(request: RequestContext) -> Answer:
    call, params = request.call, request.params
    if call.version >= Version.V2_3:
        return cursor_page(params, lambda before: customers.list_customers(call, params, before=before), _row(request))
    return offset_page(params, customers.list_customers(call, params, offset=int(params["offset"])), _row(request))


@endpoint(
    "GET /v1/customers",
    scopes="customers:read",
    query=CUSTOMERS_LIST_QUERY,
    answers=shapes.listing(shapes.CUSTOMER),
    limit="list_customers",
)
def list_by_query(request: RequestContext) -> Answer:
    params = request.query
    page = customers.list_customers(request.call, params, offset=int(params["offset"]))
    return offset_page(params, page, _row(request))


@endpoint("POST /v1/customers.update", scopes="customers:write", request=CUSTOMERS_UPDATE, answers=shapes.CUSTOMER)
def update(request: RequestContext) -> Answer:
    return Answer(_body(request, customers.update(request.call, request.params)), kind="customer")


@endpoint("POST /v1/customers.delete", scopes="customers:write", request=CUSTOMERS_DELETE)
def delete(request: RequestContext) -> Answer:
    customers.delete(request.call, request.params["customer_id"])
    return SUCCESS


@endpoint("DELETE /v1/customers/<customer_id>", scopes="customers:write")
def delete_by_path(request: RequestContext) -> Answer:
    customers.delete(request.call, request.path["customer_id"])
    return SUCCESS
