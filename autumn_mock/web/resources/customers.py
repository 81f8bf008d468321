"""Customers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autumn_mock.ledger.account import Account
from autumn_mock.operations import customers
from autumn_mock.operations.errors import no_stripe
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import cursor_page, offset_page, paged
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.requests.customers import (
    CustomersCreate,
    CustomersDelete,
    CustomersGet,
    CustomersGetOrCreate,
    CustomersList,
    CustomersListOffset,
    CustomersListQuery,
    CustomersQuery,
    CustomersUpdate,
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
    request=CustomersGetOrCreate,
    answers=shapes.CUSTOMER,
    limit="check",
)
def get_or_create(request: RequestContext, params: CustomersGetOrCreate) -> Answer:
    account, _ = customers.get_or_create(request.call, params)
    return Answer(_body(request, account, with_autumn_id=params.with_autumn_id), kind="customer")


@endpoint(
    "POST /v1/customers",
    scopes="customers:write",
    request=CustomersCreate,
    query=CustomersQuery,
    answers=shapes.CUSTOMER,
    limit="check",
)
def create(request: RequestContext, params: CustomersCreate) -> Answer:
    account, _ = customers.get_or_create(request.call, params)
    return Answer(_body(request, account), kind="customer")


@endpoint(
    "POST /v1/customers.get", scopes="customers:read", request=CustomersGet, answers=shapes.CUSTOMER, limit="check"
)
def get(request: RequestContext, params: CustomersGet) -> Answer:
    account = customers.get(request.call, params.customer_id)
    return Answer(_body(request, account, with_autumn_id=params.with_autumn_id), kind="customer")


@endpoint(
    "GET /v1/customers/<customer_id>",
    scopes="customers:read",
    query=CustomersQuery,
    answers=shapes.CUSTOMER,
    limit="check",
    public=("GET /v1/customers/<customer_id>",),
)
def get_by_path(request: RequestContext, _query: CustomersQuery) -> Answer:
    return Answer(_body(request, customers.get(request.call, request.path["customer_id"])), kind="customer")


@endpoint(
    "POST /v1/customers.list",
    "POST /v1/customers/list",
    scopes="customers:read",
    request=paged(CustomersList, CustomersListOffset),
    answers=shapes.page(shapes.CUSTOMER),
    limit="list_customers",
)
def list_(request: RequestContext, params: CustomersList | CustomersListOffset) -> Answer:
    call = request.call
    if isinstance(params, CustomersListOffset):
        return offset_page(params, customers.list_customers(call, params, offset=params.offset), _row(request))
    return cursor_page(params, lambda before: customers.list_customers(call, params, before=before), _row(request))


@endpoint(
    "GET /v1/customers",
    scopes="customers:read",
    query=CustomersListQuery,
    answers=shapes.listing(shapes.CUSTOMER),
    limit="list_customers",
)
def list_by_query(request: RequestContext, query: CustomersListQuery) -> Answer:
    params = CustomersListOffset(offset=query.offset, limit=query.limit)
    return offset_page(params, customers.list_customers(request.call, params, offset=params.offset), _row(request))


@endpoint("POST /v1/customers.update", scopes="customers:write", request=CustomersUpdate, answers=shapes.CUSTOMER)
def update(request: RequestContext, params: CustomersUpdate) -> Answer:
    return Answer(_body(request, customers.update(request.call, params)), kind="customer")


@endpoint("POST /v1/customers.delete", scopes="customers:write", request=CustomersDelete)
def delete(request: RequestContext, params: CustomersDelete) -> Answer:
    customers.delete(request.call, params.customer_id)
    return SUCCESS


@endpoint("DELETE /v1/customers/<customer_id>", scopes="customers:write")
def delete_by_path(request: RequestContext) -> Answer:
    customers.delete(request.call, request.path["customer_id"])
    return SUCCESS
