"""``billing.attach`` and ``billing.update``: attaching, changing and cancelling plans, without payments.

Of the main plans of one group a customer is on one. Attaching a dearer one replaces it at once; a cheaper one is
scheduled for a month later, when the current one ends. Add-ons and one-off purchases are independent of it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Customer, CustomerPlan, Entity
from autumn_mock.domain.plan import Plan, Reset
from autumn_mock.ids import new_id
from autumn_mock.operations.attachments import (
    attached_plans,
    current_plan,
    decide,
    ending,
    fallbacks,
    find_attached,
    is_deferred,
    next_turn,
    revised,
    scheduled,
)
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import begin, get_or_create_entity
from autumn_mock.operations.grants import grant, rows_of, withdraw
from autumn_mock.operations.subjects import get_customer, get_entity, open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate, CarryOver


def attach(call: Call, params: BillingAttach) -> None:
    """Attach a plan to a customer (or an entity)."""
    environment = call.environment
    with call.write() as transaction:
        customer = get_customer(environment, params.customer_id)
        entity = _entity(call, transaction, customer, params)
        open_account(call, transaction, customer)
        scope = entity.id if entity is not None else None
        decided = decide(call, customer, scope, params)
        plan, prepaid, current = decided.plan, decided.prepaid, decided.current
        if current is None:
            begin(call, transaction, customer, plan, entity_id=scope, prepaid=prepaid)
            return
        _drop_scheduled(call, transaction, customer, plan, scope)
        if decided.is_deferred:
            _schedule(call, transaction, current, plan, prepaid)
        else:
            _switch(call, transaction, customer, current, plan, prepaid, params)


def _entity(call: Call, transaction: Transaction, customer: Customer, params: BillingAttach) -> Entity | None:
    if not params.entity_id:
        return None
    if params.entity_data is not None:
        return get_or_create_entity(call, transaction, customer, params.entity_id, params.entity_data)
    return get_entity(call.environment, customer, params.entity_id)


def _drop_scheduled(call: Call, transaction: Transaction, customer: Customer, plan: Plan, scope: str | None) -> None:
    for each in scheduled(call, customer, plan, scope):
        transaction.delete(each)


def _schedule(
    call: Call, transaction: Transaction, current: CustomerPlan, plan: Plan, prepaid: dict[str, Decimal]
) -> None:
    turn = next_turn(call)
    transaction.put(replace(current, canceled_at=call.now, expires_at=turn))
    transaction.put(
        CustomerPlan(
            id=new_id("cus_prod"),
            customer=current.customer,
            plan=plan,
            created_at=call.now,
            started_at=turn,
            status="scheduled",
            entity_id=current.entity_id,
            prepaid=prepaid,
        )
    )


def _switch(
    call: Call,
    transaction: Transaction,
    customer: Customer,
    current: CustomerPlan,
    plan: Plan,
    prepaid: dict[str, Decimal],
    params: BillingAttach,
) -> None:
    """Replace a plan now. Rollovers are carried over; usage and remaining balances if the request says so."""
    old_rows = withdraw(call, transaction, current)
    attached = begin(call, transaction, customer, plan, entity_id=current.entity_id, prepaid=prepaid)
    usages = {row.id for row in _carried(params.carry_over_usages, old_rows)}
    carried = _carried(params.carry_over_balances, old_rows)
    for row in rows_of(call, attached):
        old = _counterpart(row, old_rows)
        if old is None:
            continue
        used = old.grant + old.adjustment - old.balance if old.id in usages and not old.is_per_entity else ZERO
        if old.rollovers or used:
            transaction.put(replace(row, rollovers=old.rollovers, balance=row.balance - used))
    for old in carried:
        if old.balance > 0:
            transaction.put(_leftover(call, old))


def _counterpart(row: Balance, old_rows: list[Balance]) -> Balance | None:
    """The old row that a new one continues, removed from ``old_rows``: same feature, if possible billed alike."""
    same = [each for each in old_rows if each.feature_id == row.feature_id]
    found = next((each for each in same if each.usage_allowed == row.usage_allowed), next(iter(same), None))
    if found is not None:
        old_rows.remove(found)
    return found


def _carried(setting: CarryOver | None, rows: list[Balance]) -> list[Balance]:
    """The rows that a carry-over setting applies to."""
    if setting is None or not setting.enabled:
        return []
    wanted = setting.feature_ids
    return [row for row in rows if not wanted or row.feature_id in wanted]


def _leftover(call: Call, old: Balance) -> Balance:
    """What was left on a plan, as a loose balance until the old period would have ended."""
    return Balance(
        id=new_id("cus_ent"),
        customer=old.customer,
        entity_id=old.entity_id,
        feature_id=old.feature_id,
        created_at=call.now,
        balance=old.balance,
        included=old.balance,
        reset=Reset(interval="one_off"),
        expires_at=old.next_reset_at,
    )


#: What attaching a plan would be; ``none``: it is attached already.
AttachAction = Literal["activate", "upgrade", "downgrade", "purchase", "none"]


class Eligibility(Struct, frozen=True):
    """What attaching a plan would do for a customer."""

    attach_action: AttachAction
    attached: CustomerPlan | None
    #: None for a plan without a trial.
    trial_available: bool | None


def eligibility(call: Call, customer: Customer, scope: str | None, plan: Plan) -> Eligibility:
    """What attaching a plan to a customer (or an entity, by its id) would do."""
    attached = next((each for each in attached_plans(call, customer, scope) if each.plan_id == plan.id), None)
    action: AttachAction = "activate"
    if plan.is_one_off:
        action = "purchase"
    elif not plan.add_on:
        current = current_plan(call, customer, plan, scope)
        if attached is not None:
            action = "none"
        elif current is not None and is_deferred(plan, current.plan):
            action = "downgrade"
        elif current is not None and not plan.is_free:
            action = "upgrade"
    trial = None if plan.free_trial is None else attached is None and action != "downgrade"
    return Eligibility(action, attached, trial)


def update(call: Call, params: BillingUpdate) -> None:
    """Change an attached plan (quantities, items, version), cancel it, or undo a cancellation."""
    environment = call.environment
    with call.write() as transaction:
        customer = get_customer(environment, params.customer_id)
        open_account(call, transaction, customer)
        scope = params.entity_id or None
        current = find_attached(call, customer, scope, params)
        action = params.cancel_action
        if action == "cancel_immediately":
            _cancel_now(call, transaction, customer, current)
        elif action == "cancel_end_of_cycle":
            transaction.put(ending(call, current))
        elif action == "uncancel":
            _drop_scheduled(call, transaction, customer, current.plan, scope)
            transaction.put(replace(current, canceled_at=None, expires_at=None))
        else:
            _revise(call, transaction, current, params)


def _cancel_now(call: Call, transaction: Transaction, customer: Customer, current: CustomerPlan) -> None:
    """End a plan now; its group falls back to its auto-enabled plan."""
    withdraw(call, transaction, current)
    if current.plan.add_on:
        return
    _drop_scheduled(call, transaction, customer, current.plan, current.entity_id)
    for plan in fallbacks(call, current):
        begin(call, transaction, customer, plan)


def _revise(call: Call, transaction: Transaction, current: CustomerPlan, params: BillingUpdate) -> None:
    """Change the items, quantities or version of an attached plan; usage is kept."""
    new = revised(call, current, params)
    old_rows = rows_of(call, current)
    for row in old_rows:
        transaction.delete(row)
    transaction.put(new)
    for row in grant(call, transaction, new):
        old = _counterpart(row, old_rows)
        if old is None:
            continue
        used = old.grant + old.adjustment - old.balance
        transaction.put(
            replace(
                row,
                id=old.id,
                created_at=old.created_at,
                balance=row.balance if row.is_per_entity or row.unlimited else row.balance - used,
                next_reset_at=old.next_reset_at if old.reset == row.reset else row.next_reset_at,
                rollovers=old.rollovers,
                shares=old.shares or row.shares,
            )
        )
        transaction.delete(row)
