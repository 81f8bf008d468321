"""Customers and entities by id, and the up-to-date account of one customer."""

from __future__ import annotations

from autumn_mock.domain.customer import Customer, Entity
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.resets import refresh
from autumn_mock.operations.accounts import load_account, store
from autumn_mock.operations.billing.due_changes import apply_plan_changes
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import customer_not_found, entity_not_found
from autumn_mock.operations.lock_release import release_expired_locks
from autumn_mock.store.environment import Environment, Transaction


def find_customer(environment: Environment, customer_id: str | None) -> Customer | None:
    """A customer by its own id or by the internal one."""
    if not customer_id:
        return None
    found = environment.customers.of(customer_id)
    if found:
        return next(iter(found.values()))
    return environment.customers.get(customer_id)


def get_customer(environment: Environment, customer_id: str | None) -> Customer:
    """A customer by id; 404 when there is none, also for the empty id."""
    customer = find_customer(environment, customer_id)
    if customer is None:
        raise customer_not_found(customer_id)
    return customer


def find_entity(environment: Environment, customer: Customer, entity_id: str) -> Entity | None:
    """An entity of a customer by its own id or by the internal one."""
    for entity in environment.entities.of(customer.internal_id).values():
        if entity_id in (entity.id, entity.internal_id):
            return entity
    return None


def get_entity(environment: Environment, customer: Customer, entity_id: str) -> Entity:
    """An entity of a customer; 404 when there is none."""
    entity = find_entity(environment, customer, entity_id)
    if entity is None:
        raise entity_not_found(entity_id)
    return entity


def open_account(call: Call, transaction: Transaction, customer: Customer) -> Account:
    """The account of a customer, with due plan changes, lock expiries and resets applied."""
    apply_plan_changes(call, transaction, customer)
    stored = call.environment.customers.get(customer.internal_id)  # payments may have changed it
    account = load_account(call, customer if stored is None else stored)
    release_expired_locks(call, transaction, account)
    refresh(account, new_id)
    if account.changed:
        store(transaction, account)
    return account
