"""The answer of events.aggregate."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType, field

from autumn_mock.domain.amount import number
from autumn_mock.operations.aggregate import AggregateResult, Bin
from autumn_mock.operations.deduction_totals import DeductedBalance, DeductedBin, DeductedFeature, DeductedGroup
from autumn_mock.wire.answer import Body, Number
from autumn_mock.wire.responses.balance import ResetBody, reset_body


class TotalBody(Body):
    """The number of events of a feature, and the sum of their values."""

    count: int
    sum: Number


class AggregateBinBody(Body, kw_only=True):
    """The sums of a period that begins at ``period`` (ms): by feature, and by feature and group."""

    period: int
    values: dict[str, Number]
    grouped_values: dict[str, dict[str, Number]] | UnsetType = UNSET


class DeductedBalanceBody(Body):
    """What was deducted from a balance."""

    balance_id: str
    entity_id: str | None
    plan_id: str | None
    reset: ResetBody | None
    credit_cost: Number | None
    deducted: Number
    events: int


class DeductedFeatureBody(Body):
    """What was deducted from a feature."""

    feature_type: Literal["credit_system", "metered"]
    deducted: Number
    events: int
    balances: list[DeductedBalanceBody]


class DeductedGroupBody(Body, kw_only=True):
    """What a group deducted from a balance; the cost in credits is shown for groups of features."""

    deducted: Number
    credit_cost: Number | UnsetType | None = UNSET


class DeductedBinBody(Body, kw_only=True):
    """The deductions of a period: by feature, and by balance and group."""

    period: int
    values: dict[str, DeductedFeatureBody]
    grouped_values: dict[str, dict[str, DeductedGroupBody]] | UnsetType = UNSET


class AggregateBody(Body, kw_only=True):
    """Recorded usage by period and in total."""

    bins: list[AggregateBinBody] = field(name="list")
    total: dict[str, TotalBody]
    deductions: list[DeductedBinBody] | UnsetType = UNSET


def aggregate_body(result: AggregateResult) -> AggregateBody:
    """Bins and totals, and the deductions if the request asked for them."""
    deductions = result.deductions
    return AggregateBody(
        bins=[_bin_body(each) for each in result.bins],
        total={name: TotalBody(each.count, number(each.sum)) for name, each in result.totals.items()},
        deductions=UNSET if deductions is None else [_deducted_body(each) for each in deductions],
    )


def _bin_body(each: Bin) -> AggregateBinBody:
    body = AggregateBinBody(period=each.period, values={name: number(value) for name, value in each.values.items()})
    if each.groups is not None:
        body.grouped_values = {
            name: {group: number(value) for group, value in groups.items()} for name, groups in each.groups.items()
        }
    return body


def _deducted_body(each: DeductedBin) -> DeductedBinBody:
    body = DeductedBinBody(
        period=each.period,
        values={feature_id: _feature_body(feature) for feature_id, feature in each.features.items()},
    )
    if each.groups is not None:
        body.grouped_values = {
            balance_id: {group: _group_body(found) for group, found in groups.items()}
            for balance_id, groups in each.groups.items()
        }
    return body


def _feature_body(feature: DeductedFeature) -> DeductedFeatureBody:
    return DeductedFeatureBody(
        "credit_system" if feature.is_credits else "metered",
        number(feature.deducted),
        feature.events,
        [_balance_body(each) for each in feature.balances.values()],
    )


def _balance_body(balance: DeductedBalance) -> DeductedBalanceBody:
    return DeductedBalanceBody(
        balance.balance_id,
        balance.entity_id,
        balance.plan_id,
        reset_body(balance.reset, balance.resets_at),
        None if balance.credit_cost is None else number(balance.credit_cost),
        number(balance.deducted),
        balance.events,
    )


def _group_body(group: DeductedGroup) -> DeductedGroupBody:
    body = DeductedGroupBody(deducted=number(group.deducted))
    if group.is_feature:
        body.credit_cost = None if group.credit_cost is None else number(group.credit_cost)
    return body
