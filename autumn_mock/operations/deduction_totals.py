"""What events really took, balance by balance: the ``deductions`` of ``events.aggregate``.

Reported for the bins in which something was taken, by the feature of the balance: an event of one feature may be paid
from another one's. Groups are listed under the balance that paid, each with the ones that spent from it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.event import Deduction, Event
from autumn_mock.domain.plan import Reset
from autumn_mock.operations.call import Call
from autumn_mock.operations.events import property_reader

#: The group of all that is beyond ``max_groups``.
OTHER = "Other"


class DeductedBalance(Struct):
    """What was taken from one balance (or rollover)."""

    balance_id: str
    entity_id: str | None
    plan_id: str | None
    reset: Reset | None
    resets_at: int | None
    #: Credits for one unit, when one feature alone was asked about and is paid in credits.
    credit_cost: Decimal | None
    deducted: Decimal = ZERO
    events: int = 0


class DeductedFeature(Struct):
    """What was taken from the balances of one feature."""

    is_credits: bool
    balances: dict[str, DeductedBalance] = {}

    @property
    def deducted(self) -> Decimal:
        return sum((each.deducted for each in self.balances.values()), ZERO)

    @property
    def events(self) -> int:
        """How many deductions it was."""
        return sum(each.events for each in self.balances.values())


class DeductedGroup(Struct):
    """What one group took from one balance."""

    deducted: Decimal = ZERO
    #: Whether the group is one feature, which has a price.
    is_feature: bool = False
    credit_cost: Decimal | None = None


class DeductedBin(Struct):
    """One stretch of time. ``groups``: balance id to group."""

    period: int
    features: dict[str, DeductedFeature] = {}
    groups: dict[str, dict[str, DeductedGroup]] | None = None


def deducted(
    call: Call, events: Iterable[Event], bins: list[int], names: list[str], group_by: str | None, max_groups: int
) -> list[DeductedBin]:
    """What events took, by bin. ``names`` are the features that were asked about; what was taken from a balance of
    theirs counts too, whichever feature was used: credits are spent by others.
    """
    source = names[0] if len(names) == 1 and not _is_credits(call, names[0]) else None
    found: dict[int, DeductedBin] = {}
    for event in events:
        for each in event.deductions:
            if names and event.name not in names and each.feature_id not in names:
                continue
            period = bins[bisect_right(bins, event.timestamp) - 1]
            if period not in found:
                found[period] = DeductedBin(period, groups=None if group_by in (None, "$customer_id") else {})
            row = found[period]
            balance = _balance_of(call, row, each, source)
            balance.deducted += each.value
            balance.events += 1
            group = None if row.groups is None else _group_of(event, each, group_by or "")
            if row.groups is not None and group is not None:
                groups = row.groups.setdefault(each.balance_id, {})
                if group not in groups:
                    groups[group] = _new_group(call, event, each, group_by)
                groups[group].deducted += each.value
    for row in found.values():
        if row.groups is not None:
            row.groups = {balance_id: _largest(groups, max_groups) for balance_id, groups in row.groups.items()}
    return [found[period] for period in sorted(found)]


def _balance_of(call: Call, row: DeductedBin, each: Deduction, source: str | None) -> DeductedBalance:
    """The entry of the balance that paid a deduction, a new one when it is the first."""
    feature = row.features.get(each.feature_id)
    if feature is None:
        feature = row.features[each.feature_id] = DeductedFeature(_is_credits(call, each.feature_id))
    balance = feature.balances.get(each.balance_id)
    if balance is None:
        held = call.environment.balances.get(each.balance_id)
        balance = feature.balances[each.balance_id] = DeductedBalance(
            balance_id=each.balance_id,
            entity_id=held.entity_id if held is not None else None,
            plan_id=each.plan_id,
            reset=each.reset,
            resets_at=each.resets_at if held is None or each.reset is None else held.next_reset_at,
            credit_cost=None if source is None else _credit_cost(call, source, each.feature_id),
        )
    return balance


def _is_credits(call: Call, feature_id: str) -> bool:
    feature = call.environment.features.get(feature_id)
    return feature is not None and feature.type in ("credit_system", "ai_credit_system")


def _credit_cost(call: Call, source: str, paid_from: str) -> Decimal | None:
    """What a unit of ``source`` costs in credits now, as its row is listed; None when it is not paid in credits."""
    feature = call.environment.features.get(paid_from)
    listed = None if feature is None or source == paid_from else feature.cost_of(source)
    return None if listed is None else listed.credit_cost


def _group_of(event: Event, each: Deduction, group_by: str) -> str | None:
    if group_by == "$feature_id":
        return event.name
    if group_by == "$entity_id":
        return event.entity_id
    if group_by == "$plan_id":
        return each.plan_id or ""
    return property_reader(group_by.removeprefix("properties."))(event)


def _new_group(call: Call, event: Event, each: Deduction, group_by: str | None) -> DeductedGroup:
    if group_by != "$feature_id":
        return DeductedGroup()
    return DeductedGroup(is_feature=True, credit_cost=_credit_cost(call, event.name, each.feature_id))


def _largest(groups: Mapping[str, DeductedGroup], most: int) -> dict[str, DeductedGroup]:
    """The largest groups, and the others as one."""
    names = sorted(groups, key=lambda name: (-groups[name].deducted, name))
    largest = {name: groups[name] for name in names[:most]}
    for name in names[most:]:
        largest.setdefault(OTHER, DeductedGroup()).deducted += groups[name].deducted
    return largest
