"""Queues the webhooks of a deduction: compares the account before and after it.

Costs nothing if the organisation has no endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autumn_mock.domain.customer import Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.alerts import Snapshot, snapshot, threshold_for, webhooks_for
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction


def snapshot_for_webhooks(transaction: Transaction, account: Account) -> Snapshot | None:
    """The account before a deduction; None if there is no endpoint."""
    return snapshot(account) if transaction.is_watched else None


def queue_webhooks(
    transaction: Transaction,
    before: Snapshot | None,
    after: Account,
    entity: Entity | None,
    properties: Mapping[str, Any] | None = None,
) -> None:
    """Queue the webhooks of the deduction since :func:`snapshot_for_webhooks`; they are sent after commit."""
    if before is not None:
        transaction.queue_webhooks(webhooks_for(before, after, entity, properties))


def queue_threshold(
    call: Call,
    transaction: Transaction,
    before: Snapshot | None,
    after: Account,
    entity: Entity | None,
    feature: Feature,
) -> None:
    """Queue the older webhook of a used feature, for calls of versions that send it."""
    writer = call.environment.writer
    if before is None or writer is None or not call.traits.sends_thresholds:
        return
    kind = threshold_for(before, after, entity, feature)
    if kind is not None:
        webhook = writer.threshold_reached(call.environment, after, feature, kind, call.version)
        transaction.queue_webhooks([webhook])
