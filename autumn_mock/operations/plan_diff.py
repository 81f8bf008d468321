"""How a plan would change: what it is now against what it is to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.plan import Plan, PlanItem

#: What an item is recognised by from one state to the next: feature, billing method, interval, and how many of these.
ItemKey = tuple[str, str, str, int]


class PlanDiff(Struct, frozen=True):
    """A version of a plan, and what it would become. A changed item goes, and comes back."""

    current: Plan
    proposed: Plan
    removed: tuple[PlanItem, ...]
    added: tuple[PlanItem, ...]

    @property
    def changes_items(self) -> bool:
        return bool(self.removed or self.added)

    @property
    def changes_price(self) -> bool:
        return self.current.price != self.proposed.price

    @property
    def changes_trial(self) -> bool:
        return self.current.free_trial != self.proposed.free_trial

    @property
    def changes_offer(self) -> bool:
        """Whether customers on the plan would get something else than they have."""
        return self.changes_items or self.changes_price or self.changes_trial

    @property
    def changes_controls(self) -> bool:
        return self.current.billing_controls != self.proposed.billing_controls

    @property
    def changes_anything(self) -> bool:
        return self.current != self.proposed

    @property
    def changes_billing(self) -> bool:
        """Whether anybody's bill would change."""
        return self.changes_price or any(item.price is not None for item in (*self.removed, *self.added))


class Conflict(Struct, frozen=True):
    """An item of another version that had gone its own way before the change. None: the base price did."""

    item: PlanItem | None


def item_key(item: PlanItem) -> ItemKey:
    """What an item is recognised by."""
    every = item.price or item.reset
    method = item.price.billing_method if item.price is not None else ""
    return (item.feature_id, method, every.interval if every else "", every.interval_count if every else 1)


def same_item(left: PlanItem, right: PlanItem) -> bool:
    """Whether two items grant the same, whatever their ids."""
    return _plain(left) == _plain(right)


def _plain(item: PlanItem) -> PlanItem:
    price = None if item.price is None else replace(item.price, price_id="")
    rollover = item.rollover
    if rollover is not None:  # is shown as 1 when it is not set, and comes back as it was shown
        rollover = replace(rollover, expiry_duration_length=rollover.expiry_duration_length or 1)
    return replace(item, entitlement_id="", price=price, rollover=rollover)


def diff(current: Plan, proposed: Plan) -> PlanDiff:
    """What goes and what comes."""
    removed, added = _without(current.items, proposed.items), _without(proposed.items, current.items)
    return PlanDiff(current, proposed, removed, added)


def _without(items: Iterable[PlanItem], others: Iterable[PlanItem]) -> tuple[PlanItem, ...]:
    """The items that have no equal among others, one for one; the order says nothing."""
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
    gone = {item_key(item) for item in (*change.removed, *change.added)}
    fields: dict[str, Any] = {
        name: getattr(change.proposed, name)
        for name in Plan.__struct_fields__
        if name != "items" and getattr(change.current, name) != getattr(change.proposed, name)
    }
    if change.changes_items:
        fields["items"] = (*(item for item in other.items if item_key(item) not in gone), *change.added)
    return replace(other, **fields)


def conflicts(change: PlanDiff, other: Plan) -> tuple[Conflict, ...]:
    """Where another version already differs from the one that is changed, in the places of the change."""
    before = {item_key(item): item for item in change.current.items}
    after = {item_key(item) for item in change.proposed.items}
    touched = {item_key(item) for item in (*change.removed, *change.added)}
    found = [
        Conflict(item)
        for item in other.items
        if item_key(item) in touched & after
        and item_key(item) in before
        and not same_item(item, before[item_key(item)])
    ]
    if change.changes_price and _amount(other) != _amount(change.current):
        found.append(Conflict(None))
    return tuple(found)


def _amount(plan: Plan) -> object:
    return None if plan.price is None else replace(plan.price, price_id="")
