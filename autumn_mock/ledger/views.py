"""The balance as the API shows it, and whether it allows a use.

For each row: ``remaining`` is what is left, never below zero; ``usage`` is the grant less what is left, so it shows
overage as more than the grant. A balance adds up its rows and their rollovers. Because ``remaining`` stops at zero
row by row and ``usage`` does not, ``granted`` need not equal ``remaining + usage``.

A customer's view also adds what its entities own alone, though the customer cannot spend it: it is in the sums, not
in the breakdown, and stays there when it is drained.

Example: a grant of 100 and 130 used with ``overflow``: granted 100, remaining 0, usage 130.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import INFINITE, ONE, ZERO
from autumn_mock.domain.balance import Balance, Rollover
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.ledger.account import Account, ceiling, raw_balance, raw_balances, share_ids
from autumn_mock.ledger.allocations import shares_of
from autumn_mock.ledger.limits import UsageGate, overage_control, overdrawn, spend_limit
from autumn_mock.ledger.order import in_order


class RowView(Struct, frozen=True):
    """One line of a breakdown. ``raw`` is the signed balance behind ``remaining``.

    ``allocation``: the numbers are a share of the row that is held for the caller, of this size.
    """

    row: Balance
    feature: Feature
    included_grant: Decimal
    prepaid_grant: Decimal
    remaining: Decimal
    usage: Decimal
    raw: Decimal
    allocation: Decimal | None = None


class RolloverView(Struct, frozen=True):
    """What is left of an earlier period, as one caller sees it."""

    granted: Decimal
    balance: Decimal
    expires_at: int | None


class Division(Struct, frozen=True):
    """What is left of a customer's shared credits: of the shares held for entities, and what is not held."""

    allocated: Decimal
    unallocated: Decimal


class BalanceView(Struct, frozen=True):
    """The balance of one feature, as one caller sees it."""

    feature: Feature
    granted: Decimal
    remaining: Decimal
    usage: Decimal
    unlimited: bool
    overage_allowed: bool
    max_purchase: Decimal | None
    next_reset_at: int | None
    breakdown: tuple[RowView, ...]
    rollovers: tuple[RolloverView, ...]
    #: What the caller can really spend: ``remaining`` without what other entities own.
    spendable: Decimal
    #: How shared rows are divided; None when they are not.
    division: Division | None = None


def _row_view(account: Account, row: Balance, entity: Entity | None) -> RowView:
    included = remaining = raw = ZERO
    count = 0
    for share in share_ids(row, entity):
        balance = raw_balance(row, share)
        included += ceiling(row, share) - row.prepaid
        remaining += max(balance, ZERO)
        raw += balance
        count += 1
    prepaid = row.prepaid * count
    return RowView(
        row=row,
        feature=account.features[row.feature_id],
        included_grant=included,
        prepaid_grant=prepaid,
        remaining=remaining,
        usage=included + prepaid - raw,
        raw=raw,
    )


def _row_views(account: Account, row: Balance, entity: Entity | None) -> list[RowView]:
    """A row for a caller; of one that is divided over entities the caller's share, and the part that is not held."""
    view = _row_view(account, row, entity)
    shares = shares_of(account, row) if entity is not None else {}
    if entity is None or not shares:
        return [view]
    own = shares.pop(entity.id, None)
    views = []
    given = sum((each.amount for each in shares.values()), ZERO)
    held = sum((each.held for each in shares.values()), ZERO)
    if own is not None:
        given, held = given + own.amount, held + own.held
        views.append(_part(view, own.amount, own.held, allocation=own.amount))
    rest = _part(view, view.included_grant + view.prepaid_grant - given, view.raw - held)
    return [*views, rest] if rest.included_grant or rest.raw or not views else views


def _part(view: RowView, grant: Decimal, left: Decimal, allocation: Decimal | None = None) -> RowView:
    return replace(
        view,
        included_grant=grant,
        prepaid_grant=ZERO,
        remaining=max(left, ZERO),
        usage=grant - left,
        raw=left,
        allocation=allocation,
    )


def _rollover_view(rollover: Rollover, row: Balance, entity: Entity | None) -> RolloverView:
    if not row.is_per_entity:
        balance, usage = rollover.balance, rollover.usage
    else:
        shares = [
            rollover.shares[share] for share in share_ids(row, entity) if share is not None and share in rollover.shares
        ]
        balance = sum((share[0] for share in shares), ZERO)
        usage = sum((share[1] for share in shares), ZERO)
    return RolloverView(granted=balance + usage, balance=balance, expires_at=rollover.expires_at)


def _max_purchase(rows: Iterable[Balance]) -> Decimal | None:
    """How much more may be bought; None when any priced row sets no limit, or none is priced."""
    total: Decimal | None = None
    for row in rows:
        if row.price is None:
            continue
        if row.usage_limit is None:
            return None
        total = (total or ZERO) + max(row.usage_limit - row.grant, ZERO)
    return total


def balance_view(
    account: Account, feature: Feature, entity: Entity | None, rows: Iterable[Balance] | None = None
) -> BalanceView | None:
    """The balance of a feature for a caller, or None when no row counts.

    ``rows``: these instead of all that count now; the answer to a deduction still shows the row it drained.
    """
    counted = account.visible(entity) if rows is None else rows
    own = [row for row in counted if row.feature_id == feature.id]
    owned = account.owned_by_entities(feature.id) if entity is None else []
    return _view(account, feature, entity, own, owned) if own or owned else None


