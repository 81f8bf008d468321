"""``billing.preview_attach`` and ``billing.preview_update``: the plans that would start and end. Nothing is changed.

Nothing would be charged, as the emulator takes no payments. A preview refuses what the call itself would refuse.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.operations import attachments
from autumn_mock.operations.billing_rules import refuse_attach, refuse_update
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import get_customer, get_entity, open_account
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate

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
    """What would start and end; ``intent`` is the kind of an update."""

    incoming: tuple[PlanPreviewChange, ...] = ()
    outgoing: tuple[PlanPreviewChange, ...] = ()
    intent: Intent = "none"


def preview_attach(call: Call, params: BillingAttach) -> Preview:
    """What attaching a plan would do."""
    customer = _customer(call, params.customer_id)
    scope = params.entity_id or None
    if scope is not None and params.entity_data is None:
        scope = get_entity(call.environment, customer, scope).id
    decided = attachments.decide(call, customer, scope, params)
    refuse_attach(call, customer, params, decided)
    begins = PlanPreviewChange(decided.plan, decided.prepaid, decided.starts_at if decided.is_deferred else None)
    leaving = [_change(each) for each in decided.removed]
    current, turn = decided.current, decided.starts_at
    if current is not None and decided.is_deferred:
        leaving.append(PlanPreviewChange(current.plan, current.prepaid, turn, canceled_at=call.now, expires_at=turn))
    elif current is not None:
        leaving.append(_change(current))
    return Preview((begins,), tuple(leaving))


def preview_update(call: Call, params: BillingUpdate) -> Preview:
    """What changing or cancelling a plan would do."""
    customer = _customer(call, params.customer_id)
    scope = params.entity_id or None
    current = attachments.find_attached(call, customer, scope, params)
    action = params.cancel_action
    ends = action in ("cancel_immediately", "cancel_end_of_cycle")
    revised = None if ends else attachments.revised(call, current, params)
    refuse_update(call, params, current, revised)
    if revised is None:
        at_end = action == "cancel_end_of_cycle" and current.status == "active"
        ending = attachments.ending(call, current) if at_end else current
        following = attachments.fallback(call, current) if current.status == "active" else None
        turn = ending.expires_at if at_end else None
        coming = () if following is None else (PlanPreviewChange(following, {}, turn),)
        return Preview(coming, (_change(ending, turn),), "cancel_end_of_cycle" if at_end else "cancel_immediately")
    if action == "uncancel":
        dropped = attachments.scheduled(call, customer, current.plan, scope)
        leaving = tuple(_change(each, each.started_at) for each in dropped)
        return Preview((PlanPreviewChange(current.plan, current.prepaid),), leaving, "uncancel")
    if revised == current:
        return Preview()
    intent: Intent = "update_plan" if revised.plan != current.plan else "update_quantity"
    return Preview((_change(revised),), (_change(current),), intent)


def _customer(call: Call, customer_id: str) -> Customer:
    """The customer, after everything that was due has been applied."""
    with call.write() as transaction:
        customer = get_customer(call.environment, customer_id)
        open_account(call, transaction, customer)
        return customer


def _change(attached: CustomerPlan, effective_at: int | None = None) -> PlanPreviewChange:
    return PlanPreviewChange(attached.plan, attached.prepaid, effective_at, attached.canceled_at, attached.expires_at)
