"""Putting customers on plans, without payments, and looking at what that would do."""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.version import Version
from autumn_mock.operations import billing, preview
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests import BILLING_ATTACH, BILLING_UPDATE
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.preview import ATTACH_PREVIEW, UPDATE_PREVIEW, attach_preview_body, preview_body
from autumn_mock.wire.schema import parse


@endpoint(
    "POST /v1/billing.attach",
    "POST /v1/attach",
    scopes="customers:write",
    request=BILLING_ATTACH,
    reads_raw=True,
    answers=shapes.ATTACHED,
    limit="attach",
)
def attach(request: RequestContext) -> Answer:
    params = _attachment(request)
    billing.attach(request.call, params)
    return _done(params)


def _attachment(request: RequestContext) -> dict[str, Any]:
    params: dict[str, Any] = parse(BILLING_ATTACH, _in_new_words(request), now_ms=request.call.now)
    return params


@endpoint(
    "POST /v1/billing.update", scopes="customers:write", request=BILLING_UPDATE, answers=shapes.ATTACHED, limit="attach"
)
def update(request: RequestContext) -> Answer:
    billing.update(request.call, request.params)
    return _done(request.params)


@endpoint(
    "POST /v1/billing.preview_attach",
    scopes="customers:read",
    request=BILLING_ATTACH,
    reads_raw=True,
    answers=ATTACH_PREVIEW,
)
def preview_attach(request: RequestContext) -> Answer:
    params = _attachment(request)
    return Answer(attach_preview_body(_preview(request, params, preview.preview_attach(request.call, params))))


@endpoint("POST /v1/billing.preview_update", scopes="customers:read", request=BILLING_UPDATE, answers=UPDATE_PREVIEW)
def preview_update(request: RequestContext) -> Answer:
    found = preview.preview_update(request.call, request.params)
    return Answer({**_preview(request, request.params, found), "intent": found.intent})


def _preview(request: RequestContext, params: dict[str, Any], found: preview.Preview) -> dict[str, Any]:
    call = request.call
    return preview_body(params["customer_id"], found, call.environment.features.by_key, call.env, request.expand)


def _in_new_words(request: RequestContext) -> Any:
    """The body; below 2.0 a plan is a product and quantities are options."""
    fields = request.fields
    if request.call.version >= Version.V2_0 or "product_id" not in fields:
        return request.json
    renamed = {"product_id": "plan_id", "options": "feature_quantities"}
    return {renamed.get(name, name): value for name, value in fields.items()}


def _done(params: dict[str, Any]) -> Answer:
    body = {"customer_id": params["customer_id"]}
    if params.get("entity_id"):
        body["entity_id"] = params["entity_id"]
    return Answer({**body, "payment_url": None})
