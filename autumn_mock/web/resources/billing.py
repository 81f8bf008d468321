"""Putting customers on plans, without payments, and looking at what that would do."""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.version import Version
from autumn_mock.operations import billing, preview
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams, BillingUpdate
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.preview import ATTACH_PREVIEW, UPDATE_PREVIEW, attach_preview_body, preview_body
from autumn_mock.wire.schema import parse


def _attachment(request: RequestContext) -> BillingAttach:
    """The parsed body; below 2.0 a plan is a product and quantities are options."""
    fields = request.fields
    body = request.json
    if request.call.version < Version.V2_0 and "product_id" in fields:
        renamed = {"product_id": "plan_id", "options": "feature_quantities"}
        body = {renamed.get(name, name): value for name, value in fields.items()}
    return parse(BillingAttach, body, now_ms=request.call.now)


@endpoint(
    "POST /v1/billing.attach",
    "POST /v1/attach",
    scopes="customers:write",
    request=BillingAttach,
    parser=_attachment,
    answers=shapes.ATTACHED,
    limit="attach",
)
def attach(request: RequestContext, params: BillingAttach) -> Answer:
    billing.attach(request.call, params)
    return _done(params)


@endpoint(
    "POST /v1/billing.update", scopes="customers:write", request=BillingUpdate, answers=shapes.ATTACHED, limit="attach"
)
def update(request: RequestContext, params: BillingUpdate) -> Answer:
    billing.update(request.call, params)
    return _done(params)


@endpoint(
    "POST /v1/billing.preview_attach",
    scopes="customers:read",
    request=BillingAttach,
    parser=_attachment,
    answers=ATTACH_PREVIEW,
)
def preview_attach(request: RequestContext, params: BillingAttach) -> Answer:
    return Answer(attach_preview_body(_preview(request, params, preview.preview_attach(request.call, params))))


@endpoint("POST /v1/billing.preview_update", scopes="customers:read", request=BillingUpdate, answers=UPDATE_PREVIEW)
def preview_update(request: RequestContext, params: BillingUpdate) -> Answer:
    found = preview.preview_update(request.call, params)
    return Answer({**_preview(request, params, found), "intent": found.intent})


def _preview(request: RequestContext, params: BillingParams, found: preview.Preview) -> dict[str, Any]:
    call = request.call
    return preview_body(params.customer_id, found, call.environment.features.by_key, call.env, request.expand)


def _done(params: BillingParams) -> Answer:
    body = {"customer_id": params.customer_id}
    if params.entity_id:
        body["entity_id"] = params.entity_id
    return Answer({**body, "payment_url": None})
