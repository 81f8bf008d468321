"""Billing controls: the limits, alerts and permissions that customers, entities and plans may carry."""

from __future__ import annotations

from typing import Any, Literal

from autumn_mock.wire import schema as z

#: Which events a control counts; kept as it was sent.
_FILTER = z.obj({"properties": z.record(z.union(z.string(), z.number(), z.boolean()))})


class UsageLimitParams(z.Params):
    feature_id: str = z.field(z.string())
    enabled: bool = z.field(z.boolean(), default=True)
    limit: float = z.field(z.number(min=0))
    interval: Literal["day", "week", "month", "year"] = z.field(z.enum("day", "week", "month", "year"))
    anchor: Literal["billing_cycle", "utc"] | None = z.field(z.enum("billing_cycle", "utc"), default=None)
    filter: dict[str, Any] | None = z.field(_FILTER, default=None)


class UsageLimitUpdate(UsageLimitParams):
    """A limit, and how much of its window is already used."""

    usage: float | None = z.field(z.number(min=0), default=None)


class UsageUpdate(z.Params):
    """How much of the window of an existing limit is already used."""

    feature_id: str = z.field(z.string())
    usage: float = z.field(z.number(min=0))
    filter: dict[str, Any] | None = z.field(_FILTER, default=None)


_USAGE_LIMIT_UPDATE = z.union(z.obj(UsageLimitUpdate), z.obj(UsageUpdate))


class UsageAlertParams(z.Params):
    feature_id: str | None = z.field(z.string(), default=None)
    enabled: bool = z.field(z.boolean(), default=True)
    threshold: float = z.field(z.number(min=0))
    threshold_type: Literal["usage", "usage_percentage", "remaining", "remaining_percentage"] = z.field(
        z.enum("usage", "usage_percentage", "remaining", "remaining_percentage")
    )
    basis: str | None = z.field(z.enum("balance", "included", "recurring", "usage_limit"), default=None)
    filter: dict[str, Any] | None = z.field(_FILTER, default=None)
    name: str | None = z.field(z.string(), default=None)


class SpendLimitParams(z.Params):
    feature_id: str | None = z.field(z.string(), default=None)
    enabled: bool = z.field(z.boolean(), default=False)
    limit_type: Literal["absolute", "usage_percentage"] | None = z.field(
        z.enum("absolute", "usage_percentage"), default=None
    )
    overage_limit: float | None = z.field(z.number(min=0), default=None)
    skip_overage_billing: bool | None = z.field(z.boolean(), default=None)


#: Kept as it was sent.
_PURCHASE_LIMIT = z.obj(
    {
        "interval": z.enum("hour", "day", "week", "month"),
        "interval_count": z.default(z.number(min=1), 1),
        "limit": z.number(min=1),
        "count": z.optional(z.number(min=0)),
    }
)


class AutoTopupParams(z.Params):
    feature_id: str = z.field(z.string())
    enabled: bool = z.field(z.boolean(), default=False)
    threshold: float = z.field(z.number())
    quantity: float = z.field(z.number(min=1))
    purchase_limit: dict[str, Any] | None = z.field(_PURCHASE_LIMIT, default=None)
    invoice_mode: bool | None = z.field(z.boolean(), default=None)


class OverageAllowedParams(z.Params):
    feature_id: str = z.field(z.string())
    enabled: bool = z.field(z.boolean(), default=False)


class EntityControlsParams(z.Params):
    spend_limits: list[SpendLimitParams] | None = z.field(z.array(z.obj(SpendLimitParams)), default=None)
    usage_limits: list[UsageLimitParams] | None = z.field(z.array(z.obj(UsageLimitParams)), default=None)
    usage_alerts: list[UsageAlertParams] | None = z.field(z.array(z.obj(UsageAlertParams)), default=None)
    overage_allowed: list[OverageAllowedParams] | None = z.field(z.array(z.obj(OverageAllowedParams)), default=None)


class CustomerControlsParams(EntityControlsParams, leading=("auto_topups",)):
    """Those of an entity, and top-ups; plans carry the same as their customers' defaults."""

    auto_topups: list[AutoTopupParams] | None = z.field(z.array(z.obj(AutoTopupParams)), default=None)


class EntityControlsUpdate(z.Params):
    spend_limits: list[SpendLimitParams] | None = z.field(z.array(z.obj(SpendLimitParams)), default=None)
    usage_limits: list[UsageLimitUpdate | UsageUpdate] | None = z.field(z.array(_USAGE_LIMIT_UPDATE), default=None)
    usage_alerts: list[UsageAlertParams] | None = z.field(z.array(z.obj(UsageAlertParams)), default=None)
    overage_allowed: list[OverageAllowedParams] | None = z.field(z.array(z.obj(OverageAllowedParams)), default=None)


class CustomerControlsUpdate(EntityControlsUpdate, leading=("auto_topups",)):
    auto_topups: list[AutoTopupParams] | None = z.field(z.array(z.obj(AutoTopupParams)), default=None)
    balance_allocations: list[dict[str, Any]] | None = z.field(z.array(z.record()), default=None)
