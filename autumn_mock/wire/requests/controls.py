"""Billing controls: the limits, alerts and permissions that customers, entities and plans may carry."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar

from msgspec.structs import asdict

from autumn_mock.domain.plan import Interval
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.intervals import RESET_INTERVAL

T = TypeVar("T")

_MOST_KEYS = 4
_PROPERTIES = z.record(z.union(z.string(min=1, max=128), z.number(), z.boolean()))
#: Which events a control counts; kept as it was sent.
_FILTER = z.obj(
    {
        "properties": _PROPERTIES.refine(
            lambda properties: 1 <= len(properties) <= _MOST_KEYS,
            f"filter.properties must have between 1 and {_MOST_KEYS} keys",
        )
    }
)


def _only_once(entry: z.Schema[T], kind: str, *names: str) -> z.Array[T]:
    """A list without two entries that are the same in the named fields; the issue is at the first one that repeats.

    An entry without a feature is one of its own.
    """
    *others, last = names
    alike = f"{', '.join(others)} and {last}" if others else last
    field = "threshold" if "threshold" in names else "feature_id"

    def repeated(entries: list[Any]) -> int | None:
        seen = set()
        for index, each in enumerate(entries):
            sent = each if isinstance(each, dict) else asdict(each)
            key = json.dumps([sent.get(name) for name in names], sort_keys=True)
            if key in seen and sent.get(field) is not None:
                return index
            seen.add(key)
        return None

    text = f"Only one {kind} entry is allowed per {alike}"
    return z.array(entry).refine(
        lambda entries: repeated(entries) is None, text, lambda entries: (repeated(entries) or 0, field)
    )


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
    basis: Literal["balance", "included", "recurring", "usage_limit"] | None = z.field(
        z.enum("balance", "included", "recurring", "usage_limit"), default=None
    )
    filter: dict[str, Any] | None = z.field(_FILTER, default=None)
    name: str | None = z.field(z.string(), default=None)

    @z.rule("Threshold must be between 0 and 100 for remaining_percentage", ("threshold",))
    def _is_a_share(self) -> bool:
        return self.threshold_type != "remaining_percentage" or self.threshold <= 100

    @z.rule("filter is only valid with basis usage_limit", ("filter",))
    def _filters_a_limit(self) -> bool:
        return self.filter is None or self.basis == "usage_limit"


class SpendLimitParams(z.Params):
    feature_id: str | None = z.field(z.string(), default=None)
    enabled: bool = z.field(z.boolean(), default=False)
    limit_type: Literal["absolute", "usage_percentage"] | None = z.field(
        z.enum("absolute", "usage_percentage"), default=None
    )
    overage_limit: float | None = z.field(z.number(min=0), default=None)
    skip_overage_billing: bool | None = z.field(z.boolean(), default=None)

    @z.rule("feature_id is required when overage_limit or skip_overage_billing is provided", ("feature_id",))
    def _names_what_it_limits(self) -> bool:
        return self.feature_id is not None or (self.overage_limit is None and self.skip_overage_billing is None)


class PurchaseLimitParams(z.Params):
    """How many top-ups a window may have, and how many it has had."""

    interval: Literal["hour", "day", "week", "month"] = z.field(z.enum("hour", "day", "week", "month"))
    interval_count: float = z.field(z.number(min=1), default=1)
    limit: float = z.field(z.number(min=1))
    count: float | None = z.field(z.number(min=0), default=None)

    @z.rule("count cannot be greater than limit", ("count",))
    def _is_within(self) -> bool:
        return self.count is None or self.count <= self.limit


class AutoTopupParams(z.Params):
    feature_id: str = z.field(z.string())
    enabled: bool = z.field(z.boolean(), default=False)
    threshold: float = z.field(z.number())
    quantity: float = z.field(z.number(min=1))
    purchase_limit: PurchaseLimitParams | None = z.field(z.obj(PurchaseLimitParams), default=None)
    invoice_mode: bool | None = z.field(z.boolean(), default=None)


class OverageAllowedParams(z.Params):
    feature_id: str = z.field(z.string())
    enabled: bool = z.field(z.boolean(), default=False)


_SPEND_LIMITS = _only_once(z.obj(SpendLimitParams), "spend limit", "feature_id")
_USAGE_LIMITS = _only_once(z.obj(UsageLimitParams), "usage limit", "feature_id", "filter")
_USAGE_LIMIT_UPDATES = _only_once(_USAGE_LIMIT_UPDATE, "usage limit", "feature_id", "filter")
_USAGE_ALERTS = _only_once(
    z.obj(UsageAlertParams), "usage alert", "feature_id", "basis", "filter", "threshold_type", "threshold"
)
_OVERAGE_ALLOWED = _only_once(z.obj(OverageAllowedParams), "overage_allowed", "feature_id")
_AUTO_TOPUPS = _only_once(z.obj(AutoTopupParams), "auto top-up", "feature_id")


class EntityControlsParams(z.Params):
    spend_limits: list[SpendLimitParams] | None = z.field(_SPEND_LIMITS, default=None)
    usage_limits: list[UsageLimitParams] | None = z.field(_USAGE_LIMITS, default=None)
    usage_alerts: list[UsageAlertParams] | None = z.field(_USAGE_ALERTS, default=None)
    overage_allowed: list[OverageAllowedParams] | None = z.field(_OVERAGE_ALLOWED, default=None)


class CustomerControlsParams(EntityControlsParams, leading=("auto_topups",)):
    """Those of an entity, and top-ups; plans carry the same as their customers' defaults."""

    auto_topups: list[AutoTopupParams] | None = z.field(_AUTO_TOPUPS, default=None)


class OrganisationConfigUpdate(z.Params):
    """The settings of an organisation that can be changed here."""

    usage_alerts: list[UsageAlertParams] | None = z.field(_USAGE_ALERTS, default=None)
    sandbox_usage_alerts: list[UsageAlertParams] | None = z.field(_USAGE_ALERTS, default=None)


class EntityControlsUpdate(z.Params):
    spend_limits: list[SpendLimitParams] | None = z.field(_SPEND_LIMITS, default=None)
    usage_limits: list[UsageLimitUpdate | UsageUpdate] | None = z.field(_USAGE_LIMIT_UPDATES, default=None)
    usage_alerts: list[UsageAlertParams] | None = z.field(_USAGE_ALERTS, default=None)
    overage_allowed: list[OverageAllowedParams] | None = z.field(_OVERAGE_ALLOWED, default=None)


class EntityAllocation(z.Params):
    entity_id: str = z.field(z.string())
    amount: float = z.field(z.number(min=0))


class AllocationParams(z.Params):
    """All shares of the credits of a feature that are reset at an interval; entities that are left out have none."""

    feature_id: str = z.field(z.string())
    interval: Interval = z.field(RESET_INTERVAL)
    allocations: list[EntityAllocation] = z.field(z.array(z.obj(EntityAllocation)))

    @z.rule("Only one allocation is allowed per entity_id", ("allocations",))
    def _names_entities_once(self) -> bool:
        return len({each.entity_id for each in self.allocations}) == len(self.allocations)


class CustomerControlsUpdate(EntityControlsUpdate, leading=("auto_topups",)):
    auto_topups: list[AutoTopupParams] | None = z.field(_AUTO_TOPUPS, default=None)
    balance_allocations: list[AllocationParams] | None = z.field(
        _only_once(z.obj(AllocationParams), "balance allocation", "feature_id", "interval"), default=None
    )
