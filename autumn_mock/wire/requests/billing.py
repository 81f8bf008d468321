"""billing.attach and billing.update (and their previews), and the lists of what was attached."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.wire.requests.common import CustomerData, EntityData, RowsOfACustomer
from autumn_mock.wire.requests.items import Customize, FreeTrialParams
from autumn_mock.wire.schema import (
    Params,
    array,
    boolean,
    enum,
    field,
    instant,
    integer,
    literal,
    nullable,
    number,
    obj,
    optional,
    record,
    rule,
    string,
    union,
)


class FeatureQuantity(Params):
    """The total that the customer is to have of a prepaid feature, the included amount counted."""

    feature_id: str = field(string())
    quantity: float | None = field(number(min=0, min_text="quantity must be >= 0"), default=None)
    adjustable: bool | None = field(boolean(), default=None)
    stripe_price_id: str | None = field(string(), default=None)


class CarryOver(Params):
    """What a switch of plans takes over; without ``feature_ids`` of every feature."""

    enabled: bool = field(boolean())
    feature_ids: list[str] | None = field(array(string()), default=None)


_INVOICE_MODE = obj(
    {
        "enabled": boolean(),
        "enable_plan_immediately": optional(boolean()),
        "finalize": optional(boolean()),
        "issue_method": optional(enum("draft", "finalize", "send")),
        "invoice_template_id": optional(string()),
        "net_terms_days": optional(integer()),
        "payment_method_types": optional(array(string())),
    }
)
_REDIRECT_MODE = enum("always", "if_required", "never")
_DISCOUNT = obj({"reward_id": optional(string()), "promotion_code": optional(string())})
_LINE = obj(
    {
        "amount": number(),
        "description": string(),
        "period_start": optional(instant()),
        "period_end": optional(instant()),
    }
)
_LICENSE_QUANTITY = obj({"license_plan_id": string(), "quantity": integer(min=0)})


class BillingParams(Params):
    """What attaching and updating have in common. Much of it is about payments: accepted and not used."""

    customer_id: str = field(string())
    entity_id: str | None = field(string(), default=None)
    plan_id: str | None = field(string(), default=None)
    feature_quantities: list[FeatureQuantity] | None = field(array(obj(FeatureQuantity)), default=None)
    version: float | None = field(number(), default=None)
    free_trial: FreeTrialParams | UnsetType | None = field(nullable(obj(FreeTrialParams)), default=UNSET)
    customize: Customize | None = field(obj(Customize), default=None)
    invoice_mode: dict[str, Any] | None = field(_INVOICE_MODE, default=None)
    proration_behavior: str | None = field(
        enum("prorate_immediately", "none", unlisted=("bill_difference",)), default=None
    )
    transition_rules: dict[str, Any] | None = field(record(), default=None)
    redirect_mode: str | None = field(_REDIRECT_MODE, default=None)
    subscription_id: str | None = field(string(), default=None)
    customer_data: CustomerData | None = field(obj(CustomerData), default=None)
    entity_data: EntityData | None = field(obj(EntityData), default=None)
    discounts: list[dict[str, Any]] | None = field(array(_DISCOUNT), default=None)
    remove_discounts: list[dict[str, Any]] | None = field(array(obj({"reward_id": string()})), default=None)
    custom_line_items: list[dict[str, Any]] | None = field(
        array(obj({"amount": number(), "description": string()})), default=None
    )
    add_lines: list[dict[str, Any]] | None = field(array(_LINE), default=None)
    remove_lines: list[dict[str, Any]] | None = field(array(record()), default=None)
    license_quantities: list[dict[str, Any]] | None = field(array(_LICENSE_QUANTITY), default=None)
    billing_cycle_anchor: str | int | None = field(union(literal("now"), instant()), default=None)
    processor_subscription_id: str | UnsetType | None = field(nullable(string()), default=UNSET)
    no_billing_changes: bool | None = field(boolean(), default=None)


class BillingAttach(BillingParams):
    plan_id: str = field(string())
    redirect_mode: str = field(_REDIRECT_MODE, default="if_required")
    success_url: str | None = field(string(), default=None)
    new_billing_subscription: bool | None = field(boolean(), default=None)
    plan_schedule: Literal["immediate", "end_of_cycle"] | None = field(enum("immediate", "end_of_cycle"), default=None)
    starts_at: int | None = field(instant(), default=None)
    ends_at: int | None = field(instant(), default=None)
    checkout_session_params: dict[str, Any] | None = field(record(), default=None)
    long_lived_checkout: bool | None = field(boolean(), default=None)
    carry_over_balances: CarryOver | None = field(obj(CarryOver), default=None)
    carry_over_usages: CarryOver | None = field(obj(CarryOver), default=None)
    metadata: dict[str, str] | None = field(record(string()), default=None)
    enable_plan_immediately: bool | None = field(boolean(), default=None)
    tax: dict[str, Any] | None = field(record(), default=None)
    tax_rate_id: str | None = field(string(), default=None)
    billing_details: dict[str, Any] | None = field(record(), default=None)
    currency: str | None = field(string(), default=None)
    remove_plan_ids: list[str] | None = field(array(string()), default=None)


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
    cancel_action: Literal["cancel_immediately", "cancel_end_of_cycle", "uncancel"] | None = field(
        enum("cancel_immediately", "cancel_end_of_cycle", "uncancel"), default=None
    )
    refund_last_payment: str | None = field(enum("prorated", "full"), default=None)
    subscription_params: dict[str, Any] | None = field(record(), default=None)
    recalculate_balances: dict[str, Any] | None = field(obj({"enabled": boolean()}), default=None)
    carry_over_usages: CarryOver | None = field(obj(CarryOver), default=None)
    status: str | None = field(enum("active", "past_due", "expired"), default=None)
    customer_product_id: str | None = field(string(), default=None)

    @rule(
        "At least one update parameter must be provided (feature_quantities, version, customize, cancel_action, "
        "recalculate_balances, billing_cycle_anchor, or discounts)"
    )
    def _updates_something(self) -> bool:
        if self.processor_subscription_id is not UNSET:
            return True
        return any(getattr(self, name) is not None for name in _UPDATES)


class SubscriptionsList(RowsOfACustomer):
    """Also the parameters of purchases.list."""

    statuses: list[str] | None = field(array(enum("active", "scheduled", "past_due", "expired"), min=1), default=None)
    plan_id: str | None = field(string(), default=None)
