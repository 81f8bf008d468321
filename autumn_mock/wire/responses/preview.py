"""Previews: what an attachment or update would do, and what a denied customer is offered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.domain.amount import ZERO, number
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.organisation import Env
from autumn_mock.domain.payment import Invoice
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing.preview import Intent, PlanPreviewChange, Preview, SubscriptionPreview
from autumn_mock.operations.call import Call
from autumn_mock.payments.forecasts import Forecast
from autumn_mock.payments.lines import subtotal_of
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.lines import CURRENCY, LineBody, PeriodBody, line_body
from autumn_mock.wire.responses.plan import PlanDetailsBody, plan_body

Features = Mapping[str, Feature]


class QuantityBody(Body):
    """Units of a feature bought in advance, with the included ones."""

    feature_id: str
    quantity: Number


class PreviewedPlanBody(Body, kw_only=True):
    """A plan that would start or end; instants in ms, ``effective_at`` None for at once."""

    plan_id: str
    plan: PlanDetailsBody | UnsetType = UNSET
    feature_quantities: list[QuantityBody]
    effective_at: int | None
    canceled_at: int | None
    expires_at: int | None


class UsageLineBody(Body, kw_only=True):
    """Usage that will be billed."""

    display_name: str
    plan_id: str
    feature_id: str
    period: PeriodBody


class NextCycleBody(Body, kw_only=True):
    """The next invoice, without the usage that it will have."""

    starts_at: int
    subtotal: Number
    total: Number
    line_items: list[LineBody]
    usage_line_items: list[UsageLineBody]


class InvoiceCreditsBody(Body):
    """What the customer has to spend on invoices, and what of it is spent."""

    balance: Number
    currency: str
    applied: Number


class PreviewBody(Body, kw_only=True):
    """What would start and end, and what that would cost."""

    customer_id: str
    line_items: list[LineBody]
    subtotal: Number
    total: Number
    currency: str = CURRENCY
    next_cycle: NextCycleBody | UnsetType = UNSET
    incoming: list[PreviewedPlanBody]
    outgoing: list[PreviewedPlanBody]
    invoice_credits: InvoiceCreditsBody | UnsetType = UNSET


class AttachPreviewBody(PreviewBody, kw_only=True):
    """What attaching a plan would do, and on which page it would be paid."""

    redirect_to_checkout: bool
    checkout_type: Literal["stripe_checkout", "autumn_checkout"] | None


class RefundedInvoiceBody(Body, kw_only=True):
    """The invoice that a refund is of."""

    stripe_id: str
    total: Number
    current_refunded_amount: Number
    currency: str


class RefundBody(Body):
    """What would be given back of the last payment."""

    amount: Number
    invoice: RefundedInvoiceBody


class UpdatePreviewBody(PreviewBody, kw_only=True):
    """What changing or cancelling a plan would do."""

    intent: Intent
    refund: RefundBody | UnsetType = UNSET


class SubscriptionPreviewBody(PreviewBody, kw_only=True):
    """What a change of several plans would do to those of one subscription."""

    plan_ids: list[str]


class MultiUpdatePreviewBody(Body, kw_only=True):
    """What cancelling several plans would do; ``total`` is the sum of those of the subscriptions."""

    customer_id: str
    currency: str
    total: Number
    subscriptions: list[SubscriptionPreviewBody]


def multi_update_preview_body(
    call: Call, customer_id: str, previews: Sequence[SubscriptionPreview], expand: Collection[str]
) -> MultiUpdatePreviewBody:
    """What cancelling several plans would do; ``expand`` names the plans to include in full."""
    return MultiUpdatePreviewBody(
        customer_id=customer_id,
        currency=CURRENCY,
        total=number(sum((each.preview.charges.total - each.preview.applied_credit for each in previews), ZERO)),
        subscriptions=[
            SubscriptionPreviewBody(
                customer_id=customer_id, **_fields(call, each.preview, expand), plan_ids=list(each.plan_ids)
            )
            for each in previews
        ],
    )


def attach_preview_body(call: Call, customer_id: str, preview: Preview, expand: Collection[str]) -> AttachPreviewBody:
    """What attaching a plan would do; ``expand`` names the plans to include in full."""
    page = preview.page
    return AttachPreviewBody(
        customer_id=customer_id,
        **_fields(call, preview, expand),
        redirect_to_checkout=page is not None,
        checkout_type=None if page is None else "autumn_checkout" if page == "autumn" else "stripe_checkout",
    )


def update_preview_body(call: Call, customer_id: str, preview: Preview, expand: Collection[str]) -> UpdatePreviewBody:
    """What changing or cancelling a plan would do; ``expand`` names the plans to include in full."""
    refund = preview.refund
    return UpdatePreviewBody(
        customer_id=customer_id,
        **_fields(call, preview, expand),
        intent=preview.intent,
        refund=UNSET if refund is None else RefundBody(number(refund.amount), _refunded_body(refund.invoice)),
    )


def _refunded_body(invoice: Invoice) -> RefundedInvoiceBody:
    return RefundedInvoiceBody(
        stripe_id=invoice.stripe_id,
        total=number(invoice.total),
        current_refunded_amount=number(invoice.refunded_amount),
        currency=invoice.currency,
    )


def _fields(call: Call, preview: Preview, expand: Collection[str]) -> dict[str, Any]:
    features = call.environment.features.by_key
    plans = {
        name: [_previewed_body(each, features, call.env, f"{name}.plan", expand) for each in changes]
        for name, changes in (("incoming", preview.incoming), ("outgoing", preview.outgoing))
    }
    total, applied = preview.charges.total, preview.applied_credit
    has_credit = preview.credit > 0
    return {
        "line_items": [line_body(line) for line in preview.charges.lines],
        "subtotal": number(subtotal_of(preview.charges.lines)),
        "total": number(total - applied),
        "next_cycle": UNSET if preview.next_cycle is None else next_cycle_body(preview.next_cycle),
        **plans,
        "invoice_credits": InvoiceCreditsBody(number(preview.credit), CURRENCY, number(applied))
        if has_credit
        else UNSET,
    }


def next_cycle_body(forecast: Forecast) -> NextCycleBody:
    """The next invoice, as far as it is known."""
    return NextCycleBody(
        starts_at=forecast.starts_at,
        subtotal=number(subtotal_of(forecast.lines)),
        total=number(forecast.total),
        line_items=[line_body(line) for line in forecast.lines],
        usage_line_items=[
            UsageLineBody(
                display_name=each.display_name,
                plan_id=each.plan_id,
                feature_id=each.feature_id,
                period=PeriodBody(each.period.start, each.period.end),
            )
            for each in forecast.usage
        ],
    )


def _previewed_body(
    change: PlanPreviewChange, features: Features, env: Env, place: str, expand: Collection[str]
) -> PreviewedPlanBody:
    expand_features = f"{place}.items.feature" in expand
    return PreviewedPlanBody(
        plan_id=change.plan.id,
        plan=plan_body(change.plan, features, env, expand_features=expand_features) if place in expand else UNSET,
        feature_quantities=[
            QuantityBody(feature_id, number(units + _included(change.plan, feature_id)))
            for feature_id, units in change.prepaid.items()
        ],
        effective_at=change.effective_at,
        canceled_at=change.canceled_at,
        expires_at=change.expires_at,
    )


def _included(plan: Plan, feature_id: str) -> Decimal:
    """What a prepaid item includes: a quantity is the total."""
    for item in plan.items:
        if item.feature_id == feature_id and item.price is not None and item.price.billing_method == "prepaid":
            return item.included
    return ZERO
