"""What goes along when the rows of a plan are replaced: by a switch of plans, or by an update of the attached one.

===========================  ==============================================  =================================
what                         a switch, now or when a scheduled plan begins   an update
===========================  ==============================================  =================================
usage of consumables         as ``carry_over_usages`` says, else not         yes, unless that setting says no
usage of seats (allocated)   always; entities are counted anew               always; entities are counted anew
balances of consumables      as ``carry_over_balances`` says, else not       --
rollovers                    to rows that roll over, cut to their maximum    the same
bought once, not used up     as loose rows                                   stays in its row
===========================  ==============================================  =================================

Usage is that of a feature, not of a row: it is taken from the new rows in the order in which they are spent, and an
entity's usage from its own share. What they do not hold is overdraft.

Example: 30 of 100 messages are used, the new plan has 20: with its usage the row begins at -10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance, Rollover
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Reset
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account, ceiling, raw_balance, share_ids, with_balance
from autumn_mock.ledger.order import for_spending
from autumn_mock.ledger.resets import cut_rollovers, maximum
from autumn_mock.operations.accounts import load_account, store
from autumn_mock.operations.billing.grants import rows_of
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.billing import CarryOver

#: Usage of one feature by the share of a per-entity row that has it; None: of the customer.
Usage = dict[str | None, Decimal]


def selects(setting: CarryOver | None, *, default: bool = False) -> Callable[[Feature], bool]:
    """Which consumable features a setting names; ``default`` without a setting."""

    def selected(feature: Feature) -> bool:
        if setting is None:
            return default
        return setting.enabled and (not setting.feature_ids or feature.id in setting.feature_ids)

    return selected


def carry(
    call: Call,
    transaction: Transaction,
    customer: Customer,
    old: list[Balance],
    new: Iterable[Balance],
    usages: Callable[[Feature], bool],
    balances: Callable[[Feature], bool] | None = None,
) -> None:
    """Take what goes along from ``old`` rows, which are deleted already, to ``new`` ones.

    ``usages`` and ``balances`` say of which consumable features; ``balances`` None: the plan goes on.
    """
    account = load_account(call, customer)
    rows = [account.rows[row.id] for row in new]
    counted = {entity.feature_id for entity in account.entities.values()}
    used: dict[str, Usage] = {}
    for row in old:
        feature = account.features[row.feature_id]
        if feature.is_boolean or row.unlimited or account.is_expired(row):
            continue
        if feature.is_allocated:
            takes = row.entity_id is not None or row.is_per_entity or feature.id not in counted
        elif balances is not None and row.price is not None and row.price.is_bought_once:
            transaction.put_all(_leftovers(call, row, f"one_off_prepaid_carryover_{row.id}"))
            continue
        else:
            takes = usages(feature)
        if balances is not None and not feature.is_allocated and balances(feature):
            transaction.put_all(_leftovers(call, row))
            takes = takes or row.balance < 0
        if takes:
            _add_usage(used.setdefault(feature.id, {}), row, everything=feature.is_allocated or usages(feature))
    for feature_id, usage in used.items():
        _use(account, [row for row in rows if row.feature_id == feature_id and not row.unlimited], usage)
    _roll_over(account, old, [row.id for row in rows if row.rollover is not None])
    store(transaction, account)


def _add_usage(used: Usage, row: Balance, *, everything: bool) -> None:
    """Add what was used of a row; or its overdraft alone, which a carried balance is reduced by."""
    for share in share_ids(row, None):
        taken = ceiling(row, share) - raw_balance(row, share)
        used[share] = used.get(share, ZERO) + (taken if everything else max(-raw_balance(row, share), ZERO))


def _use(account: Account, rows: list[Balance], usage: Usage) -> None:
    """Take the usage of one feature from its new rows."""
    holders = [(row.id, share) for row in for_spending(account, rows, None) for share in share_ids(row, None)]
    for share, value in usage.items():
        own = [each for each in holders if share in (None, each[1])]
        _take(account, own or [each for each in holders if each[1] is None], value)


def _take(account: Account, holders: list[tuple[str, str | None]], value: Decimal) -> None:
    """Take a value from numbers of rows, each down to zero, and the rest from one that may be overdrawn for money."""
    left = value
    for id, share in holders:
        part = max(min(left, raw_balance(account.rows[id], share)), ZERO)
        account.put(with_balance(account.rows[id], share, raw_balance(account.rows[id], share) - part))
        left -= part
    if left and holders:
        id, share = next((each for each in holders if account.rows[each[0]].usage_allowed), holders[0])
        account.put(with_balance(account.rows[id], share, raw_balance(account.rows[id], share) - left))


def _roll_over(account: Account, old: list[Balance], targets: list[str]) -> None:
    """Give live rollovers to the row of their feature that is most like theirs, and cut them to its maximum."""
    for row in old:
        alike = [id for id in targets if account.rows[id].feature_id == row.feature_id]
        live = tuple(each for each in row.rollovers if _is_live(each))
        if live and alike:
            target = account.rows[max(alike, key=lambda id: _likeness(account.rows[id], row))]
            account.put(replace(target, rollovers=(*target.rollovers, *live)))
    for id in targets:
        row = account.rows[id]
        if row.rollovers and row.rollover is not None:
            account.put(replace(row, rollovers=cut_rollovers(row.rollovers, maximum(row, row.rollover))))


def recalculate(
    call: Call, transaction: Transaction, customer: Customer, attached: CustomerPlan, feature_ids: Iterable[str]
) -> None:
    """Let the units that a plan buys pay for what it bills as overage, and the other way round."""
    for feature_id in feature_ids:
        rows = [row for row in rows_of(call, attached) if row.feature_id == feature_id and not row.pool]
        _level(call, transaction, customer, [row for row in rows if row.price and not row.price.is_bought_once])


def _level(call: Call, transaction: Transaction, customer: Customer, rows: list[Balance]) -> None:
    """Pay what rows are overdrawn by from the others, in the order in which they are spent. What they do not hold is
    overdraft of a row that may be overdrawn for money, if there is one."""
    account = load_account(call, customer)
    ordered = for_spending(account, [account.rows[row.id] for row in rows], None)
    numbers = [(row.id, share) for row in ordered for share in share_ids(row, None)]
    for share in dict.fromkeys(share for _, share in numbers):
        own = [each for each in numbers if each[1] == share]
        debt = ZERO
        for id, _ in own:
            row = account.rows[id]
            left = raw_balance(row, share)
            if left < 0:
                debt -= left
                account.put(with_balance(row, share, ZERO))
        _take(account, own, debt)
    store(transaction, account)


def _is_live(rollover: Rollover) -> bool:
    return rollover.balance > 0 or any(balance > 0 for balance, _ in rollover.shares.values())


def _likeness(row: Balance, old: Balance) -> tuple[bool, bool]:
    def method(each: Balance) -> str | None:
        return each.price.billing_method if each.price is not None else None

    return method(row) == method(old), row.reset == old.reset


def _leftovers(call: Call, old: Balance, external_id: str | None = None) -> list[Balance]:
    """What is left of a row as loose rows, until the old period would have ended; one for each entity's share."""
    return [
        Balance(
            id=new_id("cus_ent"),
            customer=old.customer,
            entity_id=old.entity_id if share is None else share,
            feature_id=old.feature_id,
            created_at=call.now,
            balance=left,
            included=left,
            external_id=external_id,
            reset=Reset(interval="one_off"),
            expires_at=min((at for at in (old.next_reset_at, old.expires_at) if at is not None), default=None),
        )
        for share in share_ids(old, None)
        if (left := raw_balance(old, share)) > 0
    ]
