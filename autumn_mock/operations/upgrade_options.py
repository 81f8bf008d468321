"""What a customer who was denied a feature could get instead: the preview of ``balances.check``."""

from __future__ import annotations

from msgspec import Struct

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.billing.attachments import monthly_price
from autumn_mock.operations.call import Call
from autumn_mock.operations.check import CheckResult
from autumn_mock.operations.plans import in_order, latest_plans
from autumn_mock.operations.subjects import get_customer


class UpgradeOption(Struct, frozen=True):
    """Plans that grant a feature, the preferred ones first."""

    feature: Feature
    #: Whether the customer has the feature and used it up, instead of not having it.
    is_used_up: bool
    #: Main plans that would be an upgrade.
    upgrades: tuple[Plan, ...]
    add_ons: tuple[Plan, ...]


def offer(call: Call, result: CheckResult) -> UpgradeOption | None:
    """The options after a check; None when it was allowed."""
    if result.allowed:
        return None
    environment = call.environment
    customer = get_customer(environment, result.customer_id)
    attached = [
        each
        for each in environment.customer_plans.of(customer.internal_id).values()
        if each.entity_id in (None, result.entity_id)
    ]
    held = {each.plan_id for each in attached}
    best = max(
        (each.plan for each in attached if each.status == "active" and not each.plan.add_on),
        key=lambda plan: (not plan.is_free, monthly_price(plan)),
        default=None,
    )
    every = [
        plan
        for plan in in_order(latest_plans(environment))
        if any(item.feature_id == result.feature.id for item in plan.items)
    ]
    return UpgradeOption(
        feature=result.feature,
        is_used_up=result.balance is not None,
        upgrades=tuple(plan for plan in every if not plan.add_on and plan.id not in held and _is_upgrade(best, plan)),
        add_ons=tuple(plan for plan in every if plan.add_on and (plan.is_one_off or plan.id not in held)),
    )


def _is_upgrade(best: Plan | None, plan: Plan) -> bool:
    """Whether a plan is an upgrade from the best one of a customer; every plan is one from a free plan."""
    return best is None or best.is_free or monthly_price(plan) > monthly_price(best)
