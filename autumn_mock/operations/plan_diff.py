"""How a version of a plan would change, and how other versions would change with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.plan import Plan, PlanItem


class PlanDiff(Struct, frozen=True):
    """A version of a plan, and what it would become. An item that changes is removed and added."""

    current: Plan
    proposed: Plan
    removed: tuple[PlanItem, ...]
    added: tuple[PlanItem, ...]

    @property
    def changes_items(self) -> bool:
        return bool(self.removed or self.added)

    @property
    def changes_price(self) -> bool:
        return _base_price(self.current) != _base_price(self.proposed)

    @property
    def changes_trial(self) -> bool:
        return self.current.free_trial != self.proposed.free_trial

    @property
    def changes_offer(self) -> bool:
        """Whether customers on the plan would get something different."""
        return self.changes_items or self.changes_price or self.changes_trial

    @property
    def changes_billing(self) -> bool:
        """Whether bills would change."""
        return self.changes_price or any(item.price is not None for item in (*self.removed, *self.added))


class Conflict(Struct, frozen=True):
    """An item in which another version already differs from the one that changes; None: it is the base price."""

    item: PlanItem | None


def _key(item: PlanItem) -> tuple[str, str, str, int]:
    """What identifies an item across versions: feature, billing method, interval and interval count."""
    every = item.price or item.reset
    method = item.price.billing_method if item.price is not None else ""
    return (item.feature_id, method, every.interval if every else "", every.interval_count if every else 1)


def _plain(item: PlanItem) -> PlanItem:
    """The item without its ids, to compare what two items grant."""
    price = None if item.price is None else replace(item.price, price_id="")
    rollover = item.rollover
    if rollover is not None:  # an unset length is shown as 1, and clients send back what they were shown
        rollover = replace(rollover, expiry_duration_length=rollover.expiry_duration_length or 1)
    return replace(item, entitlement_id="", price=price, rollover=rollover)


def diff(current: Plan, proposed: Plan) -> PlanDiff:
    """The difference between two states of a version."""
    removed, added = _without(current.items, proposed.items), _without(proposed.items, current.items)
    return PlanDiff(current, proposed, removed, added)


def _without(items: Iterable[PlanItem], others: Iterable[PlanItem]) -> tuple[PlanItem, ...]:
    """The items without an equal one among others, in any order; each of the others is equal to one item only."""
    left = [_plain(other) for other in others]
    alone = []
    for item in items:
        plain = _plain(item)
        if plain in left:
            left.remove(plain)
        else:
            alone.append(item)
    return tuple(alone)


def carry_over(change: PlanDiff, other: Plan) -> Plan:
    """Another version of the plan, changed in the same places."""
    replaced = {_key(item) for item in (*change.removed, *change.added)}
    fields: dict[str, Any] = {
        name: getattr(change.proposed, name)
        for name in Plan.__struct_fields__
        if name != "items" and getattr(change.current, name) != getattr(change.proposed, name)
    }
    if change.changes_items:
        fields["items"] = (*(item for item in other.items if _key(item) not in replaced), *change.added)
    return replace(other, **fields)


def conflicts(change: PlanDiff, other: Plan) -> tuple[Conflict, ...]:
    """Where another version already differs from the one that changes, among what the change touches and keeps."""
    before = {_key(item): _plain(item) for item in change.current.items}
    kept = {_key(item) for item in change.proposed.items} & before.keys()
    touched = {_key(item) for item in (*change.removed, *change.added)} & kept
    found = [Conflict(item) for item in other.items if _key(item) in touched and _plain(item) != before[_key(item)]]
    if change.changes_price and _base_price(other) != _base_price(change.current):
        found.append(Conflict(None))
    return tuple(found)


def _base_price(plan: Plan) -> object:
    return None if plan.price is None else replace(plan.price, price_id="")
