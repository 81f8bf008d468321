"""Work that maintenance does: what is due by time, and the limit on events."""

from __future__ import annotations

from itertools import islice

from autumn_mock.domain.message import ItemCounters
from autumn_mock.operations.billing.due_changes import next_change
from autumn_mock.operations.call import Call
from autumn_mock.operations.subjects import open_account
from autumn_mock.store.environment import Environment


def sweep(call: Call) -> int:
    """Apply all resets, changes of plans and lock releases that are due, and delete expired idempotency keys.

    Returns the number of customers concerned. The environment's lock is released between two customers.
    """
    environment = call.environment
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


#: How many events are deleted in one transaction.
_BATCH_SIZE = 5000


def drop_oldest_events(environment: Environment, most: int) -> int:
    """Delete the events that were recorded first, so that at most ``most`` remain; returns how many were deleted."""
    dropped = 0
    while (excess := len(environment.events) - most) > 0:
        with environment.write() as transaction:
            oldest = list(islice(environment.events, min(excess, _BATCH_SIZE)))
            transaction.delete_all(oldest)
            transaction.count(ItemCounters(forgotten=len(oldest)))
        dropped += len(oldest)
    return dropped


def _due(environment: Environment, now: int) -> set[str]:
    """The internal ids of the customers for whom something is due at ``now`` (ms)."""
    due = {row.customer for row in environment.balances if row.next_reset_at is not None and row.next_reset_at < now}
    tables = (environment.customer_plans, environment.checkouts, environment.invoices)
    for owner in {record.customer for table in tables for record in table} - due:
        at = next_change(environment, owner)
        if at is not None and at <= now:
            due.add(owner)
    for lock in environment.locks:
        if lock.forgotten_at <= now or (lock.releases_at is not None and lock.releases_at <= now):
            due.add(lock.customer)
    return due
