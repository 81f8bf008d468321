"""Limits a customer, an entity or a plan sets on top of balances.

*Usage limit*: at most so much in one window of time. On a metered feature it counts tracked units; on a credit
system it counts the credits drained from that system's rows. It binds ``cap`` and ``reject``; ``overflow`` passes
it, but is counted. Giving back is never counted, except that a lock which is undone frees what it counted.

*Spend limit*: how far below zero all rows of a feature may be together.

*Overage allowed*: leave to go below zero without a price (or, switched off, no leave even with one).

Who decides: the entity's own setting, else the customer's, else the plans', and of several plans the strictest
(for overage: one that is switched off).

Example: a grant of 10 and a usage limit of 6 a day. Tracking 4, then 4 takes 4 and 2; two days later 4 is free again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import INFINITE, ZERO, rounded
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.controls import BillingControls, OverageAllowed, SpendLimit, UsageLimit, UsageWindow
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.ledger.account import Account, raw_balances
from autumn_mock.ledger.intervals import window_start
from autumn_mock.ledger.order import in_order

#: Room of this size or less is what rounding left, and counts as none. It is smaller than the use that decides whether
#: a limit is reached (:mod:`autumn_mock.ledger.alerts`): room for such a use has to stay room.
_ROUNDING_REST = Decimal("1e-9")


class Scoped(Struct, frozen=True):
    """A setting and whose it is: ``entity``, ``customer`` or ``plan``."""

    scope: str
    controls: BillingControls


def _owners(account: Account, entity: Entity | None) -> Iterator[Scoped]:
    """Everyone who may set a limit, the deciding one first."""
    if entity is not None:
        yield Scoped("entity", entity.billing_controls)
    yield Scoped("customer", account.customer.billing_controls)


def _plan_controls(account: Account) -> Iterator[BillingControls]:
    for plan in account.plans.values():
        if plan.status == "active":
            yield plan.plan.billing_controls


def usage_limits(account: Account, entity: Entity | None, feature_id: str) -> list[tuple[str, UsageLimit]]:
    """The usage limits in force for a feature, each with the scope that counts it."""
    for owner in _owners(account, entity):
        found = [limit for limit in owner.controls.usage_limits or () if limit.feature_id == feature_id]
        if found:
            return [(owner.scope, limit) for limit in found if limit.enabled]
    strictest: dict[str, UsageLimit] = {}
    for controls in _plan_controls(account):
        for limit in controls.usage_limits or ():
            if limit.feature_id == feature_id and limit.enabled:
                key = f"{limit.interval} {filter_key(limit.filter)}"
                if key not in strictest or limit.limit < strictest[key].limit:
                    strictest[key] = limit
    return [("customer", limit) for limit in strictest.values()]


def spend_limit(account: Account, entity: Entity | None, feature_id: str) -> Decimal | None:
    """How far below zero the rows of a feature may be together, in the feature's units; None: no limit.

    A percentage is one of what all main plans grant anew with every period; of nothing, it limits nothing.
    """
    for owner in _owners(account, entity):
        own = [limit for limit in owner.controls.spend_limits or () if limit.feature_id in (feature_id, None)]
        if own:
            own.sort(key=lambda limit: limit.feature_id is None)
            return _spendable(account, own[0], feature_id)
    found = [
        _spendable(account, limit, feature_id)
        for controls in _plan_controls(account)
        for limit in controls.spend_limits or ()
        if limit.feature_id in (feature_id, None)
    ]
    return min((limit for limit in found if limit is not None), default=None)


def _spendable(account: Account, limit: SpendLimit, feature_id: str) -> Decimal | None:
    if not limit.enabled or limit.overage_limit is None:
        return None
    if limit.limit_type != "usage_percentage":
        return limit.overage_limit
    granted = sum(
        (
            row.included
            for row in account.rows.values()
            if row.feature_id == feature_id and not row.is_loose and not row.add_on and row.next_reset_at is not None
        ),
        ZERO,
    )
    return granted * limit.overage_limit / 100 or None


def overage_control(account: Account, entity: Entity | None, feature_id: str) -> OverageAllowed | None:
    """The deciding overage setting of a feature, if there is one."""
    for owner in _owners(account, entity):
        for control in owner.controls.overage_allowed or ():
            if control.feature_id == feature_id:
                return control
    found = [
        control
        for controls in _plan_controls(account)
        for control in controls.overage_allowed or ()
        if control.feature_id == feature_id
    ]
    return min(found, key=lambda control: control.enabled, default=None)


def overdrawn(account: Account, entity: Entity | None, feature_id: str) -> Decimal:
    """How far all rows of a feature are below zero, together."""
    return sum(
        (
            max(-raw, ZERO)
            for row in account.visible(entity)
            if row.feature_id == feature_id and not row.unlimited
            for raw in raw_balances(row, entity)
        ),
        ZERO,
    )


def filter_key(wanted: Mapping[str, Any] | None) -> str:
    """A filter as text: the same for filters that ask for the same. Values are compared as texts."""
    values = (wanted or {}).get("properties") or {}
    return json.dumps({name: _text(value) for name, value in values.items()}, sort_keys=True) if values else ""


def _text(value: Any) -> Any:
    """A value of a property as JavaScript writes it; objects and lists have no text here."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, (str, int, float)) else None


