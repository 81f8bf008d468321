"""billing.attach and billing.update (and their previews), and the lists of what was attached."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import CustomerData, EntityData, RowsOfACustomer, RowsOfOwner, quantity_schema
from autumn_mock.wire.requests.items import Customize, FreeTrialParams


class FeatureQuantity(z.Params):
    """The total that the customer is to have of a prepaid feature, the included amount counted."""

    feature_id: str = z.field(z.string())
    quantity: float | None = z.field(quantity_schema("quantity must be >= 0"), default=None)
    adjustable: bool | None = z.field(z.boolean(), default=None)
    stripe_price_id: str | None = z.field(z.string(), default=None)


class CarryOver(z.Params):
    """What a switch of plans takes over; without ``feature_ids`` of every feature."""

    enabled: bool = z.field(z.boolean())
    feature_ids: list[str] | None = z.field(z.array(z.string()), default=None)


INVOICE_MODE = z.obj(
    {
        "enabled": z.boolean(),
        "enable_plan_immediately": z.optional(z.boolean()),
        "finalize": z.optional(z.boolean()),
        "issue_method": z.optional(z.enum("draft", "finalize", "send")),
        "invoice_template_id": z.optional(z.string()),
        "net_terms_days": z.optional(z.integer()),
        "payment_method_types": z.optional(z.array(z.string())),
    }
)
REDIRECT_MODE = z.enum("always", "if_required", "never")
DISCOUNT = z.obj({"reward_id": z.optional(z.string()), "promotion_code": z.optional(z.string())})
_LINE = z.obj(
    {
        "amount": z.number(),
        "description": z.string(),
        "period_start": z.optional(z.instant()),
        "period_end": z.optional(z.instant()),
    }
)
_LICENSE_QUANTITY = z.obj({"license_plan_id": z.string(), "quantity": z.integer(min=0)})


class BillingParams(z.Params):
    """What attaching and updating have in common. Much of it is about payments: accepted and not used."""

    customer_id: str = z.field(z.string())
    entity_id: str | None = z.field(z.string(), default=None)
    plan_id: str | None = z.field(z.string(), default=None)
    feature_quantities: list[FeatureQuantity] | None = z.field(z.array(z.obj(FeatureQuantity)), default=None)
    version: float | None = z.field(z.number(), default=None)
    free_trial: FreeTrialParams | UnsetType | None = z.field(z.nullable(z.obj(FreeTrialParams)), default=UNSET)
    customize: Customize | None = z.field(z.obj(Customize), default=None)
    invoice_mode: dict[str, Any] | None = z.field(INVOICE_MODE, default=None)
    proration_behavior: str | None = z.field(
        z.enum("prorate_immediately", "none", unlisted=("bill_difference",)), default=None
    )
    transition_rules: dict[str, Any] | None = z.field(z.record(), default=None)
    redirect_mode: str | None = z.field(REDIRECT_MODE, default=None)
    subscription_id: str | None = z.field(z.string(), default=None)
    customer_data: CustomerData | None = z.field(z.obj(CustomerData), default=None)
    entity_data: EntityData | None = z.field(z.obj(EntityData), default=None)
    discounts: list[dict[str, Any]] | None = z.field(z.array(DISCOUNT), default=None)
    remove_discounts: list[dict[str, Any]] | None = z.field(z.array(z.obj({"reward_id": z.string()})), default=None)
    custom_line_items: list[dict[str, Any]] | None = z.field(
        z.array(z.obj({"amount": z.number(), "description": z.string()})), default=None
    )
    add_lines: list[dict[str, Any]] | None = z.field(z.array(_LINE), default=None)
    remove_lines: list[dict[str, Any]] | None = z.field(z.array(z.record()), default=None)
    license_quantities: list[dict[str, Any]] | None = z.field(z.array(_LICENSE_QUANTITY), default=None)
    billing_cycle_anchor: str | int | None = z.field(z.union(z.literal("now"), z.instant()), default=None)
    processor_subscription_id: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)
    no_billing_changes: bool | None = z.field(z.boolean(), default=None)


class AttachParams(BillingParams):
    """How a plan is attached."""

    redirect_mode: str = z.field(REDIRECT_MODE, default="if_required")
    success_url: str | None = z.field(z.string(), default=None)
    new_billing_subscription: bool | None = z.field(z.boolean(), default=None)
    plan_schedule: Literal["immediate", "end_of_cycle"] | None = z.field(
        z.enum("immediate", "end_of_cycle"), default=None
    )
    starts_at: int | None = z.field(z.instant(), default=None)
    ends_at: int | None = z.field(z.instant(), default=None)
    checkout_session_params: dict[str, Any] | None = z.field(z.record(), default=None)
    long_lived_checkout: bool | None = z.field(z.boolean(), default=None)
    carry_over_balances: CarryOver | None = z.field(z.obj(CarryOver), default=None)
    carry_over_usages: CarryOver | None = z.field(z.obj(CarryOver), default=None)
    metadata: dict[str, str] | None = z.field(z.record(z.string()), default=None)
    enable_plan_immediately: bool | None = z.field(z.boolean(), default=None)
    tax: dict[str, Any] | None = z.field(z.record(), default=None)
    tax_rate_id: str | None = z.field(z.string(), default=None)
    billing_details: dict[str, Any] | None = z.field(z.record(), default=None)
    currency: str | None = z.field(z.string(), default=None)
    remove_plan_ids: list[str] | None = z.field(z.array(z.string()), default=None)


class BillingAttach(AttachParams):
    plan_id: str = z.field(z.string())


class SetupPayment(AttachParams):
    """Have a customer enter a card; with ``plan_id`` the plan is attached afterwards."""


class OpenPortal(z.Params):
    """The page where a customer manages plans and cards."""

    customer_id: str = z.field(z.string())
    return_url: str | None = z.field(z.string(), default=None)
    configuration_id: str | None = z.field(z.string(), default=None)


class InvoicesList(RowsOfOwner):
    """Invoices, newest first."""

    invoice_id: str | None = z.field(z.string(), default=None)
    stripe_id: str | None = z.field(z.string(), default=None)
    status: list[str] | None = z.field(z.array(z.enum("draft", "open", "void", "paid", "uncollectible")), default=None)
    processor_types: list[str] | None = z.field(z.array(z.enum("stripe", "revenuecat", "vercel")), default=None)

    @z.rule("entity_id filter requires customer_id", ("entity_id",))
    def _names_the_owner(self) -> bool:
        return not self.entity_id or bool(self.customer_id)


#: Of these an update needs one.
_UPDATES = (
    "feature_quantities",
    "license_quantities",
    "version",
    "customize",
    "cancel_action",
    "billing_cycle_anchor",
    "no_billing_changes",
    "refund_last_payment",
    "recalculate_balances",
    "status",
    "redirect_mode",
    "discounts",
    "remove_discounts",
    "custom_line_items",
)


class BillingUpdate(BillingParams):
    cancel_action: Literal["cancel_immediately", "cancel_end_of_cycle", "uncancel"] | None = z.field(
        z.enum("cancel_immediately", "cancel_end_of_cycle", "uncancel"), default=None
    )
    refund_last_payment: str | None = z.field(z.enum("prorated", "full"), default=None)
    subscription_params: dict[str, Any] | None = z.field(z.record(), default=None)
    recalculate_balances: dict[str, Any] | None = z.field(z.obj({"enabled": z.boolean()}), default=None)
    carry_over_usages: CarryOver | None = z.field(z.obj(CarryOver), default=None)
    status: str | None = z.field(z.enum("active", "past_due", "expired"), default=None)
    customer_product_id: str | None = z.field(z.string(), default=None)

    @z.rule(
        "At least one update parameter must be provided (feature_quantities, version, customize, cancel_action, "
        "recalculate_balances, billing_cycle_anchor, or discounts)"
    )
    def _updates_something(self) -> bool:
        if self.processor_subscription_id is not UNSET:
            return True
        return any(getattr(self, name) is not None for name in _UPDATES)


class SubscriptionsList(RowsOfACustomer):
    """Also the parameters of purchases.list."""

    statuses: list[str] | None = z.field(
        z.array(z.enum("active", "scheduled", "past_due", "expired"), min=1), default=None
    )
    plan_id: str | None = z.field(z.string(), default=None)


class Cancellation(z.Params):
    """What becomes of one of several plans."""

    cancel_action: Literal["cancel_immediately", "cancel_end_of_cycle", "uncancel"] = z.field(
        z.enum("cancel_immediately", "cancel_end_of_cycle", "uncancel")
    )
    plan_id: str | None = z.field(z.string(), default=None)
    subscription_id: str | None = z.field(z.string(), default=None)
    entity_id: str | None = z.field(z.string(), default=None)
    proration_behavior: str | None = z.field(z.enum("prorate_immediately", "none"), default=None)


class MultiUpdate(z.Params):
    """Cancel several plans together."""

    customer_id: str = z.field(z.string())
    updates: list[Cancellation] = z.field(
        z.array(z.obj(Cancellation)).refine(bool, "At least one update must be provided")
    )
    entity_id: str | None = z.field(z.string(), default=None)
    refund_last_payment: str | None = z.field(z.enum("prorated", "full"), default=None)
    subscription_params: dict[str, Any] | None = z.field(z.record(), default=None)
