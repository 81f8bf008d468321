"""Rows of ``balances.list``, ``subscriptions.list`` and ``purchases.list``, each with its owner."""

from __future__ import annotations

from typing import Any, Literal

from autumn_mock.domain.amount import number
from autumn_mock.domain.balance import Balance, Contribution
from autumn_mock.domain.customer import RELEASED, Customer, CustomerPlan
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Reset
from autumn_mock.operations.listing import BalanceLine, PlanLine, PlanStatus
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.balance import (
    BalanceRowBody,
    Owner,
    RolloverBody,
    rollover_bodies,
    row_fields,
    source_of,
)
from autumn_mock.wire.responses.customer import SubscriptionBody, purchase_fields, subscription_fields
from autumn_mock.wire.responses.feature import FeatureBody, feature_body


class BalanceLineBody(BalanceRowBody, kw_only=True):
    """One grant of a customer."""

    feature_id: str
    status: Literal["active", "expired"]
    rollovers: list[RolloverBody]
    customer_id: str
    entity_id: str | None
    created_at: int


class AssignmentBody(Body, kw_only=True):
    """A seat of a licence; without a holder once it was released."""

    license_plan_id: str
    entity_id: str | None
    active: bool
    started_at: int


def assignment_body(seat: CustomerPlan) -> AssignmentBody:
    """A seat of a licence."""
    return AssignmentBody(
        license_plan_id=seat.plan_id,
        entity_id=seat.entity_id or None,
        active=seat.entity_id != RELEASED,
        started_at=seat.started_at,
    )


class ContributionBody(Body, kw_only=True):
    """What one attached plan adds to a pooled balance."""

    customer_product_id: str
    plan_id: str
    entity_id: str | None
    included_grant: Number
    prepaid_grant: Number


def contribution_body(contribution: Contribution) -> ContributionBody:
    """What one attached plan adds to a pooled balance."""
    return ContributionBody(
        customer_product_id=contribution.customer_plan_id,
        plan_id=contribution.plan_id,
        entity_id=contribution.entity_id,
        included_grant=number(contribution.included),
        prepaid_grant=number(contribution.prepaid),
    )


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
    status: PlanStatus
    customer_id: str
    entity_id: str | None
    created_at: int


class AdvancedClockBody(Body):
    """The time of an organisation after its test clock was moved (ms)."""

    customer_id: str
    frozen_time: int
    status: Literal["ready"] = "ready"


class StoredEntitlementBody(Body, kw_only=True):
    """What a row grants, as the real service stores it."""

    feature_id: str
    feature: FeatureBody
    allowance_type: Literal["fixed", "unlimited"]
    allowance: Number
    interval: str | None
    interval_count: int
    entity_feature_id: str | None


class StoredRowBody(Body, kw_only=True):
    """A row of a balance, as the real service stores it."""

    id: str
    external_id: str | None
    customer_product_id: str | None
    customer_id: str | None
    internal_customer_id: str
    feature_id: str
    unlimited: bool
    balance: Number
    adjustment: Number
    usage_allowed: bool
    next_reset_at: int | None
    expires_at: int | None
    created_at: int
    entities: dict[str, dict[str, Any]] | None
    entitlement: StoredEntitlementBody


class StoredRowsBody(Body):
    """The stored rows of a customer that no plan granted, and the unlimited ones."""

    balances: list[StoredRowBody]


def stored_row_body(row: Balance, customer: Customer, feature: Feature) -> StoredRowBody:
    """A row as the real service stores it. The balance of an unlimited one is zero."""
    reset = row.reset or Reset(interval="one_off")
    shares = {
        name: {"id": name, "balance": number(share.balance), "adjustment": number(share.adjustment)}
        for name, share in row.shares.items()
    }
    return StoredRowBody(
        id=row.id,
        external_id=row.external_id,
        customer_product_id=row.customer_plan_id,
        customer_id=customer.id,
        internal_customer_id=customer.internal_id,
        feature_id=row.feature_id,
        unlimited=row.unlimited,
        balance=0 if row.unlimited else number(row.balance),
        adjustment=number(row.adjustment),
        usage_allowed=row.usage_allowed,
        next_reset_at=row.next_reset_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
        entities=shares if row.is_per_entity else None,
        entitlement=StoredEntitlementBody(
            feature_id=row.feature_id,
            feature=feature_body(feature),
            allowance_type="unlimited" if row.unlimited else "fixed",
            allowance=number(row.included),
            interval="lifetime" if reset.interval == "one_off" else reset.interval,
            interval_count=reset.interval_count,
            entity_feature_id=row.entity_feature_id,
        ),
    )


def _owner(customer: Customer, entity_id: str | None, created_at: int) -> dict[str, Any]:
    return {"customer_id": customer.id or customer.internal_id, "entity_id": entity_id, "created_at": created_at}


def balance_line_body(line: BalanceLine) -> BalanceLineBody:
    """One grant of a customer."""
    return BalanceLineBody(
        **row_fields(line.view.breakdown[0]),
        source=source_of(line.view.breakdown[0]),
        feature_id=line.row.feature_id,
        status="expired" if line.is_expired else "active",
        rollovers=rollover_bodies(line.view),
        **_owner(line.customer, line.entity_id, line.row.created_at),
    )


def subscription_line_body(line: PlanLine) -> SubscriptionLineBody:
    """A plan of a customer that renews."""
    attached = line.attached
    owner = _owner(line.customer, attached.entity_id, attached.created_at)
    fields = {**subscription_fields(attached, line.now, line.held), "status": line.status}
    return SubscriptionLineBody(**fields, **owner)


def purchase_line_body(line: PlanLine) -> PurchaseLineBody:
    """A plan of a customer that was paid once."""
    attached = line.attached
    owner = _owner(line.customer, attached.entity_id, attached.created_at)
    return PurchaseLineBody(id=attached.id, **purchase_fields(attached), status=line.status, **owner)
