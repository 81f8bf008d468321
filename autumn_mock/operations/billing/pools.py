"""Pooled balances: plan items that add their grant to one balance of the customer, instead of having one of their own.

Plans of the customer and of its entities contribute, and the customer and all entities spend it. Contributions that are
renewed alike share a pool: same feature, reset, rollover setting, both unlimited or not, both paid for or not.

=====================  ==========================================================================
a plan                 the pool
=====================  ==========================================================================
begins                 grant and balance rise by its contribution
ends                   grant and balance fall by it; the usage stays, so the balance may be below zero
ends as the last one   is deleted; another plan begins a new one
=====================  ==========================================================================

Example: 500 and 500, of which 700 are used. Without the second plan the grant is 500 and the balance -200.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance, Contribution
from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.operations.call import Call


def contributed(call: Call, attached: CustomerPlan, row: Balance) -> Balance:
    """The pool that a row of a plan goes to, with its contribution: an existing one or a new one."""
    renews = row.reset is not None and row.reset.interval != "one_off"
    contribution = Contribution(
        customer_plan_id=attached.id,
        plan_id=attached.plan_id,
        entity_id=attached.entity_id,
        included=row.included,
        prepaid=row.prepaid,
        is_paid=renews and not attached.plan.is_free,
    )
    fresh = replace(row, customer_plan_id=None, entity_id=None, pool=(contribution,))
    for pool in call.environment.balances.of(attached.customer).values():
        if pool.pool and _kind(pool) == _kind(fresh):
            return _with(pool, (*pool.pool, contribution), row.included, row.prepaid)
    return fresh


def _kind(pool: Balance) -> tuple[object, ...]:
    return pool.feature_id, pool.unlimited, pool.reset, pool.rollover, pool.pool[0].is_paid


def without(pool: Balance, attached: CustomerPlan) -> Balance | None:
    """A pool without the contributions of a plan; None if nothing is left of it."""
    left = tuple(each for each in pool.pool if each.customer_plan_id != attached.id)
    gone = _own(pool, attached)
    included, prepaid = (sum((getattr(each, name) for each in gone), ZERO) for name in ("included", "prepaid"))
    return _with(pool, left, -included, -prepaid) if left else None


def _with(pool: Balance, contributions: tuple[Contribution, ...], included: Decimal, prepaid: Decimal) -> Balance:
    """A pool of these contributions, with more included and bought."""
    plan_ids = {each.plan_id for each in contributions}
    return replace(
        pool,
        pool=contributions,
        plan_id=plan_ids.pop() if len(plan_ids) == 1 else None,
        included=pool.included + included,
        prepaid=pool.prepaid + prepaid,
        next_prepaid=None if pool.next_prepaid is None else pool.next_prepaid + prepaid,
        balance=pool.balance if pool.unlimited else pool.balance + included + prepaid,
    )


def _own(pool: Balance, attached: CustomerPlan) -> list[Contribution]:
    return [each for each in pool.pool if each.customer_plan_id == attached.id]


# -- units that are bought in advance, in a pool or in a row of a plan


def is_bought(row: Balance, attached: CustomerPlan) -> bool:
    """Whether a plan buys units of a row in advance."""
    if not row.pool:
        return row.price is not None and row.price.is_prepaid
    return any(item.is_prepaid and item.pooled and item.feature_id == row.feature_id for item in attached.plan.items)


def bought_by(row: Balance, attached: CustomerPlan) -> Decimal:
    """The units of a row that a plan has bought."""
    return sum((each.prepaid for each in _own(row, attached)), ZERO) if row.pool else row.prepaid


def grown(row: Balance, attached: CustomerPlan, more: Decimal, *, later: bool = False) -> Balance:
    """A row with more units bought by a plan (fewer, when negative); what was used stays used.

    ``later``: fewer from the next reset on.
    """
    if row.pool:
        ending = ZERO if row.next_prepaid is None else row.prepaid - row.next_prepaid
        change = max(more - ending, ZERO) if more > 0 else ZERO if later else more
        pool = _with(row, tuple(_raised(row.pool, attached, more)), ZERO, change)
        following = row.prepaid - ending + more
        return replace(pool, next_prepaid=None if following == pool.prepaid else following)
    if later:
        return replace(row, next_prepaid=row.prepaid + more)
    shares = {name: replace(share, balance=share.balance + more) for name, share in row.shares.items()}
    balance = row.balance if row.is_per_entity else row.balance + more
    return replace(row, prepaid=row.prepaid + more, next_prepaid=None, balance=balance, shares=shares)


def _raised(pool: Iterable[Contribution], attached: CustomerPlan, more: Decimal) -> Iterable[Contribution]:
    """Contributions with more bought in the last one of a plan."""
    contributions = list(pool)
    for index in reversed(range(len(contributions))):
        each = contributions[index]
        if each.customer_plan_id == attached.id:
            contributions[index] = replace(each, prepaid=each.prepaid + more)
            break
    return contributions
