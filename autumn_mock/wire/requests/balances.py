"""balances.check, finalize, create, update, delete, list, recalculate, and the old set-usage call.

What depends on the feature (a boolean one takes no grant, and so on) is not checked here: the real server does that
later and answers differently.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.domain.plan import Interval
from autumn_mock.domain.track import OverageBehavior
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import (
    OFFSET,
    CustomerData,
    EntityData,
    ResetParams,
    RowsOfACustomer,
    page_limit,
)
from autumn_mock.wire.requests.intervals import RESET_INTERVAL
from autumn_mock.wire.requests.track import OVERAGE_BEHAVIOR, LockParams


class CheckLock(LockParams):
    overage_behavior: OverageBehavior | None = z.field(OVERAGE_BEHAVIOR, default=None)


class Check(z.Params):
    customer_id: str = z.field(z.string())
    feature_id: str | None = z.field(z.string(), default=None)
    entity_id: str | None = z.field(z.string(), default=None)
    customer_data: dict[str, Any] | None = z.field(z.as_json(CustomerData), default=None)
    entity_data: dict[str, Any] | None = z.field(z.as_json(EntityData), default=None)
    required_balance: float | None = z.field(z.number(), default=None)
    properties: dict[str, Any] | None = z.field(z.record(), default=None)
    send_event: bool | None = z.field(z.boolean(), default=None)
    lock: CheckLock | None = z.field(z.obj(CheckLock), default=None)
    with_preview: bool | None = z.field(z.boolean(), default=None)
    product_id: str | None = z.field(z.string(), default=None)
    required_quantity: float | None = z.field(z.number(), default=None)
    skip_event: bool | None = z.field(z.boolean(), default=None)

    @z.rule("Must provide either product_id or feature_id")
    def _names_one(self) -> bool:
        return bool(self.product_id) != bool(self.feature_id)


class CheckQuery(z.Params):
    expand: list[str] | None = z.field(z.comma_separated(z.enum("balance.feature", "flag.feature")), default=None)
    skip_cache: bool | None = z.field(z.boolean(), default=None)


class Finalize(z.Params):
    lock_id: str = z.field(z.string())
    action: Literal["confirm", "release"] = z.field(z.enum("confirm", "release"))
    override_value: float | None = z.field(z.number(), default=None)
    properties: dict[str, Any] | None = z.field(z.record(), default=None)

    @z.rule("override_value cannot be provided when action is release", ("override_value",))
    def _overrides_what_is_confirmed(self) -> bool:
        return self.action != "release" or self.override_value is None


class FeatureOfACustomer(z.Params):
    customer_id: str = z.field(z.string())
    feature_id: str = z.field(z.string())
    entity_id: str | None = z.field(z.string(), default=None)


class BalanceRollover(z.Params):
    max: float | None = z.field(z.nullable(z.number()), default=None)
    max_percentage: float | None = z.field(z.nullable(z.number()), default=None)
    duration: Literal["month", "forever"] = z.field(z.enum("month", "forever"), default="month")
    length: float = z.field(z.number())


class BalancesCreate(FeatureOfACustomer):
    included_grant: float | None = z.field(z.number(), default=None)
    unlimited: bool | None = z.field(z.boolean(), default=None)
    reset: ResetParams | None = z.field(z.obj(ResetParams), default=None)
    rollover: BalanceRollover | None = z.field(z.obj(BalanceRollover), default=None)
    expires_at: float | None = z.field(z.number(), default=None)
    next_reset_at: float | None = z.field(z.number(), default=None)
    balance_id: str | None = z.field(z.string(), default=None)
    granted_balance: float | None = z.field(z.number(), default=None)


class BalancesUpdate(FeatureOfACustomer):
    """The documented rules that two fields exclude each other are not enforced by the real server."""

    remaining: float | None = z.field(z.number(), default=None)
    add_to_balance: float | None = z.field(z.number(), default=None)
    usage: float | None = z.field(z.number(), default=None)
    interval: Interval | None = z.field(RESET_INTERVAL, default=None)
    included_grant: float | None = z.field(z.number(), default=None)
    balance_id: str | None = z.field(z.string(), default=None)
    current_balance: float | None = z.field(z.number(), default=None)
    granted_balance: float | None = z.field(z.number(), default=None)
    customer_entitlement_id: str | None = z.field(z.string(), default=None)
    next_reset_at: float | None = z.field(z.number(), default=None)
    expires_at: float | None = z.field(z.number(), default=None)


class BalancesDelete(z.Params):
    customer_id: str = z.field(z.string())
    entity_id: str | None = z.field(z.string(), default=None)
    feature_id: str | None = z.field(z.string(), default=None)
    balance_id: str | None = z.field(z.string(), default=None)
    interval: Interval | None = z.field(RESET_INTERVAL, default=None)
    recalculate_balances: bool | None = z.field(z.boolean(), default=None)
    customer_entitlement_id: str | None = z.field(z.string(), default=None)


class BalancesList(RowsOfACustomer):
    """A ``plan_id`` of null means balances without a plan."""

    statuses: list[str] | None = z.field(z.array(z.enum("active", "expired"), min=1), default=None)
    plan_id: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)
    feature_id: str | None = z.field(z.string(), default=None)


class ContributionsList(z.Params):
    pooled_balance_id: str = z.field(z.string(min=1))
    offset: int = z.field(OFFSET, default=0)
    limit: int = z.field(page_limit(1000), default=50)
    search: str | None = z.field(z.string(), default=None)


class BalancesListQuery(z.Params):
    """The query string of the older list."""

    customer_id: str = z.field(z.string())


class Recalculate(FeatureOfACustomer):
    interval: Interval | None = z.field(RESET_INTERVAL, default=None)


class SetUsage(z.Params):
    customer_id: str = z.field(z.string(min=1))
    feature_id: str = z.field(z.string())
    value: float = z.field(z.number())
    entity_id: str | None = z.field(z.string(), default=None)
    customer_data: CustomerData | None = z.field(z.obj(CustomerData), default=None)
