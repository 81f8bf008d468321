"""``customers.*`` and ``entities.*``: who the usage belongs to."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, CustomerPlan, Entity
from autumn_mock.domain.plan import Plan
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import set_usage, to_controls
from autumn_mock.operations.errors import ApiError, invalid_request, plan_not_found
from autumn_mock.operations.grants import give_share, grant, take_seat, take_share, trial_end, withdraw
from autumn_mock.operations.plans import auto_enabled_plans, latest_plan
from autumn_mock.operations.subjects import find_customer, find_entity, get_customer, get_entity, open_account, store
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.wire.requests.common import CustomerData, EntityData, ListFilters
from autumn_mock.wire.requests.customers import (
    CustomersCreate,
    CustomersGetOrCreate,
    CustomersList,
    CustomersListOffset,
    CustomersUpdate,
)
from autumn_mock.wire.requests.entities import EntitiesCreate, EntitiesList, EntitiesListOffset, EntitiesUpdate

T = TypeVar("T")


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
    """A customer that has only an email so far; without an id, any with this email."""
    if not email:
        return None
    candidates = environment.customers.of(None).values() if customer_id else environment.customers
    return next((customer for customer in candidates if customer.email == email), None)


def _create(call: Call, transaction: Transaction, customer_id: str | None, data: CustomerData) -> Customer:
    wanted = data.auto_enable_plan_id
    plans = [_auto_enable_plan(call, wanted)] if wanted else auto_enabled_plans(call.environment)
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


def _auto_enable_plan(call: Call, plan_id: str) -> Plan:
    plan = latest_plan(call.environment, plan_id)
    if plan is None:
        raise plan_not_found(plan_id)
    if not plan.is_free and (plan.free_trial is None or plan.free_trial.card_required):
        raise invalid_request(
            "Auto-enable plan must be a free product, or have a free trial with 'card_required' as false"
        )
    return plan


def begin(call: Call, transaction: Transaction, customer: Customer, plan: Plan, **attributes: Any) -> CustomerPlan:
    """Put a customer on a plan now."""
    attached = CustomerPlan(
        id=new_id("cus_prod"),
        customer=customer.internal_id,
        plan=plan,
        created_at=call.now,
        **{"started_at": call.now, "trial_ends_at": trial_end(plan.free_trial, call.now), **attributes},
    )
    transaction.put(attached)
    grant(call, transaction, attached)
    return attached


def get_or_create(call: Call, params: CustomersGetOrCreate | CustomersCreate) -> tuple[Account, Entity | None]:
    """``customers.get_or_create``; with ``entity_id`` and ``entity_data`` the entity too."""
    with call.write() as transaction:
        customer = get_or_create_customer(call, transaction, params.customer_id, params)
        entity = None
        if params.entity_id:
            entity = get_or_create_entity(call, transaction, customer, params.entity_id, params.entity_data)
        return open_account(call, transaction, customer), entity


def get(call: Call, customer_id: str) -> Account:
    """``customers.get``."""
    with call.write() as transaction:
        return open_account(call, transaction, get_customer(call.environment, customer_id))


class CustomerPage(Struct, frozen=True):
    """Customers, newest first. ``next``: the (created_at, id) to go on from, None at the end."""

    rows: list[Account]
    next: tuple[int, str] | None
    total_count: int
    filtered_count: int


def list_customers(
    call: Call, params: CustomersList | CustomersListOffset, *, before: tuple[int, str] | None = None, offset: int = 0
) -> CustomerPage:
    """``customers.list``: those that match, after ``before`` or from ``offset`` on."""
    environment = call.environment
    with call.write() as transaction:
        every = list(environment.customers)
        found = [each for each in reversed(every) if _is_wanted(call, each, params)]
        found.sort(key=lambda each: each.created_at, reverse=True)
        if isinstance(params, CustomersList) and params.sort_order == "asc":
            found.reverse()
        rest = found[offset:] if before is None else _after(found, before)
        shown = rest[: params.limit]
        last = shown[-1] if len(rest) > len(shown) else None
        return CustomerPage(
            rows=[open_account(call, transaction, each) for each in shown],
            next=(last.created_at, last.id) if last is not None and last.id is not None else None,
            total_count=len(every),
            filtered_count=len(found),
        )


def _after(found: list[Customer], before: tuple[int, str]) -> list[Customer]:
    for index, customer in enumerate(found):
        if (customer.created_at, customer.id) == before:
            return found[index + 1 :]
    return [each for each in found if each.created_at < before[0]]


def _is_wanted(call: Call, customer: Customer, params: ListFilters) -> bool:
    search = (params.search or "").lower()
    if search and not any(search in (text or "").lower() for text in (customer.id, customer.name, customer.email)):
        return False
    span = params.created_at_range if isinstance(params, CustomersList) else None
    if span is not None:
        if span.start is not None and customer.created_at < span.start:
            return False
        if span.end is not None and customer.created_at > span.end:
            return False
    wanted = {each.id: each.versions or () for each in params.plans or ()}
    status = params.subscription_status
    if not wanted and status is None:
        return True
    return any(
        (status is None or each.status == status)
        and (not wanted or each.plan_id in wanted)
        and (not wanted.get(each.plan_id) or each.plan.version in wanted[each.plan_id])
        for each in call.environment.customer_plans.of(customer.internal_id).values()
    )


def update(call: Call, params: CustomersUpdate) -> Account:
    """``customers.update``: metadata is merged, other fields that were sent are set."""
    environment = call.environment
    with call.write() as transaction:
        customer = get_customer(environment, params.customer_id)
        changed_id = params.new_customer_id or customer.id
        if changed_id != customer.id and find_customer(environment, changed_id) is not None:
            raise ApiError(
                409,
                f"Customer with ID {changed_id} already exists, can't change to this ID",
                "customer_already_exists",
            )
        customer = replace(
            customer,
            id=changed_id,
            name=_sent_or(params.name, customer.name),
            email=_sent_or(params.email, customer.email),
            fingerprint=_sent_or(params.fingerprint, customer.fingerprint),
            stripe_id=_sent_or(params.stripe_id, customer.stripe_id),
            send_email_receipts=_sent_or(params.send_email_receipts, customer.send_email_receipts),
            metadata=_merged(customer.metadata, params.metadata),
            config={**customer.config, **(params.config or {})},
            billing_controls=to_controls(params.billing_controls, customer.billing_controls),
        )
        transaction.put(customer)
        account = open_account(call, transaction, customer)
        set_usage(account, params.billing_controls)
        store(transaction, account)
        return account


def _sent_or(sent: T | UnsetType, old: T) -> T:
    return old if sent is UNSET else sent


def _merged(old: dict[str, Any], sent: dict[str, Any] | None) -> dict[str, Any]:
    """Metadata with what was sent set, and removed where that is null."""
    if sent is None:
        return old
    return {name: value for name, value in {**old, **sent}.items() if value is not None}


def delete(call: Call, customer_id: str) -> None:
    """``customers.delete``: the customer and everything of theirs."""
    environment = call.environment
    with call.write() as transaction:
        customer = get_customer(environment, customer_id)
        owner = customer.internal_id
        for table in (
            environment.balances,
            environment.customer_plans,
            environment.entities,
            environment.windows,
            environment.locks,
        ):
            for record in list(table.of(owner).values()):
                transaction.delete(record)
        transaction.delete_all(environment.events.between(None, None, owner))
        transaction.delete(customer)


# -- entities


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
    entity = _create_entity(call, transaction, customer, entity_id, data)
    take_seat(call, transaction, entity)
    return entity


def _create_entity(
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


def create_entity(call: Call, params: EntitiesCreate) -> tuple[Account, Entity]:
    """``entities.create``; an unknown customer is created as well, even if the entity is then refused.

    The account is as it was before the entity took its seat, which is what the answer shows.
    """
    environment = call.environment
    with call.write() as transaction:
        customer = get_or_create_customer(call, transaction, params.customer_id, params.customer_data or CustomerData())
    with call.write() as transaction:
        feature = call.feature(params.feature_id)
        if find_entity(environment, customer, params.entity_id) is not None:
            raise ApiError(409, f"Entity {params.entity_id} already exists", "entity_already_exists")
        if not feature.is_boolean and feature.consumable:
            raise invalid_request(
                f"Feature '{feature.id}' is consumable (e.g. credits, API calls). "
                "Entities can only be created for non-consumable features (e.g. seats)."
            )
        entity = _create_entity(call, transaction, customer, params.entity_id, params)
        account = open_account(call, transaction, customer)
        take_seat(call, transaction, entity)
        return account, entity


def owner_of_entity(call: Call, entity_id: str, customer_id: str | None, *, missing: ApiError) -> Customer:
    """The customer that has an entity; ``missing`` is raised when none is named and none has it."""
    environment = call.environment
    if customer_id:
        return get_customer(environment, customer_id)
    owners = {entity.customer for entity in environment.entities if entity.id == entity_id}
    if len(owners) > 1:
        raise ApiError(
            400,
            f"More than one customer has an entity with ID '{entity_id}'. "
            "Include customer_id in the request so we know which one to use.",
            "entity_id_required",
        )
    if not owners:
        raise missing
    owner = environment.customers.get(owners.pop())
    assert owner is not None
    return owner


def get_entity_account(call: Call, entity_id: str, customer_id: str | None) -> tuple[Account, Entity]:
    """``entities.get``."""
    missing = ApiError(500, f"Customer not found for entity {entity_id}", "internal_error")
    with call.write() as transaction:
        customer = owner_of_entity(call, entity_id, customer_id, missing=missing)
        entity = get_entity(call.environment, customer, entity_id)
        return open_account(call, transaction, customer), entity


class EntityPage(Struct, frozen=True):
    """Entities with their customers' accounts, newest first."""

    rows: list[tuple[Account, Entity]]
    next: tuple[int, str] | None
    total_count: int
    filtered_count: int


