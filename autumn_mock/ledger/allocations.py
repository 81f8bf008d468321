"""Shared credits that a customer holds for entities.

``balance_allocations`` select shared rows by feature and reset interval and name an amount for each entity. If the rows
grant less than all amounts together, the shares are scaled down in proportion; several rows divide a share by their
grants. What an entity takes comes from its share first. What is left of the shares of others it cannot take; what
is not held, any entity may. A call without an entity can take only that. A share is renewed when its row is.

Example: 100 a month, 30 held for ``e1`` and 50 for ``e2``. ``e1`` can take 50: its share, and the 20 that is not held.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ONE, ZERO
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.controls import BalanceAllocation
from autumn_mock.domain.customer import Entity
from autumn_mock.ledger.account import Account, ceiling


class Share(Struct, frozen=True):
    """An entity's part of a row: what it was given, and what is left of that."""

    amount: Decimal
    held: Decimal


def allocates(account: Account) -> bool:
    """Whether the customer holds anything for entities; mostly not."""
    return bool(account.customer.billing_controls.balance_allocations)


def shares_of(account: Account, row: Balance) -> dict[str, Share]:
    """The shares of a row by entity; none of a row that is not allocated."""
    for allocation in account.customer.billing_controls.balance_allocations or ():
        if _selects(account, allocation, row):
            return _shares(account, allocation, row)
    return {}


def _selects(account: Account, allocation: BalanceAllocation, row: Balance) -> bool:
    return (
        row.feature_id == allocation.feature_id
        and row.reset is not None
        and row.reset.interval == allocation.interval
        and not row.is_entity_level
        and not row.unlimited
        and not account.is_expired(row)
    )


def _shares(account: Account, allocation: BalanceAllocation, row: Balance) -> dict[str, Share]:
    wanted = {each.entity_id: each.amount for each in allocation.allocations if each.entity_id in account.entities}
    requested = sum(wanted.values(), ZERO)
    granted = sum((ceiling(each, None) for each in account.rows.values() if _selects(account, allocation, each)), ZERO)
    if not requested or granted <= 0:
        return {}
    part = min(granted / requested, ONE) * ceiling(row, None) / granted
    amounts = {entity_id: amount * part for entity_id, amount in wanted.items() if amount}
    left = {entity_id: max(amount - row.drawn.get(entity_id, ZERO), ZERO) for entity_id, amount in amounts.items()}
    held, balance = sum(left.values(), ZERO), max(row.balance, ZERO)
    scale = ONE if held <= balance else balance / held
    return {entity_id: Share(amount, left[entity_id] * scale) for entity_id, amount in amounts.items()}


def available(account: Account, row: Balance, entity: Entity | None) -> Decimal:
    """What a call may take of a row above zero."""
    shares = shares_of(account, row)
    kept = sum((each.held for entity_id, each in shares.items() if entity is None or entity_id != entity.id), ZERO)
    return max(row.balance - kept, ZERO)


def drawn_by(row: Balance, entity_id: str, native: Decimal) -> Balance:
    """The row after an entity took so much of it, or got it back when negative."""
    return replace(row, drawn={**row.drawn, entity_id: max(row.drawn.get(entity_id, ZERO) + native, ZERO)})
