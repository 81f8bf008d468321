"""Which webhooks a change of balances calls for: the account before and after it, compared.

Only features whose rows changed are checked, each by its own balance:

*limit reached*: a tiny use was allowed before and is not any more. It is sent once, and again only after the balance
allowed something in between. Why it is not allowed is the limit's type: ``usage_limit`` when a usage limit has no room,
``included`` when what was granted is used up, ``spend_limit`` or ``max_purchase`` when the overage is, too.

*usage alert*: a threshold was crossed, upwards for usage, downwards for what remains; touching it counts. A percentage
is one of the grant, or of what the alert's ``basis`` names; of a usage limit, its counter is the usage. The customer's
own alerts, or else those of its plans, and besides those of the organisation, watch the customer's whole balance;
those of the entity that a call names watch what the entity sees.

An unlimited balance calls for nothing.

Example: a grant of 10 and an alert at 50 percent of usage. Going from 4 to 6 used triggers it, from 6 to 10 reaches the
limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from autumn_mock.domain.amount import ONE, ZERO, number
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.controls import BillingControls, UsageAlert, UsageWindow
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.webhook import ThresholdType, Webhook
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.limits import (
    UsageGate,
    filter_key,
    matches,
    open_window,
    overage_control,
    spend_limit,
    usage_limits,
)
from autumn_mock.ledger.views import BalanceView, balance_view, overage_room

LimitType = Literal["included", "max_purchase", "spend_limit", "usage_limit"]

#: The use that decides whether a limit is reached: one so small that anything left allows it (contract 12).
_SMALLEST_USE = Decimal("1e-7")
_MINUTE = 60_000


class Snapshot(Struct, frozen=True, gc=False):
    """What a deduction changes of an account, as it was before. Cheap to take, because most are never read."""

    rows: dict[str, Balance]
    windows: dict[str, UsageWindow]


def snapshot(account: Account) -> Snapshot:
    """An account as it is now, to be compared with what becomes of it."""
    return Snapshot(account.rows.copy(), account.windows.copy())


def webhooks_for(
    before: Snapshot, after: Account, entity: Entity | None = None, properties: Mapping[str, Any] | None = None
) -> list[Webhook]:
    """The webhooks that a change by ``entity``, or by the customer alone, calls for; alerts before limits.

    ``properties`` are those of the event: they decide which filtered usage limits it met.
    """
    old = before.rows
    changed = [row for row_id, row in after.rows.items() if old.get(row_id) is not row]
    found: list[Webhook] = []
    is_alerted, is_limited = bool(after.common_alerts), False
    for controls in _everyones(after, entity):
        is_alerted = is_alerted or bool(controls.usage_alerts)
        is_limited = is_limited or bool(controls.usage_limits)
    # Views cost much more than the deduction did, and these cheap checks nearly always show that none is needed.
    suspects = {row.feature_id: None for row in changed if is_limited or not _leaves_something(after, row)}
    if not suspects and not is_alerted:
        return found
    then = copy(after)
    then.rows, then.windows = before.rows, before.windows
    concerned = {row.feature_id: None for row in changed}  # in order of the rows
    if is_alerted and is_limited:
        concerned |= {feature_id: None for feature_id in _limited(after, entity) if feature_id in after.features}
    for feature_id in concerned:
        views = _Views(then, after, after.features[feature_id])
        found += _triggered(views, entity)
        if feature_id in suspects:
            found += _limit_reached(views, entity, properties)
    return found


def threshold_for(before: Snapshot, after: Account, entity: Entity | None, feature: Feature) -> ThresholdType | None:
    """Which threshold of a used feature a change has crossed, if any.

    ``limit_reached``: one more unit was allowed before and is not any more. Else ``allowance_used``: the same, overage
    left aside.
    """
    then = copy(after)
    then.rows, then.windows = before.rows, before.windows
    views = _Views(then, after, feature)
    old, new = views.then(entity), views.now(entity)
    if old is None or new is None or new.unlimited:
        return None
    if _allows_one(then, old, entity) and not _allows_one(after, new, entity):
        return "limit_reached"
    return "allowance_used" if old.spendable >= ONE > new.spendable else None


def _allows_one(account: Account, view: BalanceView, entity: Entity | None) -> bool:
    """Whether one more unit is allowed, as overage if need be."""
    gate = UsageGate(account, [each.row for each in view.breakdown], entity, view.feature, None)
    if view.breakdown and gate.room(view.breakdown[0].row, ONE) < ONE:
        return False
    return view.spendable >= ONE or view.spendable + overage_room(account, view, entity) >= ONE


def _everyones(account: Account, entity: Entity | None) -> list[BillingControls]:
    controls = [account.customer.billing_controls]
    if entity is not None:
        controls.append(entity.billing_controls)
    for attached in account.plans.values():
        controls.append(attached.plan.billing_controls)
    return controls


def _limited(account: Account, entity: Entity | None) -> Iterator[str]:
    """The features whose usage limits may be counted although other rows pay."""
    for controls in _everyones(account, entity):
        yield from (limit.feature_id for limit in controls.usage_limits or ())


def _leaves_something(account: Account, row: Balance) -> bool:
    """Whether a row that changed alone allows a further use."""
    return (row.unlimited or row.balance >= _SMALLEST_USE) and not account.is_expired(row)


class _Views:
    """The balance of a feature before and after, of the customer or an entity, built on first use."""

    __slots__ = ("_now", "_then", "after", "before", "feature")

    def __init__(self, before: Account, after: Account, feature: Feature) -> None:
        self.before = before
        self.after = after
        self.feature = feature
        self._then: dict[bool, BalanceView | None] = {}
        self._now: dict[bool, BalanceView | None] = {}

    def then(self, entity: Entity | None) -> BalanceView | None:
        """The balance of the feature before the deduction; None where it has none."""
        whole = entity is None
        if whole not in self._then:
            self._then[whole] = balance_view(self.before, self.feature, entity)
        return self._then[whole]

    def now(self, entity: Entity | None) -> BalanceView | None:
        """After, with the loose rows that the change drained: they count no more, but were what it was about."""
        whole = entity is None
        if whole not in self._now:
            rows = self.after.rows
            counted = [rows[row.id] for row in self.before.visible(entity) if row.id in rows]
            self._now[whole] = balance_view(self.after, self.feature, entity, counted)
        return self._now[whole]


# -- limits


def _limit_reached(views: _Views, entity: Entity | None, properties: Mapping[str, Any] | None) -> Iterator[Webhook]:
    after = views.after
    now = views.now(entity)
    if now is None:
        return
    limit_type = _refusal(after, now, entity, properties)
    if limit_type is None:
        return
    then = views.then(entity)
    if then is None or _refusal(views.before, then, entity, properties) is not None:
        return
    data: dict[str, Any] = {"customer_id": _name(after), "feature_id": now.feature.id, "limit_type": limit_type}
    if entity is not None:
        data["entity_id"] = entity.id
    if limit_type == "usage_limit":
        blocked = _blocking_filter(after, now, entity, properties)
        if blocked is not None:
            data["filter"] = blocked
    yield Webhook("balances.limit_reached", data)


def _refusal(
    account: Account, view: BalanceView, entity: Entity | None, properties: Mapping[str, Any] | None
) -> LimitType | None:
    """Why a balance allows no further use; None when it does."""
    if view.unlimited:
        return None
    rows = [each.row for each in view.breakdown]
    gate = UsageGate(account, rows, entity, view.feature, properties)
    if rows and gate.room(rows[0], ONE) < _SMALLEST_USE:
        return "usage_limit"
    if view.spendable >= _SMALLEST_USE or view.spendable + overage_room(account, view, entity) >= _SMALLEST_USE:
        return None
    control = overage_control(account, entity, view.feature.id)
    if not (view.overage_allowed if control is None else control.enabled):
        return "included"
    return "max_purchase" if spend_limit(account, entity, view.feature.id) is None else "spend_limit"


def _blocking_filter(
    account: Account, view: BalanceView, entity: Entity | None, properties: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The filter of the usage limit that an event has met, if it has one."""
    for scope, limit in usage_limits(account, entity, view.feature.id):
        if limit.filter and matches(limit.filter, properties):
            counted = open_window(account, entity, scope, limit).counted
            if limit.limit - counted < _SMALLEST_USE:
                return limit.filter
    return None