def list_entities(
    call: Call, params: EntitiesList | EntitiesListOffset, *, before: tuple[int, str] | None = None, offset: int = 0
) -> EntityPage:
    """``entities.list``: of one customer, or of all. An unknown customer has none."""
    environment = call.environment
    with call.write() as transaction:
        every = list(environment.entities)
        if params.customer_id is not None:
            customer = find_customer(environment, params.customer_id)
            every = list(environment.entities.of(customer.internal_id).values()) if customer is not None else []
        search = (params.search or "").lower()
        found = [
            each
            for each in reversed(every)
            if not search or search in each.id.lower() or search in (each.name or "").lower()
        ]
        found.sort(key=lambda each: each.created_at, reverse=True)
        rest = found[offset:]
        if before is not None:
            places = [index for index, each in enumerate(found) if (each.created_at, each.id) == before]
            rest = found[places[0] + 1 :] if places else [each for each in found if each.created_at < before[0]]
        shown = rest[: params.limit]
        rows = []
        for entity in shown:
            owner = environment.customers.get(entity.customer)
            assert owner is not None
            rows.append((open_account(call, transaction, owner), entity))
        last = shown[-1] if len(rest) > len(shown) else None
        return EntityPage(
            rows=rows,
            next=(last.created_at, last.id) if last is not None else None,
            total_count=len(environment.entities),
            filtered_count=len(found),
        )


