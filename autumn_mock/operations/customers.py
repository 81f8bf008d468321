"""``customers.*``: the owners of all usage."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from autumn_mock.domain.customer import Customer, Entity
from autumn_mock.ledger.account import Account
from autumn_mock.operations.accounts import store
from autumn_mock.operations.billing.topups import top_up, with_counts
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import require_allocated, set_usage, to_controls
from autumn_mock.operations.creation import get_or_create_customer, get_or_create_entity
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.listing import CountedPage, Place, cut
from autumn_mock.operations.subjects import find_customer, get_customer, open_account
from autumn_mock.wire.requests.common import ListFilters
from autumn_mock.wire.requests.customers import (
    CustomersCreate,
    CustomersGetOrCreate,
    CustomersList,
    CustomersListOffset,
    CustomersUpdate,
)

T = TypeVar("T")


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


def list_(
    call: Call, params: CustomersList | CustomersListOffset, *, before: Place | None = None, offset: int = 0
) -> CountedPage[Account]:
    """``customers.list``: those that match, newest first, after ``before`` or from ``offset`` on."""
    environment = call.environment
    with call.write() as transaction:
        every = list(environment.customers)
        found = [each for each in reversed(every) if _is_wanted(call, each, params)]
        found.sort(key=lambda each: each.created_at, reverse=True)
        if isinstance(params, CustomersList) and params.sort_order == "asc":
            found.reverse()
        shown, following = cut(found, before, offset, params.limit)
        rows = [open_account(call, transaction, each) for each in shown]
        return CountedPage(rows, following, len(every), len(found))


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
        customer = with_counts(customer, params.billing_controls, call.now)
        transaction.put(customer)
        account = open_account(call, transaction, customer)
        if params.billing_controls is not None and params.billing_controls.balance_allocations:
            require_allocated(account)
        set_usage(account, params.billing_controls)
        if params.billing_controls is not None and params.billing_controls.auto_topups:
            top_up(call, transaction, account)
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
            environment.closed_plans,
            environment.subscriptions,
            environment.invoices,
            environment.checkouts,
            environment.entities,
            environment.windows,
            environment.locks,
            environment.subscriptions,
            environment.invoices,
            environment.checkouts,
        ):
            for record in list(table.of(owner).values()):
                transaction.delete(record)
        transaction.delete_all(environment.events.between(None, None, owner))
        transaction.delete(customer)
