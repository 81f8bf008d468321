"""A new period: the grant is renewed, and what was left may roll over.

A row is overdue once its ``next_reset_at`` has passed. It is then renewed once, however many periods have passed:

- its balance is the grant again; usage, debt and edits of the old period are forgotten
- its next reset is the first whole period after the present, counted from the old one; a one-off balance, which only
  an edit can make overdue, has none
- with a rollover setting, what was left above zero is kept beside the new grant until it expires, counted from the
  moment of the old reset; together the rollovers hold at most the setting's maximum, cut from the soonest to expire

Example: 100 a month, rollover at most 50 for a month. 30 used by the reset: the new period has 100 and a rollover of
50 (of the 70 left), which goes at the next reset.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance, EntityShare, Rollover
from autumn_mock.domain.plan import RolloverConfig
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.intervals import add_months, next_boundary

NewId = Callable[[str], str]


def refresh(account: Account, new_id: NewId) -> None:
    """Renew every overdue row of an account and remove expired rollovers; ``new_id`` makes the id of a new rollover
    from its prefix."""
    now = account.now
    for row in list(account.rows.values()):
        fresh = row
        if fresh.next_reset_at is not None and fresh.next_reset_at < now and fresh.reset is not None:
            fresh = renewed(fresh, now, new_id, keep_debt=account.config.persist_free_overage)
        if any(each.expires_at is not None and each.expires_at <= now for each in fresh.rollovers):
            live = tuple(each for each in fresh.rollovers if each.expires_at is None or each.expires_at > now)
            fresh = replace(fresh, rollovers=live)
        if fresh is not row:
            account.put(fresh)


def renewed(row: Balance, now: int, new_id: NewId, *, keep_debt: bool) -> Balance:
    """An overdue row in its new period; ``keep_debt``: what it was overdrawn by is taken off."""
    assert row.reset is not None
    assert row.next_reset_at is not None
    rollovers = row.rollovers
    if row.rollover is not None:
        rollovers = _rolled_over(row, row.rollover, new_id)
    grant = row.included + (row.prepaid if row.next_prepaid is None else row.next_prepaid)

    def start(old: Decimal) -> Decimal:
        return grant + min(old, ZERO) if keep_debt else grant

    return replace(
        row,
        prepaid=grant - row.included,
        next_prepaid=None,
        balance=row.balance if row.is_per_entity else start(row.balance),
        adjustment=ZERO,
        shares={name: EntityShare(balance=start(share.balance)) for name, share in row.shares.items()},
        drawn={},
        rollovers=rollovers,
        next_reset_at=None if row.reset.interval == "one_off" else next_boundary(row.reset, row.next_reset_at, now),
    )


def _rolled_over(row: Balance, config: RolloverConfig, new_id: NewId) -> tuple[Rollover, ...]:
    """The row's rollovers with what is left of the ending period, cut to the maximum."""
    leftover = max(row.balance, ZERO)
    shares = {name: (max(share.balance, ZERO), ZERO) for name, share in row.shares.items()}
    if leftover == 0 and not any(balance for balance, _ in shares.values()):
        return row.rollovers
    expires_at = None
    if config.expiry_duration_type != "forever":
        assert row.next_reset_at is not None
        expires_at = add_months(row.next_reset_at, config.expiry_duration_length or 1)
    fresh = Rollover(id=new_id("roll"), balance=leftover, expires_at=expires_at, shares=shares)
    return cut_rollovers((*row.rollovers, fresh), maximum(row, config))


def maximum(row: Balance, config: RolloverConfig) -> Decimal | None:
    """How much all rollovers of a row (for each entity) may hold together; None: any amount."""
    if config.max is not None:
        return config.max
    if config.max_percentage is not None:
        return (row.grant * config.max_percentage / 100).to_integral_value(ROUND_FLOOR)
    return None


def cut_rollovers(rollovers: tuple[Rollover, ...], limit: Decimal | None) -> tuple[Rollover, ...]:
    """Cut what is above ``limit`` from the soonest to expire; a rollover cut to nothing is gone."""
    if limit is None:
        return rollovers
    kept = sorted(rollovers, key=lambda each: (each.expires_at is None, each.expires_at or 0))
    names = sorted({name for each in rollovers for name in each.shares})
    excess = {name: sum((each.shares[name][0] for each in kept if name in each.shares), ZERO) - limit for name in names}
    whole = sum((each.balance for each in kept), ZERO) - limit
    if whole <= 0 and not any(value > 0 for value in excess.values()):
        return rollovers
    result = []
    for each in kept:
        cut = max(min(whole, each.balance), ZERO)
        cutting = whole > 0 or any(excess.get(name, ZERO) > 0 for name in each.shares)
        whole -= cut
        shares = {}
        for name, (balance, usage) in each.shares.items():
            gone = max(min(excess[name], balance), ZERO)
            excess[name] -= gone
            shares[name] = (balance - gone, usage)
        trimmed = replace(each, balance=each.balance - cut, shares=shares)
        empty = trimmed.balance == 0 and not any(balance for balance, _ in shares.values())
        if not (cutting and empty):
            result.append(trimmed)
    return tuple(result)
