"""Customers, their entities, and the plans they are on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from autumn_mock.domain.balance import Balance
from autumn_mock.domain.controls import BillingControls, TopupHistory
from autumn_mock.domain.payment import Card
from autumn_mock.domain.plan import Plan
from autumn_mock.domain.record import Count, Instant, Record


class Customer(Record, frozen=True, kw_only=True):
    """``internal_id`` is ours and never changes; ``id`` is the caller's and may be unset or renamed."""

    internal_id: str
    id: str | None
    created_at: Instant
    name: str | None = None
    email: str | None = None
    fingerprint: str | None = None
    stripe_id: str | None = None
    metadata: dict[str, Any] = {}
    send_email_receipts: bool = False
    billing_controls: BillingControls = BillingControls()
    config: dict[str, Any] = {}
    #: By feature.
    topups: dict[str, TopupHistory] = {}
    #: The versions of plans that the customer is not on any more, by plan.
    ended_plans: dict[str, tuple[int, ...]] = {}
    #: The payment method on file.
    card: Card | None = None
    #: What the next invoices are reduced by: the rest of invoices below zero.
    credit: Decimal = Decimal(0)


class Entity(Record, frozen=True, kw_only=True):
    """A part of a customer with usage of its own: a seat, a workspace."""

    internal_id: str
    id: str
    #: The owner's internal id.
    customer: str
    feature_id: str
    created_at: Instant
    name: str | None = None
    billing_controls: BillingControls = BillingControls()


#: The ``entity_id`` of a licence without a holder, whose usage waits for the next one.
RELEASED = ""


class CustomerPlan(Record, frozen=True, kw_only=True):
    """A plan attached to a customer, or to one of the customer's entities."""

    id: str
    customer: str
    #: The plan as it was attached: later versions and edits of it do not reach this customer.
    plan: Plan
    created_at: Instant
    #: In the future for a scheduled plan.
    started_at: Instant
    status: Literal["active", "scheduled"] = "active"
    #: The entity's id when the plan was attached to an entity.
    entity_id: str | None = None
    canceled_at: Instant | None = None
    expires_at: Instant | None = None
    trial_ends_at: Instant | None = None
    quantity: Decimal = Decimal(1)
    #: Units bought in advance, by feature, the included ones not counted.
    prepaid: dict[str, Decimal] = {}
    #: From when its billing cycles are counted; None: from its start.
    anchor: Instant | None = None
    #: The caller's own id of it, shown instead of ``id``.
    subscription_id: str | None = None
    #: Seats that were bought, the included ones counted, by the plan of the licence.
    license_quantities: dict[str, Count] = {}
    #: The names of the plans that its licences are of.
    license_names: dict[str, str] = {}
    #: The attached plan whose licence this is: a seat of the entity, or (:data:`RELEASED`) of none.
    license_parent: str | None = None
    #: The subscription that bills it; None: nothing is billed for it.
    billed_by: str | None = None
    #: Whether the last renewal was not paid.
    past_due: bool = False
    #: The closed plan that follows a trial with ``on_end: revert``.
    paused: str | None = None

    @property
    def cycle_anchor(self) -> int:
        """From when its billing cycles are counted (ms)."""
        return self.started_at if self.anchor is None else self.anchor

    @property
    def slot(self) -> tuple[str, str | None]:
        """Of the main plans in the same slot (group and entity) one is active."""
        return (self.plan.group or "", self.entity_id)

    @property
    def plan_id(self) -> str:
        return self.plan.id


class ClosedPlan(Record, frozen=True, kw_only=True):
    """A plan that a customer is not on now, and the balances that it had then."""

    #: That of ``attached``.
    id: str
    customer: str
    attached: CustomerPlan
    rows: tuple[Balance, ...] = ()
    #: None: it goes on when a trial ends.
    ended_at: Instant | None = None

    @property
    def created_at(self) -> int:
        """When the plan was attached (ms)."""
        return self.attached.created_at

    @property
    def feature_ids(self) -> set[str]:
        """The features that it names."""
        items = (item.feature_id for item in self.attached.plan.items)
        return {*items, *(row.feature_id for row in self.rows)}