# -- alerts


def _triggered(views: _Views, entity: Entity | None) -> Iterator[Webhook]:
    after, feature_id = views.after, views.feature.id
    for scope, watched, alert in _alerts(after, entity, feature_id):
        now = _level(after, views.now(watched), alert, watched, feature_id)
        if now is None or not now.is_beyond(alert):
            continue
        then = _level(views.before, views.then(watched), alert, watched, feature_id)
        if then is None or then.is_beyond(alert) or (then.granted <= 0 and "percentage" in alert.threshold_type):
            continue
        data: dict[str, Any] = {"customer_id": _name(after), "feature_id": feature_id}
        if watched is not None:
            data["entity_id"] = watched.id
        threshold = number(alert.threshold)
        name = {} if alert.name is None else {"name": alert.name}
        data["usage_alert"] = {**name, "threshold": threshold, "threshold_type": alert.threshold_type}
        who = f"{_name(after)}:{'_' if watched is None else watched.id}"
        what = f"{scope}:{feature_id}:{alert.threshold_type}:{threshold}"
        if alert.basis not in (None, "balance"):
            what += f":{alert.basis}:{filter_key(alert.filter)}"
        yield Webhook("balances.usage_alert_triggered", data, f"{who}:{what}:{after.now // _MINUTE}")


