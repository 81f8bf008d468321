"""Customers and entities that a call creates, whatever else it does, and plans that they are put on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, Entity
from autumn_mock.domain.plan import Plan
from autumn_mock.ids import new_id
from autumn_mock.operations.billing.grants import begin, give_share, take_seat
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import to_controls
from autumn_mock.operations.errors import ApiError, invalid_request, plan_not_found
from autumn_mock.operations.plans import default_plans, latest_plan
from autumn_mock.operations.subjects import find_customer, find_entity
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.wire.requests.common import CustomerData, EntityData
from autumn_mock.wire.requests.entities import EntitiesCreate


def get_or_create_customer(
    call: Call, transaction: Transaction, customer_id: str | None, data: CustomerData
) -> Customer:
    """The customer with this id (or, without one, this email); created when there is none.

    An existing one keeps its values; a missing name or email is filled in.
    """
    environment = call.environment
    if not customer_id and not data.email:
        raise invalid_request("Either customer ID or email is required")
    found = find_customer(environment, customer_id) or _anonymous(environment, data.email, customer_id)
    if found is None:
        return _create(call, transaction, customer_id or None, data)
    filled = replace(
        found,
        id=customer_id if found.id is None and customer_id else found.id,
        name=found.name or data.name or found.name,
        email=found.email or data.email or found.email,
    )
    if filled != found:
        transaction.put(filled)
    return filled


def _anonymous(environment: Environment, email: str | None, customer_id: str | None) -> Customer | None:
    """A customer that has only an email so far; without an id, any with this email. Case makes no difference."""
    if not email:
        return None
    email = email.lower()
    candidates = environment.customers.of(None).values() if customer_id else environment.customers
    return next((customer for customer in candidates if (customer.email or "").lower() == email), None)


def _create(call: Call, transaction: Transaction, customer_id: str | None, data: CustomerData) -> Customer:
    wanted = data.auto_enable_plan_id
    plans = [_auto_enable_plan(call, wanted)] if wanted else _defaults(call, data.internal_options or {})
    customer = Customer(
        internal_id=new_id("cus"),
        id=customer_id,
        created_at=call.now,
        name=data.name,
        email=data.email,
        fingerprint=data.fingerprint,
        stripe_id=data.stripe_id,
        send_email_receipts=bool(data.send_email_receipts),
        metadata=data.metadata or {},
        config=data.config or {},
        billing_controls=to_controls(data.billing_controls),
    )
    transaction.put(customer)
    for plan in plans:
        begin(call, transaction, customer, plan)
    return customer


def _defaults(call: Call, options: Mapping[str, Any]) -> list[Plan]:
    """The default plans, those of a group only with ``default_group``, none with ``disable_defaults``."""
    if options.get("disable_defaults"):
        return []
    group = options.get("default_group")
    return [plan for plan in default_plans(call.environment) if group in (None, plan.group)]


def _auto_enable_plan(call: Call, plan_id: str) -> Plan:
    plan = latest_plan(call.environment, plan_id)
    if plan is None:
        raise plan_not_found(plan_id)
    if not plan.is_free and (plan.free_trial is None or plan.free_trial.card_required):
        raise invalid_request(
            "Auto-enable plan must be a free product, or have a free trial with 'card_required' as false"
        )
    return plan


def get_or_create_entity(
    call: Call, transaction: Transaction, customer: Customer, entity_id: str, data: EntityData | None
) -> Entity:
    """The entity with this id; created from ``entity_data`` when there is none."""
    found = find_entity(call.environment, customer, entity_id)
    if found is not None:
        return found
    if data is None or not data.feature_id:
        raise ApiError(
            400,
            f"Entity with id {entity_id} not found. To automatically create this entity, please pass in 'feature_id' "
            "into the 'entity_data' field of the request body.",
            "invalid_inputs",
        )
    entity = create_entity(call, transaction, customer, entity_id, data)
    take_seat(call, transaction, entity)
    return entity


def create_entity(
    call: Call, transaction: Transaction, customer: Customer, entity_id: str, data: EntityData | EntitiesCreate
) -> Entity:
    feature = call.feature(data.feature_id)
    entity = Entity(
        internal_id=new_id("ety"),
        id=entity_id,
        customer=customer.internal_id,
        feature_id=feature.id,
        created_at=call.now,
        name=data.name,
        billing_controls=to_controls(data.billing_controls),
    )
    transaction.put(entity)
    give_share(call, transaction, entity)
    return entity
