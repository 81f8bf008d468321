"""Calls of older clients, which the real service still serves at every version."""

from __future__ import annotations

from autumn_mock.operations import balances, customers, entities, plans
from autumn_mock.operations.billing import card_setup, invoices, old_attach, old_checkout, transfer, update
from autumn_mock.operations.catalogue.update import creation
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.resources.plans import listed
from autumn_mock.wire import schema as z
from autumn_mock.wire.answer import Listing
from autumn_mock.wire.requests.balances import BalancesUpdate
from autumn_mock.wire.requests.billing import BillingUpdate, SetupPayment
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.wire.requests.older import (
    OldAttach,
    OldBalances,
    OldCancel,
    OldEntity,
    OldPortal,
    OldSetupPayment,
    OldTransfer,
    ProductsCreate,
    RefundInvoice,
)
from autumn_mock.wire.responses.billing import InvoiceBody, PageBody, invoice_body, portal_url, setup_body
from autumn_mock.wire.responses.customer import EntityBody, entity_body
from autumn_mock.wire.responses.older import (
    CancelledBody,
    OldAttachedBody,
    OldCheckoutBody,
    OldPreviewBody,
    old_attached_body,
    old_checkout_body,
    old_preview_body,
)
from autumn_mock.wire.responses.plan import PlanBody


@endpoint("POST /v1/attach", scopes="customers:write", request=OldAttach, answers=OldAttachedBody, limit="attach")
def attach(request: RequestContext, params: OldAttach) -> Answer:
    return Answer(old_attached_body(old_attach.attach(request.call, params), request.base_url))


@endpoint("POST /v1/checkout", scopes="customers:write", request=OldAttach, answers=OldCheckoutBody, limit="attach")
def checkout(request: RequestContext, params: OldAttach) -> Answer:
    found = old_checkout.checkout(request.call, params)
    return Answer(old_checkout_body(request.call, found, request.base_url))


@endpoint("POST /v1/attach/preview", scopes="customers:read", request=OldAttach, answers=OldPreviewBody)
def preview_attach(request: RequestContext, params: OldAttach) -> Answer:
    return Answer(old_preview_body(request.call, old_checkout.preview(request.call, params)))


@endpoint("POST /v1/cancel", scopes="customers:write", request=OldCancel, answers=CancelledBody, limit="attach")
def cancel(request: RequestContext, params: OldCancel) -> Answer:
    update.update(
        request.call,
        BillingUpdate(
            customer_id=params.customer_id,
            entity_id=params.entity_id,
            plan_id=params.product_id,
            cancel_action="cancel_immediately" if params.cancel_immediately else "cancel_end_of_cycle",
            proration_behavior="none" if params.prorate is False else None,
        ),
    )
    return Answer(CancelledBody(customer_id=params.customer_id, product_id=params.product_id))


@endpoint("POST /v1/setup_payment", scopes="customers:write", request=OldSetupPayment, answers=PageBody, limit="attach")
def setup_payment(request: RequestContext, params: OldSetupPayment) -> Answer:
    wanted = SetupPayment(
        customer_id=params.customer_id, customer_data=params.customer_data, success_url=params.success_url
    )
    return Answer(setup_body(card_setup.setup_payment(request.call, wanted), request.base_url))


def _portal(request: RequestContext, return_url: str | None) -> Answer:
    customer_id = request.path["customer_id"]
    customer = card_setup.portal(request.call, customer_id)
    return Answer(PageBody(customer_id=customer_id, url=portal_url(customer, return_url, request.base_url)))


@endpoint("GET /v1/customers/<customer_id>/billing_portal", scopes="customers:write", query=OldPortal, answers=PageBody)
def open_portal(request: RequestContext, query: OldPortal) -> Answer:
    return _portal(request, query.return_url)


@endpoint(
    "POST /v1/customers/<customer_id>/billing_portal",
    scopes="customers:write",
    request=OldPortal,
    query=OldPortal,
    answers=PageBody,
)
def open_portal_by_post(request: RequestContext, params: OldPortal) -> Answer:
    return _portal(request, params.return_url or request.parsed_query.return_url)


@endpoint(
    "POST /v1/customers/<customer_id>/invoices/<invoice_id>/refund",
    scopes="customers:write",
    request=RefundInvoice,
    answers=InvoiceBody,
)
def refund_invoice(request: RequestContext, params: RefundInvoice) -> Answer:
    customer_id = request.path["customer_id"]
    refunded = invoices.refund(request.call, customer_id, request.path["invoice_id"], params)
    customer = card_setup.portal(request.call, customer_id)
    return Answer(invoice_body(invoices.InvoiceOf(customer, refunded), request.base_url))


@endpoint("POST /v1/products", scopes="plans:write", request=ProductsCreate, answers=PlanBody)
def create_product(request: RequestContext, params: ProductsCreate) -> Answer:
    return Answer(listed(request.call, plans.create(request.call, creation(params.id, params))))


@endpoint(
    "POST /v1/customers/<customer_id>/entities",
    scopes="customers:write",
    request=z.union(z.obj(OldEntity), z.array(z.obj(OldEntity))),
    answers=EntityBody | Listing[EntityBody],
)
def create_entities(request: RequestContext, params: OldEntity | list[OldEntity]) -> Answer:
    call, customer_id = request.call, request.path["customer_id"]
    with call.write():
        found = [
            entities.create(
                call,
                EntitiesCreate(
                    customer_id=customer_id,
                    entity_id=each.id,
                    name=each.name,
                    feature_id=each.feature_id,
                    billing_controls=each.billing_controls,
                    customer_data=each.customer_data,
                ),
            )
            for each in (params if isinstance(params, list) else [params])
        ]
    bodies = [entity_body(*each, call.env, request.expanded, created=True) for each in found]
    return Answer(Listing(rows=bodies) if isinstance(params, list) else bodies[0])


@endpoint("GET /v1/customers/<customer_id>/entities", scopes="customers:read", answers=Listing[EntityBody])
def list_entities(request: RequestContext) -> Answer:
    account = customers.get(request.call, request.path["customer_id"])
    bodies = [entity_body(account, each, request.call.env, request.expanded) for each in account.entities.values()]
    return Answer(Listing(rows=bodies))


@endpoint("DELETE /v1/customers/<customer_id>/entities/<entity_id>", scopes="customers:write")
def delete_entity(request: RequestContext) -> Answer:
    entities.delete(request.call, request.path["entity_id"], request.path["customer_id"])
    return SUCCESS


@endpoint("POST /v1/customers/<customer_id>/balances", scopes="balances:write", request=OldBalances)
def set_balances(request: RequestContext, params: OldBalances) -> Answer:
    call = request.call
    with call.write():
        for each in params.balances:
            balances.update(
                call,
                BalancesUpdate(
                    customer_id=request.path["customer_id"],
                    feature_id=each.feature_id,
                    entity_id=params.entity_id,
                    remaining=each.balance,
                    interval=each.interval,
                ),
            )
    return SUCCESS


@endpoint("POST /v1/customers/<customer_id>/transfer", scopes="customers:write", request=OldTransfer)
def transfer_plan(request: RequestContext, params: OldTransfer) -> Answer:
    transfer.transfer(request.call, request.path["customer_id"], params)
    return SUCCESS


@endpoint("POST /v1/customers/clear_cache", scopes="customers:write")
def clear_cache(_: RequestContext) -> Answer:
    return SUCCESS  # nothing is cached
