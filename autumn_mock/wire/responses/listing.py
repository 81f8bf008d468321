"""Rows of ``balances.list``, ``subscriptions.list`` and ``purchases.list``, each with its owner."""

from __future__ import annotations

from typing import Any, Literal

from autumn_mock.domain.customer import Customer
from autumn_mock.operations.listing import BalanceLine, PlanLine
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.balance import (
    BalanceRowBody,
    RolloverBody,
    rollover_bodies,
    row_fields,
)
from autumn_mock.wire.responses.customer import Owner, SubscriptionBody, purchase_fields, subscription_fields


class BalanceLineBody(BalanceRowBody, kw_only=True):
    """One grant of a customer."""

    feature_id: str
    status: Literal["active", "expired"]
    rollovers: list[RolloverBody]
    customer_id: str
    entity_id: str | None
    created_at: int


class SubscriptionLineBody(SubscriptionBody, kw_only=True):
    """A plan of a customer that renews."""

    customer_id: str
    entity_id: str | None
    created_at: int


class PurchaseLineBody(Body, kw_only=True):
    """A plan of a customer that was paid once."""

    id: str
    plan_id: str
    expires_at: int | None
    started_at: int
    quantity: Number
    scope: Owner
    status: Literal["active", "scheduled"]
    customer_id: str
    entity_id: str | None
    created_at: int


class AdvancedClockBody(Body):
    """The time of an organisation after its test clock was moved (ms)."""

    customer_id: str
    frozen_time: int
    status: Literal["ready"] = "ready"


class LooseBalancesBody(Body):
    """All balances of a customer that no plan granted."""

    balances: list[BalanceLineBody]


def _owner(customer: Customer, entity_id: str | None, created_at: int) -> dict[str, Any]:
    return {"customer_id": customer.id or customer.internal_id, "entity_id": entity_id, "created_at": created_at}


def balance_line_body(line: BalanceLine) -> BalanceLineBody:
    """One grant of a customer."""
    return BalanceLineBody(
        **row_fields(line.view.breakdown[0]),
        feature_id=line.row.feature_id,
        status="expired" if line.is_expired else "active",
        rollovers=rollover_bodies(line.view),
        **_owner(line.customer, line.entity_id, line.row.created_at),
    )


def subscription_line_body(line: PlanLine) -> SubscriptionLineBody:
    """A plan of a customer that renews."""
    attached = line.attached
    owner = _owner(line.customer, attached.entity_id, attached.created_at)
    return SubscriptionLineBody(**subscription_fields(attached), **owner)


def purchase_line_body(line: PlanLine) -> PurchaseLineBody:
    """A plan of a customer that was paid once."""
    attached = line.attached
    owner = _owner(line.customer, attached.entity_id, attached.created_at)
    return PurchaseLineBody(id=attached.id, **purchase_fields(attached), status=attached.status, **owner)
