"""``entities.*``: the parts of a customer that have usage of their own."""

from __future__ import annotations

from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, Entity
from autumn_mock.ledger.account import Account
from autumn_mock.operations.accounts import store
from autumn_mock.operations.billing.grants import take_seat, take_share, withdraw
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import set_usage, to_controls
from autumn_mock.operations.creation import create_entity, get_or_create_customer
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.listing import CountedPage, Place, cut
from autumn_mock.operations.subjects import find_customer, find_entity, get_customer, get_entity, open_account
from autumn_mock.wire.requests.common import CustomerData
from autumn_mock.wire.requests.entities import EntitiesCreate, EntitiesList, EntitiesListOffset, EntitiesUpdate


def create(call: Call, params: EntitiesCreate) -> tuple[Account, Entity]:
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
        entity = create_entity(call, transaction, customer, params.entity_id, params)
        account = open_account(call, transaction, customer)
        take_seat(call, transaction, entity)
        return account, entity


def _owner(call: Call, entity_id: str, customer_id: str | None, *, missing: ApiError) -> Customer:
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


def get(call: Call, entity_id: str, customer_id: str | None) -> tuple[Account, Entity]:
    """``entities.get``."""
    missing = ApiError(500, f"Customer not found for entity {entity_id}", "internal_error")
    with call.write() as transaction:
        customer = _owner(call, entity_id, customer_id, missing=missing)
        entity = get_entity(call.environment, customer, entity_id)
        return open_account(call, transaction, customer), entity


def list_(
    call: Call, params: EntitiesList | EntitiesListOffset, *, before: Place | None = None, offset: int = 0
) -> CountedPage[tuple[Account, Entity]]:
    """``entities.list``: with the accounts of their customers, newest first. An unknown customer has none."""
    environment = call.environment
    with call.write() as transaction:
        every = list(environment.entities)
        if params.customer_id is not None:
            customer = find_customer(environment, params.customer_id)
            every = list(environment.entities.of(customer.internal_id).values()) if customer is not None else []
        search = (params.search or "").lower()
        found = [each for each in reversed(every) if search in each.id.lower() or search in (each.name or "").lower()]
        found.sort(key=lambda each: each.created_at, reverse=True)
        shown, following = cut(found, before, offset, params.limit)
        rows = []
        for entity in shown:
            owner = environment.customers.get(entity.customer)
            assert owner is not None  # an entity is deleted with its customer
            rows.append((open_account(call, transaction, owner), entity))
        return CountedPage(rows, following, len(environment.entities), len(found))


def update(call: Call, params: EntitiesUpdate) -> tuple[Account, Entity]:
    """``entities.update``: only billing controls can be changed."""
    missing = _no_owner(params.entity_id)
    with call.write() as transaction:
        customer = _owner(call, params.entity_id, params.customer_id, missing=missing)
        entity = get_entity(call.environment, customer, params.entity_id)
        if params.billing_controls is not None:
            controls = to_controls(params.billing_controls, entity.billing_controls)
            entity = replace(entity, billing_controls=controls)
            transaction.put(entity)
        account = open_account(call, transaction, customer)
        set_usage(account, params.billing_controls, entity)
        store(transaction, account)
        return account, entity


def delete(call: Call, entity_id: str, customer_id: str | None) -> None:
    """``entities.delete``: its own balances and plans go with it, its seat is free again."""
    environment = call.environment
    with call.write() as transaction:
        customer = _owner(call, entity_id, customer_id, missing=_no_owner(entity_id))
        entity = get_entity(environment, customer, entity_id)
        for attached in list(environment.customer_plans.of(customer.internal_id).values()):
            if attached.entity_id == entity.id:
                withdraw(call, transaction, attached)
        for closed in list(environment.closed_plans.of(customer.internal_id).values()):
            if closed.attached.entity_id == entity.id:
                transaction.delete(closed)
        take_share(call, transaction, entity)
        transaction.delete(entity)


def _no_owner(entity_id: str) -> ApiError:
    return ApiError(
        404,
        f"No customer found for entity '{entity_id}'. Pass customer_id to identify the customer.",
        "customer_not_found",
    )
