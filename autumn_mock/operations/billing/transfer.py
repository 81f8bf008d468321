"""``transfer``: a plan moves between a customer and its entities, with its balances and what was used of them."""

from __future__ import annotations

from msgspec.structs import replace

from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import CustomerPlan, Entity
from autumn_mock.operations.billing.attachments import attached_plans
from autumn_mock.operations.billing.grants import rows_of
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.subjects import get_customer, get_entity, open_account
from autumn_mock.wire.requests.older import OldTransfer


def transfer(call: Call, customer_id: str, params: OldTransfer) -> None:
    """Move a plan from an entity or (without ``from_entity_id``) the customer to another.

    404 for an unknown customer or entity, and for a plan that is not there.
    """
    with call.write() as transaction:
        customer = get_customer(call.environment, customer_id)
        old, new = (
            get_entity(call.environment, customer, each).id if each else None
            for each in (params.from_entity_id, params.to_entity_id)
        )
        open_account(call, transaction, customer)
        found = [
            each
            for each in attached_plans(call, customer, old)
            if each.plan_id == params.product_id and params.customer_product_id in (None, each.id)
        ]
        if not found:
            message = f"Product {params.product_id} not found for customer {customer_id}"
            raise ApiError(404, message, "cus_product_not_found")
        rows = rows_of(call, found[0])
        transaction.put(replace(found[0], entity_id=new))
        entities = list(call.environment.entities.of(customer.internal_id).values())
        transaction.put_all([_moved(row, found[0], new, entities) for row in rows])


def _moved(row: Balance, attached: CustomerPlan, entity_id: str | None, entities: list[Entity]) -> Balance:
    """A row of a plan of another owner. Seats of entities count for a customer only."""
    if row.pool:
        pool = (replace(e, entity_id=entity_id) if e.customer_plan_id == attached.id else e for e in row.pool)
        return replace(row, pool=tuple(pool))
    seats = 0
    if not row.is_per_entity and not row.unlimited:
        seats = sum(entity.feature_id == row.feature_id for entity in entities)
    before, after = (seats if owner is None else 0 for owner in (attached.entity_id, entity_id))
    return replace(row, entity_id=entity_id, balance=row.balance + before - after)
