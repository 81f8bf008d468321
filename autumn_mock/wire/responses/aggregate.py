"""The answer of events.aggregate."""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.amount import number
from autumn_mock.operations.aggregate import AggregateResult, Bin
from autumn_mock.operations.deduction_totals import DeductedBalance, DeductedBin, DeductedFeature, DeductedGroup
from autumn_mock.wire.responses.balance import reset_body

Json = dict[str, Any]


def aggregate_body(result: AggregateResult) -> Json:
    """Bins and totals, and what was deducted if that was asked."""
    body: Json = {
        "list": [_bin_body(each) for each in result.bins],
        "total": {name: {"count": each.count, "sum": number(each.sum)} for name, each in result.totals.items()},
    }
    if result.deductions is not None:
        body["deductions"] = [_deducted_body(each) for each in result.deductions]
    return body


def _bin_body(each: Bin) -> Json:
    body: Json = {"period": each.period, "values": {name: number(value) for name, value in each.values.items()}}
    if each.groups is not None:
        body["grouped_values"] = {
            name: {group: number(value) for group, value in groups.items()} for name, groups in each.groups.items()
        }
    return body


def _deducted_body(each: DeductedBin) -> Json:
    body: Json = {
        "period": each.period,
        "values": {feature_id: _feature_body(feature) for feature_id, feature in each.features.items()},
    }
    if each.groups is not None:
        body["grouped_values"] = {
            balance_id: {group: _group_body(found) for group, found in groups.items()}
            for balance_id, groups in each.groups.items()
        }
    return body


def _feature_body(feature: DeductedFeature) -> Json:
    return {
        "feature_type": "credit_system" if feature.is_credits else "metered",
        "deducted": number(feature.deducted),
        "events": feature.events,
        "balances": [_balance_body(each) for each in feature.balances.values()],
    }


def _balance_body(balance: DeductedBalance) -> Json:
    return {
        "balance_id": balance.balance_id,
        "entity_id": balance.entity_id,
        "plan_id": balance.plan_id,
        "reset": reset_body(balance.reset, balance.resets_at),
        "credit_cost": None if balance.credit_cost is None else number(balance.credit_cost),
        "deducted": number(balance.deducted),
        "events": balance.events,
    }


def _group_body(group: DeductedGroup) -> Json:
    body: Json = {"deducted": number(group.deducted)}
    if group.is_feature:
        body["credit_cost"] = None if group.credit_cost is None else number(group.credit_cost)
    return body
