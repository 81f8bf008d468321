"""``checkout`` and ``attach/preview`` of older clients: what a purchase would cost, and by which of their branches it
would be made. ``checkout`` opens the page where it is paid if it needs one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.payment import Checkout, InvoiceLine
from autumn_mock.domain.plan import FreeTrial, Plan
from autumn_mock.operations.billing.attach import attach_within
from autumn_mock.operations.billing.attachments import current_plan, is_deferred
from autumn_mock.operations.billing.multi_attach import multi_attach_within
from autumn_mock.operations.billing.old_attach import changes_of, opened, request_of, several
from autumn_mock.operations.billing.preview import Previewed, preview_attach, preview_multi_attach, preview_update
from autumn_mock.operations.call import Call
from autumn_mock.payments.forecasts import Forecast
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingUpdate
from autumn_mock.wire.requests.older import OldAttach

Scenario = Literal["new", "renew", "upgrade", "downgrade", "active"]

Branch = Literal[
    "one_off",
    "multi_product",
    "new_version",
    "same_custom",
    "update_prepaid_quantity",
    "renew",
    "add_on",
    "main_is_free",
    "main_is_trial",
    "upgrade",
    "downgrade",
    "new",
]
"""How ``attach`` would go about it."""

#: The pages of the payment provider.
_PROVIDER = ("payment", "subscription")


class OldCheckout(Struct, frozen=True, kw_only=True):
    """What a purchase would cost."""

    customer_id: str
    plan: Plan
    scenario: Scenario
    branch: Branch
    #: The main plan that it replaces or changes.
    current: CustomerPlan | None
    lines: tuple[InvoiceLine, ...]
    #: Units bought in advance, by feature, the included ones not counted.
    prepaid: Mapping[str, Decimal] = {}
    has_prorations: bool = False
    #: The trial that it would begin with.
    free_trial: FreeTrial | None = None
    next_cycle: Forecast | None = None
    #: None: it is charged directly by ``attach``, or costs nothing.
    checkout: Checkout | None = None


def checkout(call: Call, params: OldAttach) -> OldCheckout:
    """What attaching plans would cost. Nothing is attached; a page is opened if the payment needs one."""
    with call.write() as transaction:
        return _asked(call, transaction, params, opens=True)


def preview(call: Call, params: OldAttach) -> OldCheckout:
    """What attaching plans would cost. Nothing is changed, and no page is opened."""
    found: list[OldCheckout] = []
    with suppress(Previewed), call.write() as transaction:
        found.append(_asked(call, transaction, params, opens=False))
        raise Previewed
    return found[0]


def _asked(call: Call, transaction: Transaction, params: OldAttach, *, opens: bool) -> OldCheckout:
    customer, wanted = opened(call, transaction, params)
    plan, entity_id = wanted[0], params.entity_id or None
    current = current_plan(call, customer, plan, entity_id) if plan.is_main else None
    changes = changes_of(call, customer, plan, params) if len(wanted) == 1 else None
    outcome = None
    if len(wanted) > 1:
        basket = several(params, wanted)
        would = preview_multi_attach(call, basket)
        if opens and would.page in _PROVIDER:
            outcome = multi_attach_within(call, transaction, basket)
    elif changes is not None:
        would = preview_update(call, changes)
    else:
        one = request_of(call, plan, params)
        would = preview_attach(call, one)
        if opens and would.page in _PROVIDER:
            outcome = attach_within(call, transaction, one)
    incoming = next((each for each in would.incoming if each.plan.id == plan.id), None)
    scenario: Scenario = "new" if len(wanted) > 1 else _scenario(plan, current)
    return OldCheckout(
        customer_id=params.customer_id,
        plan=plan,
        scenario=scenario,
        branch=_branch(wanted, current, changes),
        current=current,
        lines=would.charges.lines,
        prepaid={} if incoming is None else incoming.prepaid,
        has_prorations=would.charges.subscription is not None and scenario in ("upgrade", "active"),
        free_trial=None if incoming is None else incoming.plan.free_trial,
        next_cycle=would.next_cycle,
        checkout=None if outcome is None else outcome.checkout,
    )


def _branch(wanted: list[Plan], current: CustomerPlan | None, changes: BillingUpdate | None) -> Branch:
    """The first that applies."""
    plan = wanted[0]
    if all(each.is_one_off and not each.is_free for each in wanted):
        return "one_off"
    if len(wanted) > 1:
        return "multi_product"
    if changes is not None:
        return _branch_of_same(changes)
    if plan.add_on:
        return "add_on"
    if current is None:
        return "new"
    if current.plan.is_free:
        return "main_is_free"
    if is_deferred(plan, current.plan):
        return "downgrade"
    return "upgrade" if current.trial_ends_at is None else "main_is_trial"


def _branch_of_same(changes: BillingUpdate) -> Branch:
    if changes.version is not None:
        return "new_version"
    if changes.customize is not None:
        return "same_custom"
    return "renew" if changes.cancel_action is not None else "update_prepaid_quantity"


def _scenario(plan: Plan, current: CustomerPlan | None) -> Scenario:
    if current is None:
        return "new"
    if current.plan_id == plan.id:
        return "renew" if current.canceled_at is not None else "active"
    return "downgrade" if is_deferred(plan, current.plan) else "upgrade"
