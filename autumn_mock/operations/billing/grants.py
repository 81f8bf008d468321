"""Plans that begin and end for a customer, and the rows of balances that they grant."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_CEILING, Decimal
from typing import Any

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.balance import Balance, EntityShare
from autumn_mock.domain.customer import ClosedPlan, Customer, CustomerPlan, Entity
from autumn_mock.domain.plan import FreeTrial, Plan, PlanItem, Reset
from autumn_mock.domain.record import instant
from autumn_mock.ids import new_id
from autumn_mock.ledger.intervals import DAY, add_interval, first_reset
from autumn_mock.operations.billing.pools import bought_by, contributed, grown, is_bought, without
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction


def begin(call: Call, transaction: Transaction, customer: Customer, plan: Plan, **attributes: Any) -> CustomerPlan:
    """Put a customer on a plan now, or with ``status`` scheduled later."""
    trial = attributes.setdefault("trial_ends_at", trial_end(plan.free_trial, call.now))
    attached = CustomerPlan(
        id=new_id("cus_prod"),
        customer=customer.internal_id,
        plan=plan,
        created_at=call.now,
        **{"started_at": call.now, "anchor": trial, **attributes},
    )
    transaction.put(attached)
    if attached.status == "active":
        grant(call, transaction, attached)
    return attached


def grant(call: Call, transaction: Transaction, attached: CustomerPlan) -> list[Balance]:
    """Create the rows of a plan that has just become active; existing entities take their seats."""
    rows = []
    seats = Counter(entity.feature_id for entity in call.environment.entities.of(attached.customer).values())
    granted = [(row, item.pooled) for item in attached.plan.items for row in _rows(call, attached, item)]
    for row, is_pooled in granted:
        takes_seats = attached.entity_id is None
        if is_pooled and attached.license_parent is None and not row.is_per_entity and row.expires_at is None:
            row = contributed(call, attached, row)
            takes_seats = len(row.pool) == 1
        if takes_seats and not row.is_per_entity and not row.unlimited:
            row = replace(row, balance=row.balance - seats.pop(row.feature_id, 0))
        rows.append(row)
        transaction.put(row)
    return rows


def _rows(call: Call, attached: CustomerPlan, item: PlanItem) -> list[Balance]:
    """The rows of an item: one, or two when what was bought ends before what is included does."""
    bought = attached.prepaid.get(item.feature_id, ZERO) if item.is_prepaid else ZERO
    if item.expiry is None or not bought:
        return [_row(call, attached, item, bought)]
    own = [_row(call, attached, item, ZERO)] if item.included or item.unlimited else []
    return [*own, purchase(call, attached, item, bought)]


def purchase(call: Call, attached: CustomerPlan, item: PlanItem, bought: Decimal) -> Balance:
    """The row of units that were bought now and end for themselves."""
    assert item.expiry is not None
    expires_at = add_interval(call.now, item.expiry.duration, item.expiry.length)
    return replace(_row(call, attached, replace(item, included=ZERO), bought), expires_at=expires_at)


def _row(call: Call, attached: CustomerPlan, item: PlanItem, prepaid: Decimal) -> Balance:
    feature = call.feature(item.feature_id)
    if feature.is_boolean:
        return _bare_row(call, attached, item)
    reset = None if feature.is_allocated else item.reset or Reset(interval="one_off")
    included = ZERO if item.unlimited else item.included * attached.quantity
    usage_based = item.price is not None and item.price.billing_method == "usage_based"
    limit = item.price.max_purchase if item.price is not None else None
    next_reset_at = None if item.unlimited else first_reset(reset, attached.cycle_anchor, call.now)
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
        feature_override=item.feature_override,
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
        is_licensed=attached.license_parent is not None,
    )


def rows_of(call: Call, attached: CustomerPlan) -> list[Balance]:
    """The rows that an attached plan gave, and the pools that it contributes to."""
    return [
        row
        for row in call.environment.balances.of(attached.customer).values()
        if row.customer_plan_id == attached.id or any(each.customer_plan_id == attached.id for each in row.pool)
    ]


def requantify(call: Call, transaction: Transaction, attached: CustomerPlan) -> None:
    """Give the prepaid rows of a plan the units that it has now; what was used stays used."""
    rows = rows_of(call, attached)
    ending = {item.feature_id: item for item in attached.plan.items if item.expiry is not None}
    for feature_id, item in ending.items():
        bought = sum((row.prepaid for row in rows if row.feature_id == feature_id), ZERO)
        more = attached.prepaid.get(feature_id, ZERO) - bought
        if more > 0:
            transaction.put(purchase(call, attached, item, more))
    later = {item.feature_id for item in attached.plan.items if item.decreases_later}
    for row in rows:
        if row.feature_id in ending or not is_bought(row, attached):
            continue
        more = attached.prepaid.get(row.feature_id, ZERO) - bought_by(row, attached)
        waits = more < 0 and row.feature_id in later and row.next_reset_at is not None
        if more or row.next_prepaid is not None:
            transaction.put(grown(row, attached, more, later=waits))


def withdraw(call: Call, transaction: Transaction, attached: CustomerPlan) -> list[Balance]:
    """End an attached plan: close it with its rows, and note that the customer had it; returns the rows."""
    rows = close(call, transaction, attached, ended_at=call.now)
    for seat in list(call.environment.customer_plans.of(attached.customer).values()):
        if seat.license_parent == attached.id:
            withdraw(call, transaction, seat)
    customer, plan = call.environment.customers.get(attached.customer), attached.plan
    assert customer is not None  # its plans are deleted with a customer
    versions = customer.ended_plans.get(plan.id, ())
    if plan.version not in versions:
        transaction.put(replace(customer, ended_plans={**customer.ended_plans, plan.id: (*versions, plan.version)}))
    return rows


def close(call: Call, transaction: Transaction, attached: CustomerPlan, *, ended_at: int | None) -> list[Balance]:
    """Take a plan and its rows from a customer, and keep them as closed; returns the rows."""
    rows = withdraw_rows(call, transaction, attached)
    transaction.delete(attached)
    transaction.put(
        ClosedPlan(id=attached.id, customer=attached.customer, attached=attached, rows=tuple(rows), ended_at=ended_at)
    )
    return rows


def withdraw_rows(call: Call, transaction: Transaction, attached: CustomerPlan) -> list[Balance]:
    """Delete the rows of a plan and take its part out of pools; returns the deleted rows."""
    deleted = []
    for row in rows_of(call, attached):
        left = without(row, attached) if row.pool else None
        if left is not None:
            transaction.put(left)
        else:
            transaction.delete(row)
            deleted.append(row)
    return deleted


def prepaid_units(item: PlanItem, quantity: Decimal) -> Decimal:
    """Units bought in advance for a ``quantity`` that includes the included ones: whole packs."""
    return packs(item, max(quantity - item.included, ZERO))


def packs(item: PlanItem, units: Decimal) -> Decimal:
    """Units rounded up to whole packs."""
    size = item.price.billing_units if item.price is not None else Decimal(1)
    return (units / size).to_integral_value(ROUND_CEILING) * size


def prepaid_of(
    plan: Plan, quantities: dict[str, Decimal], current: CustomerPlan | None = None, *, adds: bool = False
) -> dict[str, Decimal]:
    """Units bought in advance for each prepaid item of a plan; other features are ignored.

    Without a quantity, they are those of the ``current`` plan, in packs of the new one. What is paid once begins at
    nothing; with ``adds``, as the attached plan goes on, it is kept, and a quantity is bought in addition.
    """
    before = {} if current is None else {item.feature_id: item for item in current.plan.items if item.is_prepaid}
    bought = {}
    for item in plan.items:
        if not item.is_prepaid:
            continue
        feature_id, once, old = item.feature_id, item.is_bought_once, before.get(item.feature_id)
        kept = ZERO
        if current is not None and old is not None and old.is_bought_once is once and (adds or not once):
            kept = current.prepaid.get(feature_id, ZERO)
        wanted = quantities.get(feature_id)
        if wanted is None:
            bought[feature_id] = packs(item, kept)
        elif once and adds:
            bought[feature_id] = kept + packs(item, wanted)
        else:
            bought[feature_id] = prepaid_units(item, wanted)
    return bought


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
    """Deduct one unit of the feature that a new entity is an instance of, from each plan that has it."""
    for row in _seat_rows(call, entity):
        transaction.put(replace(row, balance=row.balance - 1))


def take_share(call: Call, transaction: Transaction, entity: Entity) -> None:
    """Return the units of a deleted entity, and delete its share and its own rows."""
    for row in list(call.environment.balances.of(entity.customer).values()):
        if row.entity_id == entity.id:
            transaction.delete(row)
        elif entity.id in row.shares:
            shares = {name: share for name, share in row.shares.items() if name != entity.id}
            transaction.put(replace(row, shares=shares))
    for row in _seat_rows(call, entity):
        transaction.put(replace(row, balance=row.balance + 1))


def _seat_rows(call: Call, entity: Entity) -> list[Balance]:
    """The rows that count an entity: of every plan of its customer the first of its feature. Loose ones do not."""
    rows: dict[str | None, Balance] = {}
    for row in call.environment.balances.of(entity.customer).values():
        if (
            row.feature_id == entity.feature_id
            and row.entity_id is None
            and not row.is_per_entity
            and not row.unlimited
        ):
            rows.setdefault(row.id if row.pool else row.customer_plan_id, row)
    rows.pop(None, None)
    return list(rows.values())
