"""What becomes due for a customer with time: expiry of locks, end and begin of plans.

Applied before a customer is read, and by a sweep, so that answers do not depend on earlier reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.event import Deduction
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.lock import Lock
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.deduction import summarise
from autumn_mock.ledger.locks import held_value, settle
from autumn_mock.ledger.resets import refresh
from autumn_mock.operations.accounts import load_account, store
from autumn_mock.operations.attachments import fallback
from autumn_mock.operations.call import Call
from autumn_mock.operations.carry import carry
from autumn_mock.operations.grants import begin, grant, withdraw
from autumn_mock.operations.limit_webhooks import queue_webhooks, snapshot_for_webhooks
from autumn_mock.operations.usage import write_event
from autumn_mock.store.environment import Transaction


def changes_at(attached: CustomerPlan) -> int | None:
    """When an attached plan begins, ends, or ends its trial next (ms)."""
    if attached.status == "scheduled":
        return attached.started_at
    if attached.trial_ends_at is None:
        return attached.expires_at
    return attached.trial_ends_at if attached.expires_at is None else min(attached.trial_ends_at, attached.expires_at)


def apply_plan_changes(call: Call, transaction: Transaction, customer: Customer) -> None:
    """Begin and end plans that are due, in the order of time, each as of its own time; settle payments before."""
    environment = call.environment
    if len(environment.checkouts) or len(environment.invoices):
        from autumn_mock.operations.settlement import settle_due  # it makes changes that need this module

        settle_due(call, transaction, customer)
    plans = call.environment.customer_plans.of(customer.internal_id)
    while plans:
        at = min((at for each in plans.values() if (at := changes_at(each)) is not None), default=None)
        if at is None or at > call.now:
            return
        transaction.describe_plans(call.now)  # what the call itself has changed so far
        _change(replace(call, now=at), transaction, customer, list(plans.values()))
        transaction.describe_plans(at, by_time=True)
        plans = call.environment.customer_plans.of(customer.internal_id)


def _change(call: Call, transaction: Transaction, customer: Customer, plans: list[CustomerPlan]) -> None:
    """Begin and end what is due at the time of the call."""
    account = load_account(call, customer)
    refresh(account, new_id)
    store(transaction, account)
    ended: list[CustomerPlan] = []
    rows: dict[tuple[str, str | None], list[Balance]] = {}
    for attached in plans:
        if attached.status != "active":
            continue
        trial_is_over = attached.trial_ends_at is not None and attached.trial_ends_at <= call.now
        if _has_ended(attached, call.now, trial_is_over=trial_is_over):
            ended.append(attached)
            withdrawn = withdraw(call, transaction, attached)
            if attached.plan.is_main:
                rows.setdefault(attached.scope, []).extend(withdrawn)
        elif trial_is_over:
            transaction.put(replace(attached, trial_ends_at=None))
    for attached in plans:
        if attached.status == "scheduled" and attached.started_at <= call.now:
            begun = replace(attached, status="active")
            transaction.put(begun)
            granted = grant(call, transaction, begun)
            old = rows.get(attached.scope, []) if attached.plan.is_main else []
            carry(call, transaction, customer, old, granted, _nothing, _nothing)
    for attached in ended:
        plan = fallback(call, attached)
        if plan is not None:
            begin(call, transaction, customer, plan, trial_ends_at=None)


def _has_ended(attached: CustomerPlan, now: int, *, trial_is_over: bool) -> bool:
    """Whether a plan is over; the trial of a free plan, or one that needed no card, ends its plan."""
    if attached.expires_at is not None and attached.expires_at <= now:
        return True
    trial = attached.plan.free_trial
    return trial_is_over and (attached.plan.is_free or (trial is not None and not trial.card_required))


def _nothing(_: Feature) -> bool:
    return False


def release_expired_locks(call: Call, transaction: Transaction, account: Account) -> None:
    """Release the expired locks of a customer; delete receipts that were never finalized."""
    locks = list(call.environment.locks.of(account.customer.internal_id).values())
    for lock in sorted(locks, key=lambda each: each.releases_at or 0):
        if lock.releases_at is not None and lock.releases_at <= call.now:
            account.now = lock.releases_at  # an earlier reset is applied first
            refresh(account, new_id)
            finish_lock(call, transaction, account, lock, ZERO, None)
            account.now = call.now
            account.spending_order.clear()  # rows of that order may have expired since
        elif lock.forgotten_at <= call.now:
            transaction.delete(lock)


def finish_lock(
    call: Call,
    transaction: Transaction,
    account: Account,
    lock: Lock,
    final: Decimal,
    properties: Mapping[str, Any] | None,
) -> tuple[Deduction, ...]:
    """Settle a lock at its final value, write the event of the difference, delete the receipt."""
    transaction.delete(lock)
    entity = account.entities.get(lock.entity_id) if lock.entity_id is not None else None
    held = held_value(lock)
    before = snapshot_for_webhooks(transaction, account)
    deductions = summarise(account, settle(account, lock, entity, final))
    queue_webhooks(transaction, before, account, entity, lock.properties)
    if final != held and not lock.skip_event:
        shown = properties if properties is not None else lock.properties
        write_event(transaction, account, entity, lock.feature_id, final - held, deductions, shown, call.now)
    return deductions
