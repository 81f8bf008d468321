"""A deduction held under an id, then confirmed, changed or undone.

Taking a lock is an ordinary deduction plus a receipt of its steps. Finalizing brings what was taken to a final value:

=====================================  ======================================================
final value                            what happens
=====================================  ======================================================
the held value (confirm)               nothing moves
less, same sign                        the difference is undone, the last step first
more, same sign                        the difference is deducted as the lock was taken
none (release), or of another sign     everything is undone, then the new value deducted
=====================================  ======================================================

Undoing puts back exactly where it was taken from, rollovers included, and knows no ceiling. A row that has gone since
is skipped and its amount refunded to the rows there are; a row that expired and a loose row that is drained to zero
have gone in this sense. Reads hide a drained loose row, so nothing can find it again: releasing a lock that drained
one loses the amount.

Example: 5 an hour and 10 a month, lock 8 (5 and 3). Confirming 6 gives 2 back to the monthly row.
"""

from __future__ import annotations

from decimal import Decimal

from autumn_mock.domain.amount import ZERO, rounded
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.lock import Lock, Mutation
from autumn_mock.ledger.account import Account, raw_balance, with_balance
from autumn_mock.ledger.allocations import drawn_by
from autumn_mock.ledger.deduction import deduct, take_from_rollover
from autumn_mock.ledger.limits import UsageGate


def held_value(lock: Lock) -> Decimal:
    """What a lock really holds, in tracked units."""
    return rounded(_held(lock))


def _held(lock: Lock) -> Decimal:
    return sum((step.units for step in lock.mutations), ZERO)


def settle(account: Account, lock: Lock, entity: Entity | None, final: Decimal) -> list[Mutation]:
    """Bring what a lock took to ``final`` units; returns the steps, those of undoing first."""
    held = held_value(lock)
    if final == held:
        return []
    same_sign = held != 0 and final != 0 and (held > 0) == (final > 0)
    if same_sign and abs(final) >= abs(held):
        undo, extra = ZERO, final - held
    elif same_sign:
        undo, extra = abs(_held(lock)) - abs(final), ZERO
    else:
        undo, extra = abs(_held(lock)), final
    steps, homeless = _undo(account, lock, undo)
    feature = account.features[lock.feature_id]
    if steps:
        gate = UsageGate(account, account.visible(entity), entity, feature, lock.properties)
        for step in steps:
            if step.units > 0:  # a refund was not counted, so taking it back is not either
                continue
            row = account.rows[step.balance_id]
            gate.count(None if step.rollover_id else row, step.units, step.native)
        gate.store(account)
    if homeless:
        steps += deduct(account, feature, homeless, entity=entity, properties=lock.properties)
    if extra:
        steps += deduct(
            account, feature, extra, entity=entity, behaviour=lock.overage_behavior, properties=lock.properties
        )
    return steps


def _undo(account: Account, lock: Lock, units: Decimal) -> tuple[list[Mutation], Decimal]:
    """Give back ``units`` (a magnitude), the last step first; also what found no row, signed as a refund."""
    steps: list[Mutation] = []
    homeless = ZERO
    live = {row.id for row in account.rows.values() if account.is_live(row)}  # undoing itself may drain a row
    for step in reversed(lock.mutations):
        if units <= 0:
            break
        part = min(abs(step.units), units)
        if part == 0:
            continue
        units -= part
        share = part / abs(step.units)
        back_units = -step.units * share if share != 1 else -step.units
        back_native = rounded(-step.native * share) if share != 1 else -step.native
        row = account.rows.get(step.balance_id)
        rollover = None
        if row is not None and step.rollover_id is not None:
            rollover = next((each for each in row.rollovers if each.id == step.rollover_id), None)
        if row is None or row.id not in live or (step.rollover_id is not None and rollover is None):
            homeless += back_units
            continue
        if rollover is not None:
            account.put(take_from_rollover(row, rollover, step.entity_id, back_native))
        else:
            row = with_balance(row, step.entity_id, raw_balance(row, step.entity_id) - back_native)
            account.put(drawn_by(row, lock.entity_id, back_native) if lock.entity_id in row.drawn else row)
        steps.append(
            Mutation(
                balance_id=row.id,
                rollover_id=step.rollover_id,
                entity_id=step.entity_id,
                units=back_units,
                native=back_native,
            )
        )
    return steps, rounded(homeless)