def matches(wanted: Mapping[str, Any] | None, properties: Mapping[str, Any] | None) -> bool:
    """Whether an event's properties have every value a limit's filter asks for."""
    values = properties or {}
    return all(
        name in values and _text(values[name]) == _text(want)
        for name, want in ((wanted or {}).get("properties") or {}).items()
    )


def open_window(account: Account, entity: Entity | None, scope: str, limit: UsageLimit) -> UsageWindow:
    """The window of a limit that holds the present; a new one counts from zero.

    Windows follow the reset of the first row of the feature, or of a credit system that lists it, unless the limit
    asks for UTC. The rows are those that the limit's owner sees, so that every call, with whatever entity, meets the
    same window; and a drained row still leads: a window must not begin anew because something was used up.
    """
    owner = entity if scope == "entity" else None
    owner_id = "" if owner is None else owner.id
    name = f"{account.customer.internal_id} {owner_id} {limit.feature_id} {limit.interval} {filter_key(limit.filter)}"
    anchor = None if limit.anchor == "utc" else _anchor(account, owner, limit.feature_id)
    started_at = window_start(limit.interval, account.now, anchor)
    window = account.windows.get(name)
    if window is None or window.started_at != started_at:
        window = UsageWindow(id=name, customer=account.customer.internal_id, started_at=started_at, counted=ZERO)
    return window


def _anchor(account: Account, owner: Entity | None, feature_id: str) -> int | None:
    rows = [row for row in account.visible(owner, drained=True) if row.next_reset_at is not None]
    candidates = in_order(account, rows, owner)
    own = [row.next_reset_at for row in candidates if row.feature_id == feature_id]
    systems = [row.next_reset_at for row in candidates if account.cost_of(row, feature_id) is not None]
    return next(iter([*own, *systems]), None)


class _Counter(Struct):
    limit: UsageLimit
    window: UsageWindow
    counted: Decimal

    @property
    def room(self) -> Decimal:
        room = self.limit.limit - self.counted
        return room if room > _ROUNDING_REST else ZERO


def limits_usage(account: Account, entity: Entity | None) -> bool:
    """Whether there is a usage limit at all; mostly there is none."""
    key = entity.id if entity is not None else None
    known = account.usage_limited.get(key)
    if known is None:
        owners = [account.customer, *(plan.plan for plan in account.plans.values()), *([entity] if entity else ())]
        known = account.usage_limited[key] = any(each.billing_controls.usage_limits for each in owners)
    return known


class UsageGate:
    """The usage limits that bind one deduction, and what they have counted so far."""

    __slots__ = ("_credits", "_units")

    def __init__(
        self,
        account: Account,
        rows: list[Balance],
        entity: Entity | None,
        feature: Feature,
        properties: Mapping[str, Any] | None,
    ) -> None:
        self._units: list[_Counter] = []
        self._credits: dict[str, list[_Counter]] = {}
        if not limits_usage(account, entity):
            return
        relevant = {row.feature_id for row in rows} | {feature.id}
        for feature_id in sorted(relevant):
            for scope, limit in usage_limits(account, entity, feature_id):
                if not matches(limit.filter, properties):
                    continue
                window = open_window(account, entity, scope, limit)
                counter = _Counter(limit, window, window.counted)
                if account.features[feature_id].is_credit_system:
                    self._credits.setdefault(feature_id, []).append(counter)
                elif feature_id == feature.id:
                    self._units.append(counter)

    def unit_room(self) -> Decimal:
        """Tracked units that limits on the feature itself still allow."""
        if not self._units:
            return INFINITE
        return min(counter.room for counter in self._units)

    def room(self, row: Balance, cost: Decimal) -> Decimal:
        """Tracked units that may still be taken from a row."""
        if not self._credits or not cost:
            return self.unit_room()
        credit = min((counter.room for counter in self._credits.get(row.feature_id, ())), default=INFINITE)
        return min(self.unit_room(), credit / cost)

    def count(self, row: Balance | None, units: Decimal, native: Decimal) -> None:
        """Note what was taken; ``row`` is None for a rollover, which credit limits do not count."""
        for counter in self._units:
            counter.counted += units
        if row is not None:
            for counter in self._credits.get(row.feature_id, ()):
                counter.counted += native

    def store(self, account: Account) -> None:
        """Put the counters that moved into the account."""
        if not self._units and not self._credits:
            return
        for counter in [*self._units, *(c for each in self._credits.values() for c in each)]:
            if counter.counted != counter.window.counted:
                account.put_window(replace(counter.window, counted=max(rounded(counter.counted), ZERO)))
