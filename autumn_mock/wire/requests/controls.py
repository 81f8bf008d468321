"""Billing controls: the limits, alerts and permissions that customers, entities and plans may carry."""

from __future__ import annotations

from typing import Any, Literal

from autumn_mock.wire.schema import (
    Params,
    array,
    boolean,
    default,
    enum,
    field,
    number,
    obj,
    optional,
    record,
    string,
    union,
)

#: Which events a control counts; kept as it was sent.
_FILTER = obj({"properties": record(union(string(), number(), boolean()))})


class UsageLimitParams(Params):
    feature_id: str = field(string())
    enabled: bool = field(boolean(), default=True)
    limit: float = field(number(min=0))
    interval: Literal["day", "week", "month", "year"] = field(enum("day", "week", "month", "year"))
    anchor: Literal["billing_cycle", "utc"] | None = field(enum("billing_cycle", "utc"), default=None)
    filter: dict[str, Any] | None = field(_FILTER, default=None)


class UsageLimitUpdate(UsageLimitParams):
    """A limit, and how much of its window is already used."""

    usage: float | None = field(number(min=0), default=None)


class UsageUpdate(Params):
    """How much of the window of an existing limit is already used."""

    feature_id: str = field(string())
    usage: float = field(number(min=0))
    filter: dict[str, Any] | None = field(_FILTER, default=None)


_USAGE_LIMIT_UPDATE = union(obj(UsageLimitUpdate), obj(UsageUpdate))


class UsageAlertParams(Params):
    feature_id: str | None = field(string(), default=None)
    enabled: bool = field(boolean(), default=True)
    threshold: float = field(number(min=0))
    threshold_type: Literal["usage", "usage_percentage", "remaining", "remaining_percentage"] = field(
        enum("usage", "usage_percentage", "remaining", "remaining_percentage")
    )
    basis: str | None = field(enum("balance", "included", "recurring", "usage_limit"), default=None)
    filter: dict[str, Any] | None = field(_FILTER, default=None)
    name: str | None = field(string(), default=None)


class SpendLimitParams(Params):
    feature_id: str | None = field(string(), default=None)
    enabled: bool = field(boolean(), default=False)
    limit_type: Literal["absolute", "usage_percentage"] | None = field(
        enum("absolute", "usage_percentage"), default=None
    )
    overage_limit: float | None = field(number(min=0), default=None)
    skip_overage_billing: bool | None = field(boolean(), default=None)


#: Kept as it was sent.
_PURCHASE_LIMIT = obj(
    {
        "interval": enum("hour", "day", "week", "month"),
        "interval_count": default(number(min=1), 1),
        "limit": number(min=1),
        "count": optional(number(min=0)),
    }
)


class AutoTopupParams(Params):
    feature_id: str = field(string())
    enabled: bool = field(boolean(), default=False)
    threshold: float = field(number())
    quantity: float = field(number(min=1))
    purchase_limit: dict[str, Any] | None = field(_PURCHASE_LIMIT, default=None)
    invoice_mode: bool | None = field(boolean(), default=None)


class OverageAllowedParams(Params):
    feature_id: str = field(string())
    enabled: bool = field(boolean(), default=False)


class EntityControlsParams(Params):
    spend_limits: list[SpendLimitParams] | None = field(array(obj(SpendLimitParams)), default=None)
    usage_limits: list[UsageLimitParams] | None = field(array(obj(UsageLimitParams)), default=None)
    usage_alerts: list[UsageAlertParams] | None = field(array(obj(UsageAlertParams)), default=None)
    overage_allowed: list[OverageAllowedParams] | None = field(array(obj(OverageAllowedParams)), default=None)


class CustomerControlsParams(EntityControlsParams, leading=("auto_topups",)):
    """Those of an entity, and top-ups; plans carry the same as their customers' defaults."""

    auto_topups: list[AutoTopupParams] | None = field(array(obj(AutoTopupParams)), default=None)


class EntityControlsUpdate(Params):
    spend_limits: list[SpendLimitParams] | None = field(array(obj(SpendLimitParams)), default=None)
    usage_limits: list[UsageLimitUpdate | UsageUpdate] | None = field(array(_USAGE_LIMIT_UPDATE), default=None)
    usage_alerts: list[UsageAlertParams] | None = field(array(obj(UsageAlertParams)), default=None)
    overage_allowed: list[OverageAllowedParams] | None = field(array(obj(OverageAllowedParams)), default=None)


class CustomerControlsUpdate(EntityControlsUpdate, leading=("auto_topups",)):
    auto_topups: list[AutoTopupParams] | None = field(array(obj(AutoTopupParams)), default=None)
    balance_allocations: list[dict[str, Any]] | None = field(array(record()), default=None)
