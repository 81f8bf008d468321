"""How an amount is taken from rows, and how it is given back.

Taking (a positive amount), in three passes over the rows in their order (:mod:`autumn_mock.ledger.order`):

1. rollovers of all rows, the soonest to expire first
2. each row down to zero
3. rows that may go below zero, as far as they may

What is left over depends on the behaviour: ``cap`` drops it, ``reject`` undoes everything and fails, ``overflow``
leaves nothing over because, once all rows are empty, any row may go below zero (the debt lands on the first row; a
spend limit still binds, and takes the place of the row's own purchase limit). An unlimited row in front takes
everything at once, whatever the limits, and a refund too.

Giving back (a negative amount) never touches rollovers: rows below zero are raised to zero first, then rows up to
their grant; what no row can hold is dropped (``overflow``: nothing is dropped, the first row holds it).

A row of a credit system pays in credits: ``units * cost``. The amount stays in units of the tracked feature, so one
deduction flows from own rows into credits automatically.

Example: 5 of ``action1`` and 100 credits, 0.2 credits an ``action1``. Tracking 8 takes 5, then 0.6 credits for the
other 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from msgspec.structs import replace

from autumn_mock.domain.amount import ONE, ZERO, amount, rounded
from autumn_mock.domain.balance import Balance, Rollover
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.event import Deduction
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.lock import Mutation
from autumn_mock.ledger.account import Account, ceiling, raw_balance, share_ids, with_balance
from autumn_mock.ledger.allocations import allocates, available, drawn_by
from autumn_mock.ledger.limits import UsageGate, limits_usage, overage_control, overdrawn, spend_limit
from autumn_mock.ledger.order import for_spending

#: ``allow`` is for edits of a balance: no floor, no ceiling, no limit.
Behaviour = Literal["cap", "reject", "overflow", "allow"]


class InsufficientBalance(Exception):
    """A ``reject`` deduction did not fit; nothing was changed."""


def spendable_rows(account: Account, feature: Feature, entity: Entity | None) -> list[Balance]:
    """The rows that can pay for a feature, in the order in which they will."""
    key = (feature.id, entity.id if entity is not None else None)
    order = account.spending_order.get(key)
    if order is None:
        relevant = {each.id for each in account.relevant_features(feature) if not each.is_boolean}
        rows = [row for row in account.visible(entity) if row.feature_id in relevant and _pays(account, row, feature)]
        order = [row.id for row in for_spending(account, rows, entity)]
        account.spending_order[key] = order
    return [row for row in map(account.rows.__getitem__, order) if not account.is_hidden(row)]


def _pays(account: Account, row: Balance, feature: Feature) -> bool:
    """Whether the plan of a row did not take ``feature`` out of its credit system."""
    return row.feature_override is None or row.feature_id == feature.id or account.cost_of(row, feature.id) is not None


def deduct(
    account: Account,
    feature: Feature,
    value: Decimal,
    *,
    entity: Entity | None = None,
    behaviour: Behaviour = "cap",
    properties: Mapping[str, Any] | None = None,
    rows: list[Balance] | None = None,
) -> list[Mutation]:
    """Take ``value`` units of a feature from an account (give back, when negative).

    Changed rows and counters are put into the account. Returns every step in the order it was made.
    ``rows``: spend these, in this order, instead of all that count.

    Raises :class:`InsufficientBalance` when ``behaviour`` is ``reject`` and not everything fits.
    """
    if rows is None:
        rows = spendable_rows(account, feature, entity)
    if not rows or value == 0:
        return []
    run = _Run(account, feature, entity, behaviour, rows, properties)
    if rows[0].unlimited:
        run.take_all(rows[0], value)
    elif value > 0:
        run.consume(value)
    else:
        run.refund(value)
    return run.mutations


class SingleRow:
    """One row that pays for many uses of a feature, each as :func:`deduct` would take it.

    That is so while the row holds what is asked for: no limit, rollover or other row has a part in it then, and the
    behaviour does not matter. Call :meth:`store` before anything else is done to the account.

    Example: 10 messages, uses of 4, 4 and 4. The row pays the first two; the third has to be left to :func:`deduct`.
    """

    __slots__ = ("_balance", "_known", "_row", "account")

    def __init__(self, account: Account, row: Balance) -> None:
        self.account = account
        self._row = row
        self._balance = row.balance
        #: By the value asked for: the amount, and what the event of such a use lists.
        self._known: dict[int | float, tuple[Decimal, tuple[Deduction, ...]]] = {}

    @classmethod
    def find(cls, account: Account, feature: Feature) -> SingleRow | None:
        """The row that pays for uses of a feature by the customer itself; None where :func:`deduct` has to decide."""
        if limits_usage(account, None) or allocates(account):
            return None
        rows = spendable_rows(account, feature, None)
        if not rows or rows[0].unlimited or any(row.rollovers for row in rows):
            return None
        for row in rows:
            if row.is_per_entity or row.feature_id != feature.id:
                return None
            if row.balance > 0:
                return cls(account, row)
        return None

    def take(self, value: int | float) -> tuple[Decimal, tuple[Deduction, ...]] | None:
        """Take a value: the amount, and what the event lists. None, with nothing changed, if the row cannot pay it."""
        known = self._known.get(value)
        if known is None:
            units = amount(value)
            known = self._known[value] = (units, self._deductions(units))
        units = known[0]
        if units < 0:
            return None
        if units:
            left = self._balance - units
            if left < 0:
                return None
            self._balance = left
        return known

    def _deductions(self, units: Decimal) -> tuple[Deduction, ...]:
        row = self._row
        return summarise(self.account, [Mutation(balance_id=row.id, units=units, native=units)])

    def store(self) -> None:
        """Put the row into the account."""
        if self._balance is not self._row.balance:
            self._row = with_balance(self._row, None, self._balance)
            self.account.put(self._row)


class _Run:
    """One deduction under way: what is still to take, and what was done."""

    __slots__ = ("account", "allocates", "behaviour", "entity", "feature", "ids", "mutations", "properties")

    def __init__(
        self,
        account: Account,
        feature: Feature,
        entity: Entity | None,
        behaviour: Behaviour,
        rows: list[Balance],
        properties: Mapping[str, Any] | None,
    ) -> None:
        self.account = account
        self.allocates = allocates(account)
        self.properties = properties
        self.feature = feature
        self.entity = entity
        self.behaviour = behaviour
        self.ids = [row.id for row in rows]
        self.mutations: list[Mutation] = []

    def rows(self) -> list[Balance]:
        """The rows as they are now."""
        rows = self.account.rows
        return [rows[each] for each in self.ids]

    def cost(self, row: Balance) -> Decimal:
        """Native units of a row for one tracked unit; zero: the row pays for any number of them."""
        if row.feature_id == self.feature.id:
            return ONE
        listed = self.account.cost_of(row, self.feature.id)
        return ONE if listed is None else listed.rate(self.properties)

    def _left_in(self, row: Balance, share: str | None) -> Decimal:
        """What the call may take of one number of a row before it goes below zero."""
        if share is None and self.allocates:
            return available(self.account, row, self.entity)
        return max(raw_balance(row, share), ZERO)

    # -- taking

    def take_all(self, row: Balance, value: Decimal) -> None:
        """An unlimited row takes any amount, and any refund: its balance counts the usage."""
        self._move(row, next(iter(share_ids(row, self.entity)), None), value, value * self.cost(row))

    def consume(self, value: Decimal) -> None:
        account = self.account
        before = self.rows()
        gate = UsageGate(account, before, self.entity, self.feature, self.properties)
        gated = self.behaviour in ("cap", "reject")
        left = self._take_rollovers(before, value, gate, gated)
        left = self._take_included(left, gate, gated)
        if left > 0:
            left = rounded(self._take_overage(left, gate, gated))
        if left > 0 and self.behaviour == "reject":
            touched = {mutation.balance_id for mutation in self.mutations}
            for row in before:
                if row.id in touched:
                    account.put(row)
            self.mutations.clear()
            raise InsufficientBalance
        if self.behaviour != "allow":
            gate.store(account)

    def _take_rollovers(self, rows: list[Balance], left: Decimal, gate: UsageGate, gated: bool) -> Decimal:
        queue = [(rollover, row.id) for row in rows for rollover in row.rollovers]
        if not queue:
            return left
        queue.sort(key=lambda each: (each[0].expires_at is None, each[0].expires_at or 0))
        for rollover, row_id in queue:
            for share in share_ids(self.account.rows[row_id], self.entity):
                row = self.account.rows[row_id]
                current = next(each for each in row.rollovers if each.id == rollover.id)
                held = current.balance if share is None else current.shares.get(share, (ZERO, ZERO))[0]
                cost = self.cost(row)
                units = min(left, gate.unit_room()) if gated else left
                native = min(units * cost, held)
                if native <= 0:
                    continue
                units = native / cost
                self.account.put(take_from_rollover(row, current, share, native))
                self._note(row, share, units, native, rollover_id=current.id)
                gate.count(None, units, native)
                left -= units
        return left

    def _take_included(self, left: Decimal, gate: UsageGate, gated: bool) -> Decimal:
        for row_id in self.ids:
            for share in share_ids(self.account.rows[row_id], self.entity):
                if left <= 0:
                    return left
                row = self.account.rows[row_id]
                cost = self.cost(row)
                units = min(left, gate.room(row, cost)) if gated else left
                left -= self._take(row, share, cost, units, self._left_in(row, share), gate)
        return left

    def _take_overage(self, left: Decimal, gate: UsageGate, gated: bool) -> Decimal:
        if rounded(left) <= 0:
            return left
        free_floor = self.behaviour in ("overflow", "allow")
        for row_id in self.ids:
            row = self.account.rows[row_id]
            if not (free_floor or may_overdraw(self.account, row, self.entity, self.behaviour)):
                continue
            limit = None
            if self.behaviour != "allow":
                limit = spend_limit(self.account, self.entity, row.feature_id)
            for share in share_ids(row, self.entity):
                if left <= 0:
                    return left
                row = self.account.rows[row_id]
                cost = self.cost(row)
                units = min(left, gate.room(row, cost)) if gated else left
                room = units * cost
                if limit is not None:
                    room = limit - overdrawn(self.account, self.entity, row.feature_id)
                elif not free_floor and row.usage_allowed and row.usage_limit is not None:
                    room = raw_balance(row, share) + row.usage_limit - row.included
                left -= self._take(row, share, cost, units, max(room, ZERO), gate)
        return left

    def _take(
        self, row: Balance, share: str | None, cost: Decimal, units: Decimal, room: Decimal, gate: UsageGate
    ) -> Decimal:
        """Take ``units``, but no more than ``room`` native; returns the units taken."""
        wanted = units if cost is ONE else rounded(units * cost)
        native = min(wanted, room)
        if units <= 0 or (native <= 0 and cost):
            return ZERO
        taken = units if native == wanted else native / cost
        self._move(row, share, taken, native)
        gate.count(row, taken, native)
        return taken

    # -- giving back

    def refund(self, value: Decimal) -> None:
        left = self._raise_rows(value, to_grant=False)
        if left < 0:
            self._raise_rows(left, to_grant=True)

    def _raise_rows(self, left: Decimal, *, to_grant: bool) -> Decimal:
        no_ceiling = to_grant and self.behaviour in ("overflow", "allow")
        for row_id in self.ids:
            for share in share_ids(self.account.rows[row_id], self.entity):
                if left >= 0:
                    return left
                row = self.account.rows[row_id]
                cost = self.cost(row)
                wanted = left * cost
                top = ceiling(row, share) if to_grant else ZERO
                room = max(top - raw_balance(row, share), ZERO)
                native = wanted if no_ceiling else max(wanted, -room)
                if native == 0:
                    continue
                units = left if native == wanted else native / cost
                self._move(row, share, units, native)
                left = rounded(left - units)
        return left

    # -- both

    def _move(self, row: Balance, share: str | None, units: Decimal, native: Decimal) -> None:
        moved = with_balance(row, share, raw_balance(row, share) - native)
        if self.allocates and self.entity is not None and share is None:
            moved = drawn_by(moved, self.entity.id, native)
        self.account.put(moved)
        self._note(row, share, units, native)

    def _note(
        self, row: Balance, share: str | None, units: Decimal, native: Decimal, rollover_id: str | None = None
    ) -> None:
        self.mutations.append(
            Mutation(balance_id=row.id, entity_id=share, rollover_id=rollover_id, units=units, native=native)
        )


def may_overdraw(account: Account, row: Balance, entity: Entity | None, behaviour: Behaviour = "cap") -> bool:
    """Whether a row may go below zero.

    A priced row may, and a free row of a held feature (seats) unless the call is ``reject``. An overage setting of the
    feature overrules this. Switched off: no row may. Switched on: every row may, unless some row of the feature has a
    price; then only those that may anyway.
    """
    feature = account.features[row.feature_id]
    allowed = row.usage_allowed or (row.price is None and feature.is_allocated and behaviour != "reject")
    control = overage_control(account, entity, row.feature_id)
    if control is None:
        return allowed
    if not control.enabled:
        return False
    priced = any(each.usage_allowed for each in account.visible(entity) if each.feature_id == row.feature_id)
    return allowed or not priced


def take_from_rollover(row: Balance, rollover: Rollover, share: str | None, native: Decimal) -> Balance:
    """The row with ``native`` taken from one of its rollovers (given back, when negative)."""
    if share is None:
        moved = replace(rollover, balance=rollover.balance - native, usage=rollover.usage + native)
    else:
        balance, usage = rollover.shares.get(share, (ZERO, ZERO))
        moved = replace(rollover, shares={**rollover.shares, share: (balance - native, usage + native)})
    return replace(row, rollovers=tuple(moved if each.id == rollover.id else each for each in row.rollovers))


def summarise(account: Account, mutations: list[Mutation]) -> tuple[Deduction, ...]:
    """What each row or rollover lost, in order of first touch; sums of zero are left out."""
    totals: dict[tuple[str, str | None], Decimal] = {}
    for step in mutations:
        key = (step.balance_id, step.rollover_id)
        totals[key] = totals.get(key, ZERO) + step.native
    deductions = []
    for (balance_id, rollover_id), value in totals.items():
        row = account.rows.get(balance_id)
        if row is None or value == 0:
            continue
        deductions.append(
            Deduction(
                balance_id=rollover_id or balance_id,
                feature_id=row.feature_id,
                plan_id=row.plan_id,
                reset=None if account.features[row.feature_id].is_allocated else row.reset,
                resets_at=row.next_reset_at,
                value=value,
            )
        )
    return tuple(deductions)
