"""Attach plans to customers, and preview that."""

from __future__ import annotations

from autumn_mock.operations.billing import card_setup, multi_attach, preview, schedules
from autumn_mock.operations.billing.attach import attach as attach_plan
from autumn_mock.operations.billing.update import multi_update
from autumn_mock.operations.billing.update import update as update_plan
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate, MultiUpdate, OpenPortal, SetupPayment
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.responses.billing import AttachedBody, PageBody, attached_body, portal_url, setup_body
from autumn_mock.wire.responses.preview import (
    AttachPreviewBody,
    MultiUpdatePreviewBody,
    UpdatePreviewBody,
    attach_preview_body,
    multi_update_preview_body,
    update_preview_body,
)
from autumn_mock.wire.responses.schedules import ScheduleBody, schedule_body


@endpoint(
    "POST /v1/billing.attach", scopes="customers:write", request=BillingAttach, answers=AttachedBody, limit="attach"
)
def attach(request: RequestContext, params: BillingAttach) -> Answer:
    return Answer(attached_body(attach_plan(request.call, params), request.base_url))


@endpoint(
    "POST /v1/billing.update", scopes="customers:write", request=BillingUpdate, answers=AttachedBody, limit="attach"
)
def update(request: RequestContext, params: BillingUpdate) -> Answer:
    return Answer(attached_body(update_plan(request.call, params), request.base_url))


@endpoint("POST /v1/billing.preview_attach", scopes="customers:read", request=BillingAttach, answers=AttachPreviewBody)
def preview_attach(request: RequestContext, params: BillingAttach) -> Answer:
    found = preview.preview_attach(request.call, params)
    return Answer(attach_preview_body(request.call, params.customer_id, found, request.expand))


@endpoint(
    "POST /v1/billing.preview_multi_attach", scopes="customers:read", request=MultiAttach, answers=AttachPreviewBody
)
def preview_multi_attach(request: RequestContext, params: MultiAttach) -> Answer:
    found = preview.preview_multi_attach(request.call, params)
    return Answer(attach_preview_body(request.call, params.customer_id, found, request.expand))


@endpoint("POST /v1/billing.preview_update", scopes="customers:read", request=BillingUpdate, answers=UpdatePreviewBody)
def preview_update(request: RequestContext, params: BillingUpdate) -> Answer:
    found = preview.preview_update(request.call, params)
    return Answer(update_preview_body(request.call, params.customer_id, found, request.expand))


@endpoint(
    "POST /v1/billing.preview_multi_update",
    scopes="customers:read",
    request=MultiUpdate,
    answers=MultiUpdatePreviewBody,
)
def preview_multi_update(request: RequestContext, params: MultiUpdate) -> Answer:
    found = preview.preview_multi_update(request.call, params)
    return Answer(multi_update_preview_body(request.call, params.customer_id, found, request.expand))


@endpoint(
    "POST /v1/billing.setup_payment", scopes="customers:write", request=SetupPayment, answers=PageBody, limit="attach"
)
def setup_payment(request: RequestContext, params: SetupPayment) -> Answer:
    return Answer(setup_body(card_setup.setup_payment(request.call, params), request.base_url))


@endpoint("POST /v1/billing.open_customer_portal", scopes="customers:write", request=OpenPortal, answers=PageBody)
def open_customer_portal(request: RequestContext, params: OpenPortal) -> Answer:
    customer = card_setup.portal(request.call, params.customer_id)
    url = portal_url(customer, params.return_url, request.base_url)
    return Answer(PageBody(customer_id=params.customer_id, url=url))


@endpoint(
    "POST /v1/billing.multi_attach", scopes="customers:write", request=MultiAttach, answers=AttachedBody, limit="attach"
)
def attach_several(request: RequestContext, params: MultiAttach) -> Answer:
    return Answer(attached_body(multi_attach.multi_attach(request.call, params), request.base_url))


@endpoint(
    "POST /v1/billing.create_schedule",
    scopes="customers:write",
    request=CreateSchedule,
    answers=ScheduleBody,
    limit="attach",
)
def create_schedule(request: RequestContext, params: CreateSchedule) -> Answer:
    return Answer(schedule_body(schedules.create_schedule(request.call, params), request.base_url))


@endpoint(
    "POST /v1/billing.multi_update", scopes="customers:write", request=MultiUpdate, answers=AttachedBody, limit="attach"
)
def update_several(request: RequestContext, params: MultiUpdate) -> Answer:
    return Answer(attached_body(multi_update(request.call, params), request.base_url))
