"""The balances that an attached plan grants: creation and deletion of their rows."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance, EntityShare
from autumn_mock.domain.customer import CustomerPlan, Entity
from autumn_mock.domain.plan import FreeTrial, Plan, PlanItem, Reset
from autumn_mock.domain.record import instant
from autumn_mock.ids import new_id
from autumn_mock.ledger.intervals import DAY, add_interval, first_reset
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction


def grant(call: Call, transaction: Transaction, attached: CustomerPlan) -> list[Balance]:
    """Create the rows of a plan that has just become active."""
    rows = [_row(call, attached, item) for item in attached.plan.items]
    for row in rows:
        transaction.put(row)
    return rows


def _row(call: Call, attached: CustomerPlan, item: PlanItem) -> Balance:
    feature = call.feature(item.feature_id)
    if feature.is_boolean:
        return _bare_row(call, attached, item)
    reset = None if feature.is_allocated else item.reset or Reset(interval="one_off")
    prepaid = ZERO
    if item.price is not None and item.price.billing_method == "prepaid":
        prepaid = attached.prepaid.get(item.feature_id, ZERO)
    included = ZERO if item.unlimited else item.included * attached.quantity
    usage_based = item.price is not None and item.price.billing_method == "usage_based"
    limit = item.price.max_purchase if item.price is not None else None
    next_reset_at = None if item.unlimited else first_reset(reset, attached.started_at, call.now)
    if next_reset_at is not None and attached.trial_ends_at is not None and attached.trial_ends_at > call.now:
        next_reset_at = attached.trial_ends_at
    shares = {}
    if item.entity_feature_id is not None:
        shares = {
            entity.id: EntityShare(balance=included + prepaid)
            for entity in call.environment.entities.of(attached.customer).values()
            if entity.feature_id == item.entity_feature_id
        }
    return replace(
        _bare_row(call, attached, item),
        balance=ZERO if item.entity_feature_id is not None or item.unlimited else included + prepaid,
        included=included,
        prepaid=prepaid,
        unlimited=item.unlimited,
        usage_allowed=usage_based,
        usage_limit=included + limit if limit else None,
        reset=reset,
        next_reset_at=next_reset_at,
        price=item.price,
        rollover=item.rollover,
        entity_feature_id=item.entity_feature_id,
        shares=shares,
    )


def _bare_row(call: Call, attached: CustomerPlan, item: PlanItem) -> Balance:
    return Balance(
        id=new_id("cus_ent"),
        customer=attached.customer,
        feature_id=item.feature_id,
        created_at=call.now,
        balance=ZERO,
        customer_plan_id=attached.id,
        plan_id=attached.plan_id,
        add_on=attached.plan.add_on,
        entity_id=attached.entity_id,
    )


def rows_of(call: Call, attached: CustomerPlan) -> list[Balance]:
    """The rows that an attached plan gave."""
    return [
        row for row in call.environment.balances.of(attached.customer).values() if row.customer_plan_id == attached.id
    ]


def withdraw(call: Call, transaction: Transaction, attached: CustomerPlan) -> list[Balance]:
    """Delete an attached plan and its rows; returns the rows."""
    rows = rows_of(call, attached)
    for row in rows:
        transaction.delete(row)
    transaction.delete(attached)
    return rows


def prepaid_units(item: PlanItem, quantity: Decimal) -> Decimal:
    """Units bought in advance for a ``quantity`` that includes the included ones: whole packs."""
    units = item.price.billing_units if item.price is not None else Decimal(1)
    packs = (max(quantity - item.included, ZERO) / units).to_integral_value(ROUND_CEILING)
    return packs * units


def prepaid_of(plan: Plan, quantities: dict[str, Decimal]) -> dict[str, Decimal]:
    """Units bought in advance for each prepaid item of a plan; other features are ignored."""
    return {
        item.feature_id: prepaid_units(item, quantities[item.feature_id])
        for item in plan.items
        if item.price is not None and item.price.billing_method == "prepaid" and item.feature_id in quantities
    }


def trial_end(trial: FreeTrial | None, now: int) -> int | None:
    """When a trial that begins now ends."""
    if trial is None:
        return None
    if trial.duration_type == "day":
        return instant(now + trial.duration_length * DAY)
    return add_interval(now, "year" if trial.duration_type == "year" else "month", trial.duration_length)


def give_share(call: Call, transaction: Transaction, entity: Entity) -> None:
    """Add the share of a new entity to per-entity rows."""
    for row in list(call.environment.balances.of(entity.customer).values()):
        if row.entity_feature_id == entity.feature_id:
            share = EntityShare(balance=row.grant)
            transaction.put(replace(row, shares={**row.shares, entity.id: share}))


def take_seat(call: Call, transaction: Transaction, entity: Entity) -> None:
    """Deduct one unit of the feature that a new entity is an instance of."""
    for row in list(call.environment.balances.of(entity.customer).values()):
        if _is_seat_row(row, entity):
            transaction.put(replace(row, balance=row.balance - 1))
            return


def take_share(call: Call, transaction: Transaction, entity: Entity) -> None:
    """Return the unit of a deleted entity, and delete its share and its own rows."""
    for row in list(call.environment.balances.of(entity.customer).values()):
        if row.entity_id == entity.id:
            transaction.delete(row)
        elif entity.id in row.shares:
            shares = {name: share for name, share in row.shares.items() if name != entity.id}
            transaction.put(replace(row, shares=shares))
        elif _is_seat_row(row, entity):
            transaction.put(replace(row, balance=row.balance + 1))


def _is_seat_row(row: Balance, entity: Entity) -> bool:
    """Only rows of plans count entities; loose ones do not."""
    return (
        row.feature_id == entity.feature_id
        and row.customer_plan_id is not None
        and row.entity_id is None
        and not row.is_per_entity
    )