def balance_views(account: Account, entity: Entity | None) -> list[BalanceView]:
    """The balances of all features that are not boolean. Each row is read once, however many features there are."""
    rows: dict[str, tuple[list[Balance], list[Balance]]] = {}
    for row in account.visible(entity):
        rows.setdefault(row.feature_id, ([], []))[0].append(row)
    for row in account.owned_by_entities() if entity is None else ():
        rows.setdefault(row.feature_id, ([], []))[1].append(row)
    features = account.features
    return [_view(account, features[id], entity, *each) for id, each in rows.items() if not features[id].is_boolean]


def _view(
    account: Account, feature: Feature, entity: Entity | None, counted: list[Balance], owned: list[Balance]
) -> BalanceView:
    """The balance of a feature from the rows that count for the caller, and those that entities own alone."""
    own = in_order(account, counted, entity)
    if any(row.unlimited for row in [*own, *owned]):
        return _unlimited_view(feature, [*own, *owned], entity)
    breakdown = tuple(view for row in own for view in _row_views(account, row, entity))
    held = [each.held for row in own for each in shares_of(account, row).values()]
    shared = sum((max(row.balance, ZERO) for row in own if not row.is_entity_level), ZERO)
    rollovers = tuple(_rollover_view(each, row, entity) for row in own for each in row.rollovers)
    hidden = [_row_view(account, row, None) for row in owned]
    hidden_rollovers = [_rollover_view(each, row, None) for row in owned for each in row.rollovers]
    every = [*breakdown, *hidden]
    kept = [*rollovers, *hidden_rollovers]
    spendable = sum((view.remaining for view in breakdown), ZERO) + sum((each.balance for each in rollovers), ZERO)
    owned_left = max(sum((view.raw for view in hidden), ZERO), ZERO)
    owned_left += sum((each.balance for each in hidden_rollovers), ZERO)
    resets = [row.next_reset_at for row in [*own, *owned] if row.next_reset_at is not None]
    return BalanceView(
        feature=feature,
        granted=sum((view.included_grant + view.prepaid_grant for view in every), ZERO)
        + sum((each.granted for each in kept), ZERO),
        remaining=spendable + owned_left,
        usage=sum((view.usage for view in every), ZERO) + sum((each.granted - each.balance for each in kept), ZERO),
        unlimited=False,
        overage_allowed=any(row.usage_allowed for row in own),
        max_purchase=_max_purchase(own),
        next_reset_at=min(resets, default=None),
        breakdown=breakdown,
        rollovers=rollovers,
        spendable=spendable - sum(held) if entity is None else spendable,
        division=Division(sum(held, ZERO), shared - sum(held, ZERO)) if held else None,
    )


def _unlimited_view(feature: Feature, rows: list[Balance], entity: Entity | None) -> BalanceView:
    unlimited = [row for row in rows if row.unlimited]
    used = -sum((raw for row in unlimited for raw in raw_balances(row, entity)), ZERO)
    first = RowView(
        row=unlimited[0],
        feature=feature,
        included_grant=ZERO,
        prepaid_grant=ZERO,
        remaining=ZERO,
        usage=used,
        raw=-used,
    )
    return BalanceView(
        feature=feature,
        granted=ZERO,
        remaining=ZERO,
        usage=used,
        unlimited=True,
        overage_allowed=False,
        max_purchase=None,
        next_reset_at=None,
        breakdown=(first,),
        rollovers=(),
        spendable=ZERO,
    )


def flag_rows(account: Account, entity: Entity | None) -> dict[str, Balance]:
    """The row that switches each boolean feature on, by feature id."""
    rows: dict[str, list[Balance]] = {}
    for row in account.visible(entity):
        if account.features[row.feature_id].is_boolean:
            rows.setdefault(row.feature_id, []).append(row)
    return {feature_id: in_order(account, each, entity)[0] for feature_id, each in rows.items()}


def allows(
    account: Account,
    view: BalanceView | None,
    entity: Entity | None,
    feature: Feature,
    units: Decimal,
    cost: Decimal = ONE,
) -> bool:
    """Whether ``units`` of a feature could be used now and paid from a balance, at ``cost`` each.

    Unlimited balances and negative amounts are always allowed. Otherwise a usage limit must have room, and the amount
    must be left, or be within what the balance may be overdrawn.
    """
    if view is None:
        return False
    if view.unlimited or units < 0:
        return True
    required = units * cost
    rows = [each.row for each in view.breakdown]
    gate = UsageGate(account, rows, entity, feature, None)
    if units > 0 and any(gate.room(row, cost) < units for row in rows[:1]):
        return False
    if view.spendable >= required:
        return True
    return view.spendable + overage_room(account, view, entity) >= required


def overage_room(account: Account, view: BalanceView, entity: Entity | None) -> Decimal:
    """How far a balance may still be overdrawn; infinite when nothing limits it."""
    control = overage_control(account, entity, view.feature.id)
    allowed = view.overage_allowed if control is None else control.enabled
    if not allowed:
        return ZERO
    limit = spend_limit(account, entity, view.feature.id)
    if limit is None:
        limit = view.max_purchase
    if limit is None:
        return INFINITE
    return max(limit - overdrawn(account, entity, view.feature.id), ZERO)