def update_entity(call: Call, params: EntitiesUpdate) -> tuple[Account, Entity]:
    """``entities.update``: only billing controls can be changed."""
    missing = _no_owner(params.entity_id)
    with call.write() as transaction:
        customer = owner_of_entity(call, params.entity_id, params.customer_id, missing=missing)
        entity = get_entity(call.environment, customer, params.entity_id)
        if params.billing_controls is not None:
            controls = to_controls(params.billing_controls, entity.billing_controls)
            entity = replace(entity, billing_controls=controls)
            transaction.put(entity)
        account = open_account(call, transaction, customer)
        set_usage(account, params.billing_controls, entity)
        store(transaction, account)
        return account, entity


def delete_entity(call: Call, entity_id: str, customer_id: str | None) -> None:
    """``entities.delete``: its own balances and plans go with it, its seat is free again."""
    environment = call.environment
    with call.write() as transaction:
        customer = owner_of_entity(call, entity_id, customer_id, missing=_no_owner(entity_id))
        entity = get_entity(environment, customer, entity_id)
        for attached in list(environment.customer_plans.of(customer.internal_id).values()):
            if attached.entity_id == entity.id:
                withdraw(call, transaction, attached)
        take_share(call, transaction, entity)
        transaction.delete(entity)


def _no_owner(entity_id: str) -> ApiError:
    return ApiError(
        404,
        f"No customer found for entity '{entity_id}'. Pass customer_id to identify the customer.",
        "customer_not_found",
    )
