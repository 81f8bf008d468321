"""Locks that have expired: what they hold is returned. Plans are in :mod:`autumn_mock.operations.billing.renewals`.

Applied before a customer is read, and by a sweep, so that answers do not depend on earlier reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.event import Deduction
from autumn_mock.domain.lock import Lock
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.deduction import summarise
from autumn_mock.ledger.locks import held_value, settle
from autumn_mock.ledger.resets import refresh
from autumn_mock.operations.balance_webhooks import queue_webhooks, snapshot_for_webhooks
from autumn_mock.operations.call import Call
from autumn_mock.operations.usage import write_event
from autumn_mock.store.environment import Transaction


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
