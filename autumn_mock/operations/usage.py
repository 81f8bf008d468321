"""Uses a feature: the step that track, check and the workers share (contract 13)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from autumn_mock.domain.amount import ZERO, amount
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Entity
from autumn_mock.domain.event import Deduction, Event
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.lock import Lock, Mutation
from autumn_mock.domain.record import instant
from autumn_mock.domain.track import TrackItem
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.deduction import InsufficientBalance, deduct, spendable_rows, summarise
from autumn_mock.ledger.intervals import DAY, HOUR
from autumn_mock.operations.balance_webhooks import queue_threshold, queue_webhooks, snapshot_for_webhooks
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, insufficient_balance, invalid_request
from autumn_mock.store.environment import Transaction


class FeatureUse(Struct):
    """What a usage took of one feature."""

    feature: Feature
    mutations: list[Mutation]
    had_rows: bool


class Usage(Struct):
    """What a usage took from an account, feature by feature."""

    account: Account
    entity: Entity | None
    uses: list[FeatureUse]
    deductions: tuple[Deduction, ...]

    @property
    def rows(self) -> list[Balance]:
        """The rows that counted when the usage began, as they are after it, including those that it drained."""
        touched = {step.balance_id for each in self.uses for step in each.mutations}
        account = self.account
        return [
            row for row in account.visible(self.entity, drained=True) if row.id in touched or not account.is_hidden(row)
        ]


def use(
    call: Call,
    transaction: Transaction,
    account: Account,
    entity: Entity | None,
    features: list[Feature],
    item: TrackItem,
    *,
    releases_at: int | None = None,
    message_id: str | None = None,
) -> Usage:
    """Take a usage from an account, write its event, and its receipt when it is a lock.

    Changed rows stay in the account for the caller to store. ``releases_at``: when a lock expires and its amount is
    given back. ``message_id``: the queued message of the usage. Raises :class:`ApiError` with nothing changed.
    """
    if item.event_name and item.overage_behavior == "reject":
        raise invalid_request(
            'overage_behavior "reject" is not supported with event_name. '
            'Use feature_id or set overage_behavior to "cap".'
        )
    lock = item.lock if item.feature_id else None
    if lock is not None:
        require_free_lock(call, lock.lock_id)
    value = amount(item.value)
    taken = value if item.taken is None else amount(item.taken)
    uses = [_use_feature(call, transaction, account, entity, feature, taken, item) for feature in features]
    deductions = summarise(account, [step for each in uses for step in each.mutations])
    if message_id is None:
        call.effects.deductions.extend(deductions)
    if lock is not None and uses[0].had_rows:
        expires_at = instant(lock.expires_at) if lock.expires_at is not None else None
        transaction.put(
            Lock(
                id=lock.lock_id,
                customer=account.customer.internal_id,
                feature_id=features[0].id,
                entity_id=entity.id if entity is not None else None,
                created_at=call.now,
                forgotten_at=call.now + DAY if expires_at is None else instant(expires_at + HOUR),
                releases_at=releases_at,
                mutations=tuple(uses[0].mutations),
                properties=item.properties,
                skip_event=bool(item.skip_event),
                overage_behavior="overflow" if item.overage_behavior == "overflow" else "cap",
            )
        )
    if not item.skip_event:
        name = item.event_name or item.feature_id or ""
        timestamp = item.timestamp or call.now
        write_event(transaction, account, entity, name, value, deductions, item.properties, timestamp, message_id)
    return Usage(account, entity, uses, deductions)


def _use_feature(
    call: Call,
    transaction: Transaction,
    account: Account,
    entity: Entity | None,
    feature: Feature,
    value: Decimal,
    item: TrackItem,
) -> FeatureUse:
    before = snapshot_for_webhooks(transaction, account)
    rows = spendable_rows(account, feature, entity)
    try:
        mutations = deduct(
            account,
            feature,
            value,
            entity=entity,
            behaviour=item.overage_behavior,
            properties=item.properties,
            rows=rows,
        )
    except InsufficientBalance:
        raise insufficient_balance(item.value, feature.id) from None
    queue_webhooks(transaction, before, account, entity, item.properties)
    queue_threshold(call, transaction, before, account, entity, feature)
    return FeatureUse(feature, mutations, bool(rows))


def write_event(
    transaction: Transaction,
    account: Account,
    entity: Entity | None,
    name: str,
    value: Decimal,
    deductions: tuple[Deduction, ...],
    properties: Mapping[str, Any] | None,
    timestamp: int,
    message_id: str | None = None,
) -> None:
    """Write the event of a usage."""
    transaction.put_deferred(
        Event(
            id=new_id("evt"),
            timestamp=timestamp,
            name=name,
            customer=account.customer.internal_id,
            entity_id=entity.id if entity is not None else None,
            value=value,
            properties=dict(properties) if properties else None,
            deductions=deductions,
            message_id=message_id,
        )
    )


def require_free_lock(call: Call, lock_id: str) -> None:
    """409 if a lock with this id exists. Lock ids are unique in an environment."""
    held = call.environment.locks.get(lock_id)
    if held is not None and held.forgotten_at > call.now:
        raise ApiError(409, "A lock with this ID already exists", "lock_already_exists")


def chosen_feature(usage: Usage, each: FeatureUse) -> Feature:
    """The feature whose balance a response shows for one feature of a usage.

    The first with an unlimited row; else the first whose rows lost something (credit systems last, rollovers not
    counted); else a credit system that lists the feature; else the feature itself.
    """
    account = usage.account
    relevant = account.relevant_features(each.feature)
    taken: dict[str, Decimal] = {}
    for step in each.mutations:
        if step.rollover_id is None:
            feature_id = account.rows[step.balance_id].feature_id
            taken[feature_id] = taken.get(feature_id, ZERO) + step.native
    unlimited = {row.feature_id for row in usage.rows if row.unlimited}
    for wanted in (unlimited, {feature_id for feature_id, total in taken.items() if total > 0}):
        for feature in relevant:
            if feature.id in wanted:
                return feature
    return relevant[1] if len(relevant) > 1 else each.feature
