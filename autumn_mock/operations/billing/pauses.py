"""Plans that wait while a trial with ``on_end: revert`` runs, and go on with their balances when it ends."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from autumn_mock.domain.balance import Balance, EntityShare
from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.operations.billing.grants import close
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction


def pause(call: Call, transaction: Transaction, attached: CustomerPlan) -> list[Balance]:
    """Take a plan and its rows from a customer, to be given back; returns the rows whose usage goes along to the
    trial: those of seats."""
    rows = close(call, transaction, attached, ended_at=None)
    return [row for row in rows if call.feature(row.feature_id).is_allocated]


def resume(call: Call, transaction: Transaction, plan_id: str) -> None:
    """Give a paused plan and its rows back, by its id. Entities that were created and deleted since are counted."""
    closed = call.environment.closed_plans.get(plan_id)
    assert closed is not None  # it is deleted with its customer only
    transaction.delete(closed)
    attached = closed.attached
    if attached.paused is not None and call.environment.closed_plans.get(attached.paused) is None:
        attached = replace(attached, paused=None)  # in an edited file two plans may pause each other
    transaction.put(attached)
    subscription = call.environment.subscriptions.get(closed.attached.billed_by or "")
    if subscription is not None:  # a renewal that was due meanwhile is left out
        transaction.put(replace(subscription, billed_until=max(subscription.billed_until, call.now)))
    entities = list(call.environment.entities.of(closed.customer).values())
    seats = Counter(entity.feature_id for entity in entities)
    for row in closed.rows:
        kept = row
        if row.is_per_entity:
            shares = {
                entity.id: row.shares.get(entity.id, EntityShare(balance=row.grant))
                for entity in entities
                if entity.feature_id == row.entity_feature_id
            }
            kept = replace(row, shares=shares)
        elif _counts_seats(call, row) and seats[row.feature_id]:
            kept = replace(row, balance=row.grant - seats.pop(row.feature_id))
        transaction.put(kept)


def give_up(call: Call, transaction: Transaction, plan_id: str) -> None:
    """End a paused plan, by its id: another one has replaced the trial."""
    closed = call.environment.closed_plans.get(plan_id)
    if closed is not None:
        transaction.put(replace(closed, ended_at=call.now))


def _counts_seats(call: Call, row: Balance) -> bool:
    return row.entity_id is None and not row.unlimited and call.feature(row.feature_id).is_allocated
