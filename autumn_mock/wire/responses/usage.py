"""Answers of track, check and events.list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

from msgspec import UNSET, UnsetType, field

from autumn_mock.domain.amount import exact_number, number
from autumn_mock.domain.event import Event
from autumn_mock.domain.track import TrackItem
from autumn_mock.ledger.views import BalanceView
from autumn_mock.operations.check import CheckResult, PlanCheckResult
from autumn_mock.operations.track import TrackResult
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.balance import (
    BalanceBody,
    DeductionBody,
    FlagBody,
    balance_body,
    deduction_body,
    flag_body,
)
from autumn_mock.wire.responses.offer import OfferBody

Balances = dict[str, BalanceBody | None]


class QueuedTrackBody(Body, kw_only=True):
    """A usage that has been queued."""

    for_older_versions: ClassVar = ("named_feature_id",)

    customer_id: str
    entity_id: str | UnsetType = UNSET
    event_name: str | UnsetType = UNSET
    value: Number
    balance: BalanceBody | None
    named_feature_id: str | UnsetType | None = UNSET


class TrackBody(Body, kw_only=True):
    """A usage that has been recorded, and the balances that it left."""

    for_older_versions: ClassVar = ("named_feature_id",)

    customer_id: str
    entity_id: str | UnsetType = UNSET
    event_name: str | UnsetType = UNSET
    value: Number
    balance: BalanceBody | None
    balances: Balances | UnsetType = UNSET
    deductions: list[DeductionBody]
    named_feature_id: str | UnsetType | None = UNSET


class CheckBody(Body, kw_only=True):
    """Whether a feature may be used."""

    for_older_versions: ClassVar = ("named_feature_id",)

    allowed: bool
    customer_id: str
    entity_id: str | UnsetType = UNSET
    required_balance: Number
    balance: BalanceBody | None
    balances: Balances | UnsetType = UNSET
    flag: FlagBody | None
    preview: OfferBody | UnsetType | None = UNSET
    named_feature_id: str | UnsetType = UNSET


class PlanCheckBody(Body, kw_only=True):
    """Whether a customer is on a plan, the same in every version."""

    customer_id: str
    code: Literal["product_found"] = "product_found"
    product_id: str
    allowed: bool
    status: Literal["active", "scheduled"] | UnsetType = UNSET


class EventBody(Body, kw_only=True):
    """A recorded usage; ``timestamp`` in ms."""

    id: str
    timestamp: int
    feature_id: str
    customer_id: str | None
    value: Number
    properties: dict[str, Any]
    deductions: list[DeductionBody] | None


class EventsOffsetPage(Body, kw_only=True):
    """A page of recorded usage, as versions without cursors have it."""

    rows: list[EventBody] = field(name="list")
    has_more: bool
    total: int
    offset: Number
    limit: Number

    @property
    def next_page(self) -> str | None:
        return str(int(self.offset) + len(self.rows)) if self.has_more else None


def _plain(value: int | float) -> Number:
    """A number as it was sent, whole ones without a decimal point."""
    return int(value) if value == int(value) else value


def _echo(item: TrackItem) -> dict[str, Any]:
    return {
        "customer_id": item.customer_id,
        "entity_id": UNSET if item.entity_id is None else item.entity_id,
        "event_name": UNSET if item.event_name is None else item.event_name,
        "value": _plain(item.value),
        "named_feature_id": item.feature_id,
    }


def queued_body(item: TrackItem) -> QueuedTrackBody:
    """The answer to a usage that has been queued."""
    return QueuedTrackBody(**_echo(item), balance=None)


def _balance(view: BalanceView | None, expand_feature: bool) -> BalanceBody | None:
    return None if view is None else balance_body(view, expand_feature=expand_feature)


def _balances(views: Mapping[str, BalanceView | None], expand_feature: bool) -> Balances:
    return {feature_id: _balance(view, expand_feature) for feature_id, view in views.items()}


def track_body(result: TrackResult, expand: Collection[str] = ()) -> TrackBody:
    """The answer to a usage that has been recorded."""
    expand_feature = "balance.feature" in expand
    return TrackBody(
        **_echo(result.item),
        balance=_balance(result.balance, expand_feature),
        balances=_balances(result.balances, expand_feature) if len(result.balances) > 1 else UNSET,
        deductions=[deduction_body(each) for each in result.deductions],
    )


def check_body(result: CheckResult, expand: Collection[str] = ()) -> CheckBody:
    """The answer to a check of a feature."""
    expand_feature, flag = "balance.feature" in expand, result.flag
    return CheckBody(
        allowed=result.allowed,
        customer_id=result.customer_id,
        entity_id=UNSET if result.entity_id is None else result.entity_id,
        required_balance=number(result.required),
        balance=_balance(result.balance, expand_feature),
        balances=UNSET if result.balances is None else _balances(result.balances, expand_feature),
        flag=None if flag is None else flag_body(flag, result.feature, expand_feature="flag.feature" in expand),
        named_feature_id=result.feature.id,
    )


def plan_check_body(result: PlanCheckResult) -> PlanCheckBody:
    """The answer to a check of a plan."""
    return PlanCheckBody(
        customer_id=result.customer_id,
        product_id=result.plan_id,
        allowed=result.status is not None,
        status=UNSET if result.status is None else result.status,
    )


def event_body(event: Event, customer_id: str | None) -> EventBody:
    """A recorded usage of the customer with that id."""
    return EventBody(
        id=event.id,
        timestamp=event.timestamp,
        feature_id=event.name,
        customer_id=customer_id,
        value=exact_number(event.value),
        properties=event.properties or {},
        deductions=[deduction_body(each) for each in event.deductions] or None,
    )
