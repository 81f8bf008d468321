"""``balances.finalize``: confirm or release what a lock holds."""

from __future__ import annotations

from autumn_mock.domain.amount import ZERO, amount
from autumn_mock.domain.lock import Claim, Lock
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.locks import held_value
from autumn_mock.operations.accounts import store
from autumn_mock.operations.billing.topups import top_up
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.idempotency import MARK_LIFETIME, is_claimed, release
from autumn_mock.operations.lock_release import finish_lock
from autumn_mock.operations.subjects import open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.balances import Finalize


def finalize(call: Call, params: Finalize) -> None:
    """Settle a lock at its final value and delete it.

    Every call marks the id for an hour, also when there is no such lock: a later lock with that id cannot be finalized
    while the mark exists (409). Only a successful finalize removes its mark.
    """
    environment = call.environment
    lock_id = params.lock_id
    mark = f"finalize:{lock_id}"
    with call.write() as transaction:
        lock = _living(call, lock_id)
        if lock is not None and is_claimed(environment, mark, call.now):
            raise invalid_request("Lock receipt not claimable: RESERVATION_ALREADY_PROCESSING", status=409)
        transaction.put(Claim(key=mark, expires_at=call.now + MARK_LIFETIME))
        account = _account_of(call, transaction, lock_id)
        lock = _living(call, lock_id)
        if lock is not None and account is not None:
            override = params.override_value
            released = params.action == "release"
            final = ZERO if released else held_value(lock) if override is None else amount(override)
            call.effects.deductions.extend(finish_lock(call, transaction, account, lock, final, params.properties))
            top_up(call, transaction, account, [account.features[lock.feature_id]])
            store(transaction, account)
            release(environment, transaction, mark)
            return
    raise invalid_request(f"Lock not found for ID: {lock_id}")


def _living(call: Call, lock_id: str) -> Lock | None:
    lock = call.environment.locks.get(lock_id)
    return lock if lock is not None and lock.forgotten_at > call.now else None


def _account_of(call: Call, transaction: Transaction, lock_id: str) -> Account | None:
    """The up-to-date account of a lock. Bringing it up to date may release the lock."""
    lock = call.environment.locks.get(lock_id)
    customer = call.environment.customers.get(lock.customer) if lock is not None else None
    return open_account(call, transaction, customer) if customer is not None else None
