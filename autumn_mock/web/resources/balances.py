"""Balances edited by hand."""

from __future__ import annotations

from autumn_mock.domain.amount import ZERO, number
from autumn_mock.operations import balances
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests.balances import BalancesCreate, BalancesDelete, BalancesUpdate, Recalculate, SetUsage
from autumn_mock.wire.responses import shapes


@endpoint("POST /v1/balances.create", "POST /v1/balances/create", scopes="balances:write", request=BalancesCreate)
def create(request: RequestContext, params: BalancesCreate) -> Answer:
    balances.create(request.call, params)
    return SUCCESS


@endpoint(
    "POST /v1/balances.update",
    "POST /v1/balances/update",
    scopes="balances:write",
    request=BalancesUpdate,
    limit="track",
)
def update(request: RequestContext, params: BalancesUpdate) -> Answer:
    balances.update(request.call, params)
    return SUCCESS


@endpoint("POST /v1/balances.delete", scopes="balances:write", request=BalancesDelete)
def delete(request: RequestContext, params: BalancesDelete) -> Answer:
    balances.delete(request.call, params)
    return SUCCESS


@endpoint("POST /v1/usage", scopes="balances:write", request=SetUsage, limit="track")
def set_usage(request: RequestContext, params: SetUsage) -> Answer:
    balances.set_usage(request.call, params)
    return SUCCESS


@endpoint("POST /v1/balances.recalculate", scopes="balances:write", request=Recalculate)
def recalculate(request: RequestContext, params: Recalculate) -> Answer:
    balances.recalculated(request.call, params, keep=True)
    return SUCCESS


@endpoint(
    "POST /v1/balances.preview_recalculate",
    "POST /v1/balances/preview_recalculate",
    scopes="balances:write",
    request=Recalculate,
    answers=shapes.RECALCULATION,
)
def preview_recalculate(request: RequestContext, params: Recalculate) -> Answer:
    pairs = balances.recalculated(request.call, params, keep=False)
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
