"""Customers."""

from __future__ import annotations

from msgspec.structs import asdict

from autumn_mock.ledger.account import Account
from autumn_mock.operations import customers
from autumn_mock.operations.billing.forecasts import next_invoices
from autumn_mock.operations.billing.invoices import invoices_of
from autumn_mock.operations.billing.rewards import coupons_of
from autumn_mock.operations.errors import no_stripe
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import cursor_page, offset_page, paged
from autumn_mock.wire.answer import CursorPage, OffsetPage
from autumn_mock.wire.requests.customers import (
    CustomerPatch,
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
from autumn_mock.wire.responses.billing import customer_invoice_body, payment_method_body
from autumn_mock.wire.responses.customer import CustomerBody, EntityBody, customer_body
from autumn_mock.wire.responses.lines import customer_rewards_body, invoice_preview_body


def _body(request: RequestContext, account: Account, *, with_autumn_id: bool = False) -> CustomerBody:
    body = customer_body(account, request.call.env, request.expanded, with_autumn_id=with_autumn_id)
    add_payments(request, body, account)
    if "invoice_previews" in request.expand:
        body.invoice_previews = [invoice_preview_body(each) for each in next_invoices(request.call, account.customer)]
    if "rewards" in request.expand:
        body.rewards = customer_rewards_body(coupons_of(request.call, account.customer))
    return body


def add_payments(
    request: RequestContext, body: CustomerBody | EntityBody, account: Account, entity_id: str | None = None
) -> None:
    """Add invoices and the card to a customer or an entity, if the request asks for them."""
    expanded = request.expanded
    if "payment_method" in expanded:
        if request.call.environment.payments == "off":
            raise no_stripe()
        body.payment_method = payment_method_body(account.customer)
    if "invoices" in expanded:
        found = invoices_of(request.call, account.customer, entity_id)
        body.invoices = [customer_invoice_body(each, request.base_url) for each in found]


@endpoint(
    "POST /v1/customers.get_or_create",
    scopes=("customers:write", "customers:read"),
    request=CustomersGetOrCreate,
    answers=CustomerBody,
    limit="check",
)
def get_or_create(request: RequestContext, params: CustomersGetOrCreate) -> Answer:
    account, _ = customers.get_or_create(request.call, params)
    return Answer(_body(request, account, with_autumn_id=params.with_autumn_id))


@endpoint(
    "POST /v1/customers",
    scopes="customers:write",
    request=CustomersCreate,
    query=CustomersQuery,
    answers=CustomerBody,
    limit="check",
)
def create(request: RequestContext, params: CustomersCreate) -> Answer:
    account, _ = customers.get_or_create(request.call, params)
    with_autumn_id = params.with_autumn_id or request.parsed_query.with_autumn_id
    return Answer(_body(request, account, with_autumn_id=with_autumn_id))


@endpoint("POST /v1/customers.get", scopes="customers:read", request=CustomersGet, answers=CustomerBody, limit="check")
def get(request: RequestContext, params: CustomersGet) -> Answer:
    account = customers.get(request.call, params.customer_id)
    return Answer(_body(request, account, with_autumn_id=params.with_autumn_id))


@endpoint(
    "GET /v1/customers/<customer_id>",
    scopes="customers:read",
    query=CustomersQuery,
    answers=CustomerBody,
    limit="check",
    public=("GET /v1/customers/<customer_id>",),
)
def get_by_path(request: RequestContext, query: CustomersQuery) -> Answer:
    account = customers.get(request.call, request.path["customer_id"])
    return Answer(_body(request, account, with_autumn_id=query.with_autumn_id))


@endpoint(
    "POST /v1/customers.list",
    "POST /v1/customers/list",
    scopes="customers:read",
    request=paged(CustomersList, CustomersListOffset),
    answers=CursorPage[CustomerBody],
    limit="list_customers",
)
def list_(request: RequestContext, params: CustomersList | CustomersListOffset) -> Answer:
    if isinstance(params, CustomersListOffset):
        return _offset_page(request, params)
    return cursor_page(
        params,
        lambda before: customers.list_(request.call, params, before=before),
        lambda account: _body(request, account),
    )


def _offset_page(request: RequestContext, params: CustomersListOffset) -> Answer:
    page = customers.list_(request.call, params, offset=params.offset)
    return offset_page(params, page, lambda account: _body(request, account))


@endpoint(
    "GET /v1/customers",
    scopes="customers:read",
    query=CustomersListQuery,
    answers=OffsetPage[CustomerBody],
    limit="list_customers",
)
def list_by_query(request: RequestContext, query: CustomersListQuery) -> Answer:
    return _offset_page(request, CustomersListOffset(offset=query.offset, limit=query.limit))


@endpoint("POST /v1/customers.update", scopes="customers:write", request=CustomersUpdate, answers=CustomerBody)
def update(request: RequestContext, params: CustomersUpdate) -> Answer:
    return Answer(_body(request, customers.update(request.call, params)))


@endpoint(
    "POST /v1/customers/<customer_id>",
    "PATCH /v1/customers/<customer_id>",
    scopes="customers:write",
    request=CustomerPatch,
    answers=CustomerBody,
)
def update_by_path(request: RequestContext, params: CustomerPatch) -> Answer:
    sent = {name: value for name, value in asdict(params).items() if name != "id"}
    changes = CustomersUpdate(customer_id=request.path["customer_id"], new_customer_id=params.id, **sent)
    return Answer(_body(request, customers.update(request.call, changes)))


@endpoint("POST /v1/customers.delete", scopes="customers:write", request=CustomersDelete)
def delete(request: RequestContext, params: CustomersDelete) -> Answer:
    customers.delete(request.call, params.customer_id)
    return SUCCESS


@endpoint("DELETE /v1/customers/<customer_id>", scopes="customers:write")
def delete_by_path(request: RequestContext) -> Answer:
    customers.delete(request.call, request.path["customer_id"])
    return SUCCESS
