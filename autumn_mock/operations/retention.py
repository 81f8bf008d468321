"""What time has brought about, done without waiting for somebody to look."""

from __future__ import annotations

from itertools import islice

from autumn_mock.domain.books import Books
from autumn_mock.domain.version import Version
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import open_account
from autumn_mock.store.environment import Environment


def sweep(environment: Environment) -> int:
    """Reset, begin, end and release all that is due, and forget idempotency keys that are over.

    Returns how many customers something was done for. The lock is taken for each of them anew.
    """
    call = Call(environment, Version.NEWEST, environment.clock.now())
    with environment.write() as transaction:
        for claim in [each for each in environment.claims if each.expires_at <= call.now]:
            transaction.delete(claim)
        due = _due(environment, call.now)
    for owner in due:
        with environment.write() as transaction:
            customer = environment.customers.get(owner)
            if customer is not None:
                open_account(call, transaction, customer)
    return len(due)


#: Events that are dropped under one lock.
_BATCH_SIZE = 5000


def drop_oldest_events(environment: Environment, most: int) -> int:
    """Forget the events that came first, so that no more than ``most`` are left; says how many that were."""
    dropped = 0
    while (excess := len(environment.events) - most) > 0:
        with environment.write() as transaction:
            oldest = list(islice(environment.events, min(excess, _BATCH_SIZE)))
            transaction.delete_all(oldest)
            transaction.book(Books(forgotten=len(oldest)))
        dropped += len(oldest)
    return dropped


def _due(environment: Environment, now: int) -> set[str]:
    """The customers for whom something is due."""
    due = {row.customer for row in environment.balances if row.next_reset_at is not None and row.next_reset_at < now}
    for attached in environment.customer_plans:
        turns = attached.started_at if attached.status == "scheduled" else attached.expires_at
        if turns is not None and turns <= now:
            due.add(attached.customer)
    for lock in environment.locks:
        if lock.forgotten_at <= now or (lock.releases_at is not None and lock.releases_at <= now):
            due.add(lock.customer)
    return due