def _alerts(
    account: Account, entity: Entity | None, feature_id: str
) -> Iterator[tuple[str, Entity | None, UsageAlert]]:
    """The alerts that watch a feature: the customer's, or else its plans', and besides those of the entity and of the
    organisation."""
    own = account.customer.billing_controls.usage_alerts
    found = [alert for alert in own if alert.feature_id in (feature_id, None)] if own else []
    for alert in found:
        if alert.enabled:
            yield "customer", None, alert
    if not found:
        for attached in account.plans.values():
            for alert in attached.plan.billing_controls.usage_alerts or ():
                if alert.enabled and attached.status == "active" and alert.feature_id in (feature_id, None):
                    yield "plan", None, alert
    if entity is not None:
        for alert in entity.billing_controls.usage_alerts or ():
            if alert.enabled and alert.feature_id in (feature_id, None):
                yield "entity", entity, alert
    for alert in account.common_alerts:
        if alert.enabled and alert.feature_id in (feature_id, None):
            yield "organisation", None, alert


class _Level(Struct, frozen=True):
    """What an alert compares with its threshold."""

    granted: Decimal
    usage: Decimal
    remaining: Decimal

    def is_beyond(self, alert: UsageAlert) -> bool:
        """Whether this is where an alert warns of it being. A percentage of no grant is never."""
        threshold = alert.threshold
        if alert.threshold_type == "usage":
            return self.usage >= threshold
        if alert.threshold_type == "remaining":
            return self.remaining <= threshold
        if self.granted <= 0:
            return False
        if alert.threshold_type == "usage_percentage":
            return self.usage * 100 >= threshold * self.granted
        return self.remaining * 100 <= threshold * self.granted


def _level(
    account: Account, view: BalanceView | None, alert: UsageAlert, watched: Entity | None, feature_id: str
) -> _Level | None:
    """A balance, or a usage limit, by the basis of an alert; None when there is nothing to warn of."""
    if alert.basis == "usage_limit":
        for scope, limit in usage_limits(account, watched, feature_id):
            if filter_key(limit.filter) == filter_key(alert.filter):
                counted = open_window(account, watched, scope, limit).counted
                return _Level(limit.limit, counted, max(limit.limit - counted, ZERO))
        return None
    if view is None or view.unlimited:
        return None
    if alert.basis in (None, "balance"):
        return _Level(view.granted, view.usage, view.remaining)
    granted = ZERO
    for each in view.breakdown:
        if alert.basis == "included":
            granted += ZERO if each.row.is_loose else each.included_grant
        elif each.row.reset is not None and each.row.reset.interval != "one_off":
            granted += each.included_grant + each.prepaid_grant
    return _Level(granted, view.usage, max(granted - view.usage, ZERO))


def _name(account: Account) -> str:
    return account.customer.id or account.customer.internal_id
