"""Lists of rows that belong to customers, and the clock that newer clients move by way of a customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from autumn_mock.operations import listing
from autumn_mock.operations.call import Call
from autumn_mock.operations.clock import advance
from autumn_mock.operations.listing import Page
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import cursor_page
from autumn_mock.wire.requests.balances import BalancesList, BalancesListQuery
from autumn_mock.wire.requests.billing import SubscriptionsList
from autumn_mock.wire.requests.common import RowsOfACustomer
from autumn_mock.wire.requests.customers import AdvanceTestClock
from autumn_mock.wire.responses.listing import (
    BALANCE_LINES,
    PURCHASE_LINES,
    SUBSCRIPTION_LINES,
    balance_line_body,
    purchase_line_body,
    subscription_line_body,
)
from autumn_mock.wire.responses.shapes import listing as whole_list
from autumn_mock.wire.responses.shapes import page
from autumn_mock.wire.schema import anything, array, enum, integer, obj, record, string

R = TypeVar("R")
P = TypeVar("P", bound=RowsOfACustomer)
Find = Callable[[Call, P, tuple[int, str] | None], Page[R]]


def _page(request: RequestContext, params: P, find: Find[P, R], body_of: Callable[[R], dict[str, Any]]) -> Answer:
    return cursor_page(params, lambda before: find(request.call, params, before), body_of, tells_more=True)


@endpoint("POST /v1/balances.list", scopes="balances:read", request=BalancesList, answers=BALANCE_LINES)
def list_balances(request: RequestContext, params: BalancesList) -> Answer:
    return _page(request, params, listing.list_balances, balance_line_body)


@endpoint(
    "GET /v1/balances/list",
    scopes="balances:read",
    query=BalancesListQuery,
    answers=obj({"balances": array(record(anything()))}),
)
def list_loose_balances(request: RequestContext, query: BalancesListQuery) -> Answer:
    lines = listing.loose_balances(request.call, query.customer_id)
    return Answer({"balances": [balance_line_body(line) for line in lines]})


@endpoint("POST /v1/subscriptions.list", scopes="customers:read", request=SubscriptionsList, answers=SUBSCRIPTION_LINES)
def list_subscriptions(request: RequestContext, params: SubscriptionsList) -> Answer:
    return _page(request, params, listing.list_subscriptions, subscription_line_body)


@endpoint("POST /v1/purchases.list", scopes="customers:read", request=SubscriptionsList, answers=PURCHASE_LINES)
def list_purchases(request: RequestContext, params: SubscriptionsList) -> Answer:
    return _page(request, params, listing.list_purchases, purchase_line_body)


@endpoint("POST /v1/invoices.list", scopes="customers:read", answers=page(record(anything())))
def list_invoices(_request: RequestContext) -> Answer:
    """Without payments there are no invoices, and to ask for them is no mistake."""
    return Answer({"list": [], "next_cursor": None})


@endpoint("POST /v1/licenses.list", scopes="customers:read", answers=whole_list(record(anything())))
def list_licenses(_request: RequestContext) -> Answer:
    """Without payments nobody has a license."""
    return Answer({"list": []})


@endpoint(
    "POST /v1/customers.advance_test_clock",
    scopes="customers:write",
    request=AdvanceTestClock,
    answers=obj({"customer_id": string(), "frozen_time": integer(), "status": enum("ready")}),
)
def advance_test_clock(request: RequestContext, params: AdvanceTestClock) -> Answer:
    now = advance(request.call, params.customer_id, params.frozen_time)
    return Answer({"customer_id": params.customer_id, "frozen_time": now, "status": "ready"})
