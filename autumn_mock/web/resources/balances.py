"""Balances edited by hand."""

from __future__ import annotations

from autumn_mock.domain.amount import ZERO, number
from autumn_mock.operations import balances
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests import BALANCES_CREATE, BALANCES_DELETE, BALANCES_UPDATE, RECALCULATE, SET_USAGE
from autumn_mock.wire.responses import shapes


@endpoint("POST /v1/balances.create", "POST /v1/balances/create", scopes="balances:write", request=BALANCES_CREATE)
def create(request: RequestContext) -> Answer:
    balances.create(request.call, request.params)
    return SUCCESS


@endpoint(
    "POST /v1/balances.update",
    "POST /v1/balances/update",
    scopes="balances:write",
    request=BALANCES_UPDATE,
    limit="track",
)
def update(request: RequestContext) -> Answer:
    balances.update(request.call, request.params)
    return SUCCESS


@endpoint("POST /v1/balances.delete", scopes="balances:write", request=BALANCES_DELETE)
def delete(request: RequestContext) -> Answer:
    balances.delete(request.call, request.params)
    return SUCCESS


@endpoint("POST /v1/usage", scopes="balances:write", request=SET_USAGE, limit="track")
def set_usage(request: RequestContext) -> Answer:
    balances.set_usage(request.call, request.params)
    return SUCCESS


@endpoint("POST /v1/balances.recalculate", scopes="balances:write", request=RECALCULATE)
def recalculate(request: RequestContext) -> Answer:
    balances.recalculated(request.call, request.params, keep=True)
    return SUCCESS


@endpoint(
    "POST /v1/balances.preview_recalculate",
    "POST /v1/balances/preview_recalculate",
    scopes="balances:write",
    request=RECALCULATE,
    answers=shapes.RECALCULATION,
)
def preview_recalculate(request: RequestContext) -> Answer:
    pairs = balances.recalculated(request.call, request.params, keep=False)
    used = sum((before.grant + before.adjustment - before.balance for before, _ in pairs), ZERO)
    return Answer(
        {
            "total_usage": number(used),
            "entitlements": [
                {
                    "customer_entitlement_id": before.id,
                    "before_remaining": number(before.balance),
                    "after_remaining": number(after.balance),
                }
                for before, after in pairs
            ],
        }
    )
