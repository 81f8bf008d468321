"""Lists of rows that belong to customers, and the clock that newer clients move through a customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from autumn_mock.operations import listing
from autumn_mock.operations.billing import invoices
from autumn_mock.operations.call import Call
from autumn_mock.operations.clock import advance
from autumn_mock.operations.listing import Page
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import cursor_page, from_cursor, next_cursor, offset_page
from autumn_mock.wire.answer import Body, CursorPage, FullCursorPage, OffsetPage
from autumn_mock.wire.requests.balances import BalancesList, BalancesListQuery, ContributionsList
from autumn_mock.wire.requests.billing import InvoicesList, SubscriptionsList
from autumn_mock.wire.requests.common import RowsOfACustomer
from autumn_mock.wire.requests.customers import AdvanceTestClock
from autumn_mock.wire.responses.billing import InvoiceBody, invoice_body
from autumn_mock.wire.responses.listing import (
    AdvancedClockBody,
    BalanceLineBody,
    ContributionBody,
    PurchaseLineBody,
    StoredRowsBody,
    SubscriptionLineBody,
    balance_line_body,
    contribution_body,
    purchase_line_body,
    stored_row_body,
    subscription_line_body,
)

R = TypeVar("R")
P = TypeVar("P", bound=RowsOfACustomer)
Find = Callable[[Call, P, tuple[int, str] | None], Page[R]]


def _page(request: RequestContext, params: P, find: Find[P, R], body_of: Callable[[R], Body]) -> Answer:
    page = from_cursor(params, lambda before: find(request.call, params, before))
    rows = [body_of(row) for row in page.rows]
    return Answer(FullCursorPage(rows=rows, has_more=page.next is not None, next_cursor=next_cursor(page)))


@endpoint(
    "POST /v1/balances.list", scopes="balances:read", request=BalancesList, answers=FullCursorPage[BalanceLineBody]
)
def list_balances(request: RequestContext, params: BalancesList) -> Answer:
    return _page(request, params, listing.list_balances, balance_line_body)


@endpoint(
    "GET /v1/balances/list",
    scopes="balances:read",
    query=BalancesListQuery,
    answers=StoredRowsBody,
)
def list_stored_rows(request: RequestContext, query: BalancesListQuery) -> Answer:
    account = listing.stored_rows(request.call, query.customer_id)
    rows = account.rows.values()
    return Answer(
        StoredRowsBody([stored_row_body(row, account.customer, account.features[row.feature_id]) for row in rows])
    )


@endpoint(
    "POST /v1/pooled_balances.list_contributions",
    scopes="balances:read",
    request=ContributionsList,
    answers=OffsetPage[ContributionBody],
)
def list_contributions(request: RequestContext, params: ContributionsList) -> Answer:
    return offset_page(params, listing.list_contributions(request.call, params), contribution_body)


@endpoint(
    "POST /v1/subscriptions.list",
    scopes="customers:read",
    request=SubscriptionsList,
    answers=FullCursorPage[SubscriptionLineBody],
)
def list_subscriptions(request: RequestContext, params: SubscriptionsList) -> Answer:
    return _page(request, params, listing.list_subscriptions, subscription_line_body)


@endpoint(
    "POST /v1/purchases.list",
    scopes="customers:read",
    request=SubscriptionsList,
    answers=FullCursorPage[PurchaseLineBody],
)
def list_purchases(request: RequestContext, params: SubscriptionsList) -> Answer:
    return _page(request, params, listing.list_purchases, purchase_line_body)


@endpoint("POST /v1/invoices.list", scopes="customers:read", request=InvoicesList, answers=CursorPage[InvoiceBody])
def list_invoices(request: RequestContext, params: InvoicesList) -> Answer:
    return cursor_page(
        params,
        lambda before: invoices.list_invoices(request.call, params, before),
        lambda found: invoice_body(found, request.base_url),
    )


@endpoint(
    "POST /v1/customers.advance_test_clock",
    scopes="customers:write",
    request=AdvanceTestClock,
    answers=AdvancedClockBody,
)
def advance_test_clock(request: RequestContext, params: AdvanceTestClock) -> Answer:
    now = advance(request.call, params.customer_id, params.frozen_time)
    return Answer(AdvancedClockBody(params.customer_id, now))
