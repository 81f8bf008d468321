"""Answers of the public calls of the service's own checkout page."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from autumn_mock.domain.organisation import Env
from autumn_mock.domain.payment import Checkout, Refusal
from autumn_mock.operations.billing.confirmations import Offered, Status
from autumn_mock.operations.billing.purchases import Outcome
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import find_entity
from autumn_mock.wire.answer import Body
from autumn_mock.wire.responses.billing import AttachedBody, attached_body, attached_fields, checkout_url
from autumn_mock.wire.responses.preview import (
    AttachPreviewBody,
    UpdatePreviewBody,
    attach_preview_body,
    update_preview_body,
)

Action = Literal["attach", "update_subscription", "create_schedule"]
P = TypeVar("P", AttachPreviewBody, UpdatePreviewBody)
#: What the page shows in full.
_EXPANDED = ("incoming.plan", "incoming.plan.items.feature", "outgoing.plan", "outgoing.plan.items.feature")


class SellerBody(Body):
    """The organisation."""

    name: str
    logo: str | None


class BuyerBody(Body):
    """The customer."""

    id: str
    name: str | None
    email: str | None


class OwnerBody(Body):
    """The entity that the plan is for."""

    id: str
    name: str | None


class CheckoutBody(Body, Generic[P], kw_only=True):
    """What a session sells; ``response`` is what its confirmation has answered."""

    env: Env
    action: Action
    status: Status
    response: AttachedBody | None
    preview: P
    org: SellerBody
    customer: BuyerBody
    adjustable_feature_ids: list[str]
    entity: OwnerBody | None


class ConfirmedBody(AttachedBody, kw_only=True):
    """The answer of the confirmed call. ``success``: nothing else is needed. ``success_url``: where a browser goes."""

    success: bool
    checkout_id: str
    product_id: str
    invoice_id: str | None
    success_url: str


def checkout_body(
    call: Call, found: Offered, base: str
) -> CheckoutBody[AttachPreviewBody] | CheckoutBody[UpdatePreviewBody]:
    """What a session sells."""
    customer_id = found.checkout.deferred.body["customer_id"]
    if found.checkout.deferred.operation == "update":
        updated = update_preview_body(call, customer_id, found.preview, _EXPANDED)
        return _checkout_body(call, found, base, "update_subscription", updated)
    attached = attach_preview_body(call, customer_id, found.preview, _EXPANDED)
    is_schedule = found.checkout.deferred.operation == "create_schedule"
    return _checkout_body(call, found, base, "create_schedule" if is_schedule else "attach", attached)


def _checkout_body(call: Call, found: Offered, base: str, action: Action, preview: P) -> CheckoutBody[P]:
    session, customer = found.checkout, found.customer
    body = session.deferred.body
    entity = None if session.entity_id is None else find_entity(call.environment, customer, session.entity_id)
    return CheckoutBody(
        env=call.env,
        action=action,
        status=found.status,
        response=_response(found, base),
        preview=preview,
        org=SellerBody(call.environment.organisation.name, None),
        customer=BuyerBody(customer.id or customer.internal_id, customer.name, customer.email),
        adjustable_feature_ids=[
            each["feature_id"] for each in body.get("feature_quantities") or () if each.get("adjustable")
        ],
        entity=None if entity is None else OwnerBody(entity.id, entity.name),
    )


def _response(found: Offered, base: str) -> AttachedBody | None:
    invoice, session = found.invoice, found.checkout
    if invoice is None or invoice.required_action is None:
        return None
    outcome = Outcome(
        customer_id=session.deferred.body["customer_id"],
        entity_id=session.entity_id,
        invoice=invoice,
        refusal=Refusal(invoice.required_action, session.problem or ""),
    )
    return attached_body(outcome, base)


def confirmed_body(session: Checkout, outcome: Outcome, base: str) -> ConfirmedBody:
    """What the confirmation of a session has led to."""
    invoice = outcome.invoice
    return ConfirmedBody(
        **attached_fields(outcome, base),
        success=outcome.refusal is None,
        checkout_id=session.id,
        product_id=next(iter(session.deferred.plan_ids), ""),
        invoice_id=None if invoice is None else invoice.stripe_id,
        success_url=session.success_url or checkout_url(session, base),
    )
