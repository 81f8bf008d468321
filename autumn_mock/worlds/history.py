"""The past of a world's customers: when things happened, what was used, and what is left of balances."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from autumn_mock.domain.balance import Balance
from autumn_mock.domain.track import TrackItem
from autumn_mock.operations import balances
from autumn_mock.operations.call import Call, CallEffects
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.subjects import get_customer
from autumn_mock.operations.track import record
from autumn_mock.wire.requests.balances import BalancesUpdate
from autumn_mock.worlds.entries import EventEntry, UsageEntry


def instant_of(moment: int | None, now: int) -> int:
    """The instant (ms) of a moment: None is ``now``, below zero is before it."""
    if moment is None:
        return now
    return moment if moment >= 0 else now + moment


def made_at(call: Call, moment: int | None) -> Call:
    """A call as it was made at a moment. 400 for one that is still to come."""
    at = instant_of(moment, call.now)
    if at > call.now:
        raise invalid_request("is in the future; what a world says has happened before it is loaded")
    return replace(call, now=at, effects=CallEffects())


def record_event(call: Call, customer_id: str, entry: EventEntry) -> None:
    """Track a use at the time of the call: balances that were reset since do not show it."""
    item = TrackItem(
        customer_id=customer_id,
        feature_id=entry.feature_id,
        event_name=entry.event_name,
        entity_id=entry.entity_id,
        value=entry.value,
        properties=entry.properties,
        overage_behavior=entry.overage_behavior,
        timestamp=call.now,
    )
    record(call, item)


def set_usage(call: Call, customer_id: str, entry: UsageEntry) -> None:
    """Set what is used, or left, of the balances that an entry selects. 400 when it selects none."""
    sent = {
        name: getattr(entry, name)
        for name in ("feature_id", "entity_id", "interval", "usage", "remaining", "included_grant", "next_reset_at")
    }
    owner = get_customer(call.environment, customer_id).internal_id
    call.feature(entry.feature_id)
    rows = [row for row in call.environment.balances.of(owner).values() if _selects(entry, row)]
    if not rows:
        raise invalid_request(f"the customer has no such balance of {entry.feature_id}")
    chosen = rows[0].id if entry.plan_id is not UNSET or entry.balance_id is not None else None
    balances.update(call, BalancesUpdate(customer_id=customer_id, customer_entitlement_id=chosen, **sent))


def _selects(entry: UsageEntry, row: Balance) -> bool:
    return (
        row.feature_id == entry.feature_id
        and (entry.entity_id is None or entry.entity_id in (row.entity_id, *row.shares) or not row.is_entity_level)
        and (entry.plan_id is UNSET or entry.plan_id == row.plan_id)
        and (entry.balance_id is None or entry.balance_id == row.external_id)
        and (entry.interval is None or (row.reset is not None and row.reset.interval == entry.interval))
    )
