"""balances.check, finalize, create, update, delete, list, recalculate, and the old set-usage call.

What depends on the feature (a boolean one takes no grant, and so on) is not checked here: the real server does that
later and answers differently.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from autumn_mock.domain.plan import Interval
from autumn_mock.domain.track import OverageBehavior
from autumn_mock.wire.requests.common import RESET_INTERVAL, CustomerData, EntityData, ResetParams, RowsOfACustomer
from autumn_mock.wire.requests.track import OVERAGE_BEHAVIOR, LockParams
from autumn_mock.wire.schema import (
    Params,
    array,
    as_json,
    boolean,
    comma_separated,
    enum,
    field,
    nullable,
    number,
    obj,
    record,
    rule,
    string,
)


class CheckLock(LockParams):
    overage_behavior: OverageBehavior | None = field(OVERAGE_BEHAVIOR, default=None)


class Check(Params):
    customer_id: str = field(string())
    feature_id: str | None = field(string(), default=None)
    entity_id: str | None = field(string(), default=None)
    customer_data: dict[str, Any] | None = field(as_json(CustomerData), default=None)
    entity_data: dict[str, Any] | None = field(as_json(EntityData), default=None)
    required_balance: float | None = field(number(), default=None)
    properties: dict[str, Any] | None = field(record(), default=None)
    send_event: bool | None = field(boolean(), default=None)
    lock: CheckLock | None = field(obj(CheckLock), default=None)
    with_preview: bool | None = field(boolean(), default=None)
    product_id: str | None = field(string(), default=None)
    required_quantity: float | None = field(number(), default=None)
    skip_event: bool | None = field(boolean(), default=None)

    @rule("Must provide either product_id or feature_id")
    def _names_one(self) -> bool:
        return bool(self.product_id) != bool(self.feature_id)


class CheckQuery(Params):
    expand: list[str] | None = field(comma_separated(enum("balance.feature", "flag.feature")), default=None)
    skip_cache: bool | None = field(boolean(), default=None)


class Finalize(Params):
    lock_id: str = field(string())
    action: Literal["confirm", "release"] = field(enum("confirm", "release"))
    override_value: float | None = field(number(), default=None)
    properties: dict[str, Any] | None = field(record(), default=None)

    @rule("override_value cannot be provided when action is release", ("override_value",))
    def _overrides_what_is_confirmed(self) -> bool:
        return self.action != "release" or self.override_value is None


class FeatureOfACustomer(Params):
    customer_id: str = field(string())
    feature_id: str = field(string())
    entity_id: str | None = field(string(), default=None)


class BalanceRollover(Params):
    max: float | None = field(nullable(number()), default=None)
    max_percentage: float | None = field(nullable(number()), default=None)
    duration: Literal["month", "forever"] = field(enum("month", "forever"), default="month")
    length: float = field(number())


class BalancesCreate(FeatureOfACustomer):
    included_grant: float | None = field(number(), default=None)
    unlimited: bool | None = field(boolean(), default=None)
    reset: ResetParams | None = field(obj(ResetParams), default=None)
    rollover: BalanceRollover | None = field(obj(BalanceRollover), default=None)
    expires_at: float | None = field(number(), default=None)
    next_reset_at: float | None = field(number(), default=None)
    balance_id: str | None = field(string(), default=None)
    granted_balance: float | None = field(number(), default=None)


class BalancesUpdate(FeatureOfACustomer):
    """The documented rules that two fields exclude each other are not enforced by the real server."""

    remaining: float | None = field(number(), default=None)
    add_to_balance: float | None = field(number(), default=None)
    usage: float | None = field(number(), default=None)
    interval: Interval | None = field(RESET_INTERVAL, default=None)
    included_grant: float | None = field(number(), default=None)
    balance_id: str | None = field(string(), default=None)
    current_balance: float | None = field(number(), default=None)
    granted_balance: float | None = field(number(), default=None)
    customer_entitlement_id: str | None = field(string(), default=None)
    next_reset_at: float | None = field(number(), default=None)
    expires_at: float | None = field(number(), default=None)


class BalancesDelete(Params):
    customer_id: str = field(string())
    entity_id: str | None = field(string(), default=None)
    feature_id: str | None = field(string(), default=None)
    balance_id: str | None = field(string(), default=None)
    interval: Interval | None = field(RESET_INTERVAL, default=None)
    recalculate_balances: bool | None = field(boolean(), default=None)
    customer_entitlement_id: str | None = field(string(), default=None)


class BalancesList(RowsOfACustomer):
    """A ``plan_id`` of null means balances without a plan."""

    statuses: list[str] | None = field(array(enum("active", "expired"), min=1), default=None)
    plan_id: str | UnsetType | None = field(nullable(string()), default=UNSET)
    feature_id: str | None = field(string(), default=None)


class BalancesListQuery(Params):
    """The query string of the older list."""

    customer_id: str = field(string())


class Recalculate(FeatureOfACustomer):
    interval: Interval | None = field(RESET_INTERVAL, default=None)


class SetUsage(Params):
    customer_id: str = field(string(min=1))
    feature_id: str = field(string())
    value: float = field(number())
    entity_id: str | None = field(string(), default=None)
    customer_data: CustomerData | None = field(obj(CustomerData), default=None)
