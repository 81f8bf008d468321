"""``checkout`` of older clients: what a purchase would cost, and the page where it is paid if it needs one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.payment import Checkout, InvoiceLine
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.attachments import current_plan, is_deferred
from autumn_mock.operations.billing import attach_within
from autumn_mock.operations.call import Call
from autumn_mock.operations.multi_attach import fill, multi_attach_within
from autumn_mock.operations.old_attach import changes_of, opened, request_of, several
from autumn_mock.operations.preview import preview_attach, preview_update
from autumn_mock.payments.forecasts import Forecast
from autumn_mock.wire.requests.older import OldAttach

Scenario = Literal["new", "renew", "upgrade", "downgrade", "active"]


class OldCheckout(Struct, frozen=True, kw_only=True):
    """What a purchase would cost."""

    customer_id: str
    plan: Plan
    scenario: Scenario
    #: The main plan that it replaces or changes.
    current: CustomerPlan | None
    lines: tuple[InvoiceLine, ...]
    #: Units bought in advance, by feature, the included ones not counted.
    prepaid: Mapping[str, Decimal] = {}
    has_prorations: bool = False
    next_cycle: Forecast | None = None
    #: None: it is charged directly by ``attach``, or costs nothing.
    checkout: Checkout | None = None


def checkout(call: Call, params: OldAttach) -> OldCheckout:
    """What attaching plans would cost. Nothing is attached; a page is opened if the payment needs one."""
    with call.write() as transaction:
        customer, wanted = opened(call, transaction, params)
        plan, scope = wanted[0], params.entity_id or None
        current = current_plan(call, customer, plan, scope) if plan.is_main else None
        if len(wanted) > 1:
            request = several(params, wanted)
            basket = fill(call, transaction, request)
            session = None
            if basket.page in ("payment", "subscription"):
                session = multi_attach_within(call, transaction, request).checkout
            return OldCheckout(
                customer_id=params.customer_id,
                plan=plan,
                scenario="new",
                current=current,
                lines=basket.lines,
                checkout=session,
            )
        changes = changes_of(call, customer, plan, params)
        if changes is not None:
            would = preview_update(call, changes)
        else:
            one = request_of(call, plan, params)
            would = preview_attach(call, one)
        session = None
        if changes is None and would.page in ("payment", "subscription"):
            session = attach_within(call, transaction, one).checkout
        incoming = next((each for each in would.incoming if each.plan.id == plan.id), None)
        scenario = _scenario(plan, current)
        return OldCheckout(
            customer_id=params.customer_id,
            plan=plan,
            scenario=scenario,
            current=current,
            lines=would.charges.lines,
            prepaid={} if incoming is None else incoming.prepaid,
            has_prorations=would.charges.subscription is not None and scenario in ("upgrade", "active"),
            next_cycle=would.next_cycle,
            checkout=session,
        )


def _scenario(plan: Plan, current: CustomerPlan | None) -> Scenario:
    if current is None:
        return "new"
    if current.plan_id == plan.id:
        return "renew" if current.canceled_at is not None else "active"
    return "downgrade" if is_deferred(plan, current.plan) else "upgrade"
