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
    if decided.current is None:
        return Preview(incoming=(PlanPreviewChange(decided.plan, decided.prepaid),))
    if not decided.is_deferred:
        return Preview(
            incoming=(PlanPreviewChange(decided.plan, decided.prepaid),), outgoing=(_change(decided.current),)
        )
    turn = attachments.next_turn(call)
    current = decided.current
    leaving = PlanPreviewChange(current.plan, current.prepaid, turn, canceled_at=call.now, expires_at=turn)
    return Preview(incoming=(PlanPreviewChange(decided.plan, decided.prepaid, turn),), outgoing=(leaving,))


def preview_update(call: Call, params: BillingUpdate) -> Preview:
    """What changing or cancelling a plan would do."""
    customer = _customer(call, params.customer_id)
    scope = params.entity_id or None
    current = attachments.find_attached(call, customer, scope, params)
    action = params.cancel_action
    if action == "cancel_immediately":
        coming = tuple(PlanPreviewChange(plan, {}) for plan in attachments.fallbacks(call, current))
        return Preview(coming, (_change(current),), "cancel_immediately")
    if action == "cancel_end_of_cycle":
        ending = attachments.ending(call, current)
        return Preview((), (_change(ending, ending.expires_at),), "cancel_end_of_cycle")
    if action == "uncancel":
        dropped = attachments.scheduled(call, customer, current.plan, scope)
        leaving = tuple(_change(each, each.started_at) for each in dropped)
        return Preview((PlanPreviewChange(current.plan, current.prepaid),), leaving, "uncancel")
    revised = attachments.revised(call, current, params)
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
