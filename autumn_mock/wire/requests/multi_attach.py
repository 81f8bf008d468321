"""billing.multi_attach: several plans with one payment."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.billing import DISCOUNT, INVOICE_MODE, REDIRECT_MODE, FeatureQuantity
from autumn_mock.wire.requests.common import CustomerData, EntityData
from autumn_mock.wire.requests.items import Customize, FreeTrialParams


class PlanToAttach(z.Params):
    """One of the plans; ``entity_id`` null attaches it to the customer, whatever the request says."""

    plan_id: str = z.field(z.string())
    customize: Customize | None = z.field(z.obj(Customize), default=None)
    feature_quantities: list[FeatureQuantity] | None = z.field(z.array(z.obj(FeatureQuantity)), default=None)
    version: float | None = z.field(z.number(), default=None)
    subscription_id: str | None = z.field(z.string(), default=None)
    entity_id: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)


class BoughtTogether(z.Params):
    """How several plans are bought."""

    customer_id: str = z.field(z.string())
    entity_id: str | None = z.field(z.string(), default=None)
    free_trial: FreeTrialParams | UnsetType | None = z.field(z.nullable(z.obj(FreeTrialParams)), default=UNSET)
    currency: str | None = z.field(z.string(), default=None)
    invoice_mode: dict[str, Any] | None = z.field(INVOICE_MODE, default=None)
    discounts: list[dict[str, Any]] | None = z.field(z.array(DISCOUNT), default=None)
    billing_behavior: str | None = z.field(z.enum("prorate_immediately", "none"), default=None)
    billing_cycle_anchor: Literal["now"] | None = z.field(z.literal("now"), default=None)
    success_url: str | None = z.field(z.string(), default=None)
    checkout_session_params: dict[str, Any] | None = z.field(z.record(), default=None)
    redirect_mode: str = z.field(REDIRECT_MODE, default="if_required")
    enable_plan_immediately: bool | None = z.field(z.boolean(), default=None)
    no_billing_changes: bool | None = z.field(z.boolean(), default=None)
    customer_data: CustomerData | None = z.field(z.obj(CustomerData), default=None)
    entity_data: EntityData | None = z.field(z.obj(EntityData), default=None)


class MultiAttach(BoughtTogether):
    """Plans that a customer buys together."""

    plans: list[PlanToAttach] = z.field(z.array(z.obj(PlanToAttach)).refine(bool, "At least one plan must be provided"))
    starts_at: int | None = z.field(z.instant(), default=None)
    new_billing_subscription: bool | None = z.field(z.boolean(), default=None)
