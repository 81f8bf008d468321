"""``billing.preview_attach`` and ``billing.preview_update``: what a change would cost, and which plans start and end.

Nothing is changed. A preview refuses what the call itself would refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.payment import CheckoutMode, Deferred
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing import attachments, checkouts, licenses
from autumn_mock.operations.billing.attach import PlanPurchase, examine, owner_of
from autumn_mock.operations.billing.billing_rules import refuse_update
from autumn_mock.operations.billing.forecasts import forecast_of
from autumn_mock.operations.billing.invoice_lines import (
    Charges,
    Refund,
    charges_of_attach,
    charges_of_update,
    refund_of,
)
from autumn_mock.operations.billing.multi_attach import fill
from autumn_mock.operations.billing.past_due import ends_at_once
from autumn_mock.operations.billing.purchase_rules import refuse_billed_update
from autumn_mock.operations.billing.rewards import applied_after
from autumn_mock.operations.billing.schedules import immediate
from autumn_mock.operations.billing.update import single_updates
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import get_customer, open_account
from autumn_mock.payments.forecasts import Forecast
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate, MultiUpdate
from autumn_mock.wire.requests.multi_attach import MultiAttach
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.schema import parse

Intent = Literal["update_plan", "update_quantity", "cancel_immediately", "cancel_end_of_cycle", "uncancel", "none"]


class PlanPreviewChange(Struct, frozen=True):
    """A plan that would start or end; ``effective_at`` in ms, None for at once."""

    plan: Plan
    #: Units bought in advance, by feature, the included ones not counted.
    prepaid: dict[str, Decimal]
    effective_at: int | None = None
    canceled_at: int | None = None
    expires_at: int | None = None


class Preview(Struct, frozen=True):
    """What would start and end, and what it would cost; ``intent`` is the kind of an update."""

    #: What is begun, and what goes on with other dates or quantities.
    incoming: tuple[PlanPreviewChange, ...] = ()
    #: What ends or changes, as it is now.
    outgoing: tuple[PlanPreviewChange, ...] = ()
    intent: Intent = "none"
    charges: Charges = Charges()
    #: None: nothing recurs.
    next_cycle: Forecast | None = None
    #: What the customer has to spend on invoices.
    credit: Decimal = ZERO
    #: The page where it would be paid; None: it is charged at once, or costs nothing.
    page: CheckoutMode | None = None
    refund: Refund | None = None

    @property
    def applied_credit(self) -> Decimal:
        """What of the credit would be spent."""
        return max(min(self.credit, self.charges.total), ZERO)


class SubscriptionPreview(Struct, frozen=True):
    """What a change of several plans would do to those that one subscription bills."""

    plan_ids: tuple[str, ...]
    preview: Preview


class Previewed(Exception):
    """Ends the transaction of a preview, which undoes what was changed for it."""


def preview_attach(call: Call, params: BillingAttach) -> Preview:
    """What attaching a plan would do; a customer or entity that the call would create need not be there."""
    found: list[Preview] = []
    with suppress(Previewed), call.write() as transaction:
        customer, entity_id = owner_of(call, transaction, params)
        case = examine(call, customer, entity_id, params, checkouts.deferred("attach", params, call.now))
        charges = charges_of_attach(call, customer, case.decided, params)
        found.append(_attached(call, [case], charges, case.purchase.page))
        raise Previewed
    return found[0]


def preview_deferred(call: Call, waiting: Deferred) -> Preview:
    """What a change would do that waits for a payment or a confirmation."""
    if waiting.operation == "multi_attach":
        return preview_multi_attach(call, parse(MultiAttach, waiting.body, now_ms=call.now))
    if waiting.operation == "create_schedule":
        return preview_multi_attach(call, immediate(parse(CreateSchedule, waiting.body, now_ms=call.now)))
    if waiting.operation == "update":
        return preview_update(call, parse(BillingUpdate, waiting.body, now_ms=call.now))
    return preview_attach(call, parse(BillingAttach, waiting.body, now_ms=call.now))


def preview_multi_attach(call: Call, params: MultiAttach) -> Preview:
    """What attaching several plans would do."""
    found: list[Preview] = []
    with suppress(Previewed), call.write() as transaction:
        basket = fill(call, transaction, params)
        every = [charges_of_attach(call, basket.customer, each.decided, each.params) for each in basket.cases]
        charges = Charges(
            lines=basket.lines,
            subscription=next((each.subscription for each in every if each.subscription is not None), None),
            terms=next((each.terms for each in every if each.terms is not None), None),
            coupons=basket.coupons,
            applied=applied_after(call, None, basket.first, basket.coupons),
        )
        found.append(_attached(call, basket.cases, charges, basket.page))
        raise Previewed
    return found[0]


def _attached(call: Call, cases: Sequence[PlanPurchase], charges: Charges, page: CheckoutMode | None) -> Preview:
    """What attaching plans does, which cost ``charges`` together."""
    customer = cases[0].customer
    incoming: list[CustomerPlan] = []
    outgoing: list[tuple[CustomerPlan, int | None]] = []
    replaced: list[CustomerPlan] = []
    for case in cases:
        decided = case.decided
        turn = decided.starts_at if decided.is_deferred else None
        begins = CustomerPlan(
            id="",
            customer=customer.internal_id,
            plan=decided.plan,
            created_at=call.now,
            started_at=decided.starts_at,
            status="scheduled" if decided.is_deferred else "active",
            entity_id=case.entity_id,
            prepaid=decided.prepaid,
            expires_at=case.params.ends_at,
        )
        incoming.append(begins)
        outgoing += [(each, turn) for each in decided.removed]
        if decided.current is not None:
            outgoing.append((decided.current, turn))
            if decided.is_deferred:
                incoming.append(replace(decided.current, canceled_at=call.now, expires_at=decided.starts_at))
        if decided.plan.is_main:
            replaced += attachments.scheduled(call, customer, decided.plan, case.entity_id)
    without = [*(each for each, _ in outgoing), *replaced]
    return Preview(
        tuple(_change(each, each.started_at if each.status == "scheduled" else None) for each in incoming),
        tuple(_change(each, turn) for each, turn in outgoing),
        charges=charges,
        next_cycle=forecast_of(call, customer, charges, incoming, without=without),
        credit=customer.credit,
        page=page,
    )


def preview_update(call: Call, params: BillingUpdate) -> Preview:
    """What changing or cancelling a plan would do."""
    customer = _customer(call, params.customer_id)
    return _updated(call, customer, [_effect(call, customer, params)])


def preview_multi_update(call: Call, params: MultiUpdate) -> list[SubscriptionPreview]:
    """What cancelling several plans would do, by the subscriptions that bill them; the others have no preview."""
    customer = _customer(call, params.customer_id)
    found: dict[str, list[_Effect]] = {}
    for each in single_updates(params):
        effect = _effect(call, customer, each)
        if effect.current.billed_by is not None:
            found.setdefault(effect.current.billed_by, []).append(effect)
    return [
        SubscriptionPreview(tuple(each.current.plan_id for each in effects), _updated(call, customer, effects))
        for effects in found.values()
    ]


class _Effect(Struct, frozen=True, kw_only=True):
    """What an update of one plan does."""

    current: CustomerPlan
    intent: Intent
    charges: Charges
    #: What there is afterwards.
    incoming: list[CustomerPlan]
    #: What there is no more.
    gone: tuple[CustomerPlan, ...]
    refund: Refund | None

    @property
    def ends_at(self) -> int | None:
        """When the plan ends, if that is not at once."""
        at_end = self.intent == "cancel_end_of_cycle"
        return next((each.expires_at for each in self.incoming if each.id == self.current.id), None) if at_end else None


def _effect(call: Call, customer: Customer, params: BillingUpdate) -> _Effect:
    """Raises :class:`ApiError` for what the call would refuse."""
    entity_id = params.entity_id or None
    current = attachments.find_attached(call, customer, entity_id, params)
    ends = params.cancel_action in ("cancel_immediately", "cancel_end_of_cycle")
    if ends and ends_at_once(call, current):
        params = replace(params, cancel_action="cancel_immediately", proration_behavior="none")
    revised = None if ends else attachments.revised(call, current, params)
    refuse_update(call, params, current, revised)
    if revised is not None:
        licenses.refuse_update(call, customer, params, current, revised)
    charges = charges_of_update(call, customer, current, revised, params)
    refuse_billed_update(call, customer, params, current, revised, charges)
    incoming, intent = _incoming(call, current, revised, params)
    gone: tuple[CustomerPlan, ...] = (current,)
    if params.cancel_action is not None and current.plan.is_main:
        gone = (current, *attachments.scheduled(call, customer, current.plan, entity_id))
    return _Effect(
        current=current,
        intent=intent,
        charges=charges,
        incoming=incoming,
        gone=gone,
        refund=refund_of(call, customer, current, params),
    )


def _updated(call: Call, customer: Customer, effects: Sequence[_Effect]) -> Preview:
    """What updates of plans of one subscription do together."""
    first = effects[0]
    charges = replace(
        first.charges,
        lines=tuple(line for each in effects for line in each.charges.lines),
        later=tuple(line for each in effects for line in each.charges.later),
    )
    incoming = [plan for each in effects for plan in each.incoming]
    going_on = [plan for each in effects for plan in (each.incoming if each.intent != "none" else [each.current])]
    return Preview(
        tuple(_change(each, each.started_at if each.status == "scheduled" else None) for each in incoming),
        tuple(_change(each.current, each.ends_at) for each in effects if each.intent != "none"),
        first.intent,
        charges,
        forecast_of(call, customer, charges, going_on, without=[plan for each in effects for plan in each.gone]),
        customer.credit,
        refund=first.refund,
    )


def _incoming(
    call: Call, current: CustomerPlan, revised: CustomerPlan | None, params: BillingUpdate
) -> tuple[list[CustomerPlan], Intent]:
    """What there is after an update, and the kind of the update."""
    if revised is not None:
        if params.cancel_action == "uncancel":
            return [replace(revised, canceled_at=None, expires_at=None)], "uncancel"
        if _terms(revised) != _terms(current):
            return [revised], "update_plan"
        return ([], "none") if revised.prepaid == current.prepaid else ([revised], "update_quantity")
    intent: Intent = "cancel_immediately"
    after: list[CustomerPlan] = []
    if params.cancel_action == "cancel_end_of_cycle" and current.status == "active":
        intent, after = "cancel_end_of_cycle", [attachments.ending(call, current)]
    following = attachments.fallback(call, current) if current.status == "active" else None
    if following is not None:
        begins = CustomerPlan(
            id="", customer=current.customer, plan=following, created_at=call.now, started_at=call.now
        )
        turn = after[0].expires_at if after else None
        after.insert(0, begins if turn is None else replace(begins, status="scheduled", started_at=turn))
    return after, intent


def _terms(attached: CustomerPlan) -> tuple[object, ...]:
    """What an update of a plan changes, apart from quantities and the day of its cycles."""
    return attached.plan, attached.trial_ends_at, attached.license_quantities


def _customer(call: Call, customer_id: str) -> Customer:
    """The customer, after everything that was due has been applied."""
    with call.write() as transaction:
        customer = get_customer(call.environment, customer_id)
        open_account(call, transaction, customer)
        return get_customer(call.environment, customer_id)


def _change(attached: CustomerPlan, effective_at: int | None = None) -> PlanPreviewChange:
    return PlanPreviewChange(attached.plan, attached.prepaid, effective_at, attached.canceled_at, attached.expires_at)
