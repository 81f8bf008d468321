"""``balances.track``: one usage, now."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from autumn_mock.domain.customer import Customer, Entity
from autumn_mock.domain.event import Deduction
from autumn_mock.domain.track import TrackItem
from autumn_mock.ledger.views import BalanceView, balance_view
from autumn_mock.operations.accounts import store
from autumn_mock.operations.billing.topups import top_up
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import get_or_create_customer, get_or_create_entity
from autumn_mock.operations.errors import entity_not_found
from autumn_mock.operations.idempotency import idempotent
from autumn_mock.operations.subjects import find_customer, get_customer, get_entity, open_account
from autumn_mock.operations.usage import Usage, chosen_feature, use
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.common import CustomerData, EntityData
from autumn_mock.wire.schema import parse


class TrackResult(Struct, frozen=True):
    """What a track answers: ``balance`` is the one a caller most likely means, ``balances`` all involved ones."""

    item: TrackItem
    balance: BalanceView | None
    balances: dict[str, BalanceView | None]
    deductions: tuple[Deduction, ...]


def track(call: Call, item: TrackItem) -> TrackResult:
    """Deduct a usage at once and answer with the balance it left."""
    features = call.tracked_features(item.feature_id, item.event_name)
    with idempotent(call, item.claim_key), call.write() as transaction:
        customer, entity = subject_of(call, transaction, item)
        account = open_account(call, transaction, customer)
        usage = use(call, transaction, account, entity, features, item)
        result = _result(usage, item)
        top_up(call, transaction, account, features)  # the answer shows the balance before it
        store(transaction, account)
        return result


def record(call: Call, item: TrackItem) -> None:
    """Deduct a usage as :func:`track` does, for a caller that needs no answer. It claims no idempotency key."""
    features = call.tracked_features(item.feature_id, item.event_name)
    with call.write() as transaction:
        customer, entity = subject_of(call, transaction, item)
        account = open_account(call, transaction, customer)
        use(call, transaction, account, entity, features, item)
        top_up(call, transaction, account, features)
        store(transaction, account)


def subject_of(call: Call, transaction: Transaction, item: TrackItem) -> tuple[Customer, Entity | None]:
    """The customer, and entity, that an item names, read or created as the version does.

    404 otherwise; an unknown customer together with an entity is reported as the entity.
    """
    environment = call.environment
    if call.traits.creates_customers:
        customer = get_or_create_customer(call, transaction, item.customer_id, customer_data_of(item.customer_data))
        if not item.entity_id:
            return customer, None
        entity_data = None if item.entity_data is None else parse(EntityData, item.entity_data)
        return customer, get_or_create_entity(call, transaction, customer, item.entity_id, entity_data)
    if item.entity_id and find_customer(environment, item.customer_id) is None:
        raise entity_not_found(item.entity_id)
    customer = get_customer(environment, item.customer_id)
    return customer, get_entity(environment, customer, item.entity_id) if item.entity_id else None


def customer_data_of(kept: dict[str, Any] | None) -> CustomerData:
    """What an item says about its customer; it is kept as it was checked."""
    return CustomerData() if kept is None else parse(CustomerData, kept)


def _result(usage: Usage, item: TrackItem) -> TrackResult:
    views = usage_views(usage)
    chosen = {chosen_feature(usage, each).id for each in usage.uses}
    shown = [view for feature_id in chosen if (view := views.get(feature_id)) is not None]
    return TrackResult(item, shown[0] if len(shown) == 1 else None, views, usage.deductions)


def usage_views(usage: Usage) -> dict[str, BalanceView | None]:
    """The balances of all features that a usage could touch; rows it drained are still shown."""
    account = usage.account
    rows = usage.rows
    involved = {feature.id: feature for each in usage.uses for feature in account.relevant_features(each.feature)}
    return {
        feature.id: None if feature.is_boolean else balance_view(account, feature, usage.entity, rows)
        for feature in involved.values()
    }
