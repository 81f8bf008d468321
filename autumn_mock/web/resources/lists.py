"""Lists of rows that belong to customers, and the clock that newer clients move by way of a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from autumn_mock.operations import listing
from autumn_mock.operations.clock import advance
from autumn_mock.operations.listing import Page
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import cursor_page
from autumn_mock.wire.requests import (
    ADVANCE_TEST_CLOCK,
    BALANCES_LIST,
    BALANCES_LIST_QUERY,
    PURCHASES_LIST,
    SUBSCRIPTIONS_LIST,
)
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
Find = Callable[[Any, Mapping[str, Any], tuple[int, str] | None], Page[R]]


def _page(request: RequestContext, find: Find[R], body_of: Callable[[R], dict[str, Any]]) -> Answer:
    call, params = request.call, request.params
    return cursor_page(params, lambda before: find(call, params, before), body_of, tells_more=True)


@endpoint("POST /v1/balances.list", scopes="balances:read", request=BALANCES_LIST, answers=BALANCE_LINES)
def list_balances(request: RequestContext) -> Answer:
    return _page(request, listing.list_balances, balance_line_body)


@endpoint(
    "GET /v1/balances/list",
    scopes="balances:read",
    query=BALANCES_LIST_QUERY,
    answers=obj({"balances": array(record(anything()))}),
)
def list_loose_balances(request: RequestContext) -> Answer:
    lines = listing.loose_balances(request.call, request.query["customer_id"])
    return Answer({"balances": [balance_line_body(line) for line in lines]})


@endpoint(
    "POST /v1/subscriptions.list", scopes="customers:read", request=SUBSCRIPTIONS_LIST, answers=SUBSCRIPTION_LINES
)
def list_subscriptions(request: RequestContext) -> Answer:
    return _page(request, listing.list_subscriptions, subscription_line_body)


@endpoint("POST /v1/purchases.list", scopes="customers:read", request=PURCHASES_LIST, answers=PURCHASE_LINES)
def list_purchases(request: RequestContext) -> Answer:
    return _page(request, listing.list_purchases, purchase_line_body)


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
    request=ADVANCE_TEST_CLOCK,
    answers=obj({"customer_id": string(), "frozen_time": integer(), "status": enum("ready")}),
)
def advance_test_clock(request: RequestContext) -> Answer:
    now = advance(request.call, request.params["customer_id"], int(request.params["frozen_time"]))
    return Answer({"customer_id": request.params["customer_id"], "frozen_time": now, "status": "ready"})
