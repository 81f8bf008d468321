"""Balances edited by hand."""

from __future__ import annotations

from autumn_mock.operations import balances
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests.balances import BalancesCreate, BalancesDelete, BalancesUpdate, Recalculate, SetUsage
from autumn_mock.wire.responses.recalculation import RecalculationBody, recalculation_body


@endpoint(
    "POST /v1/balances.create",
    "POST /v1/balances/create",
    "POST /v1/balances",
    scopes="balances:write",
    request=BalancesCreate,
    journals_body=True,
)
def create(request: RequestContext, params: BalancesCreate) -> Answer:
    balances.create(request.call, params)
    return SUCCESS


@endpoint(
    "POST /v1/balances.update",
    "POST /v1/balances/update",
    scopes="balances:write",
    request=BalancesUpdate,
    limit="track",
    journals_body=True,
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


@endpoint(
    "POST /v1/balances.recalculate", "POST /v1/balances/recalculate", scopes="balances:write", request=Recalculate
)
def recalculate(request: RequestContext, params: Recalculate) -> Answer:
    balances.recalculated(request.call, params, keep=True)
    return SUCCESS


@endpoint(
    "POST /v1/balances.preview_recalculate",
    "POST /v1/balances/preview_recalculate",
    scopes="balances:write",
    request=Recalculate,
    answers=RecalculationBody,
)
def preview_recalculate(request: RequestContext, params: Recalculate) -> Answer:
    return Answer(recalculation_body(balances.recalculated(request.call, params, keep=False)))
