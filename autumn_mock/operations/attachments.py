"""The effects of attaching a plan and of changing an attached one, computed without changing anything.

Previews return them, :mod:`autumn_mock.operations.billing` applies them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, amount
from autumn_mock.domain.customer import Customer, CustomerPlan
from autumn_mock.domain.plan import Plan
from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations import plans
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.operations.grants import prepaid_of
from autumn_mock.wire.requests.billing import BillingAttach, BillingParams, BillingUpdate


class Attachment(Struct, frozen=True):
    """The effect of attaching a plan."""

    plan: Plan
    prepaid: dict[str, Decimal]
    #: The main plan of the same group that it replaces.
    current: CustomerPlan | None
    #: Whether it waits for the end of the current plan's period.
    is_deferred: bool


def decide(call: Call, customer: Customer, scope: str | None, params: BillingAttach) -> Attachment:
    """The effect of attaching a plan to a customer (or an entity, by its id)."""
    plan = _customized(call, plans.get(call, params.plan_id, params.version), params)
    _require_no_payment(plan, params)
    if params.starts_at is not None and params.starts_at > call.now and plan.price is None:
        raise invalid_request("Future starts_at is only supported for paid recurring plans.")
    prepaid = prepaid_of(plan, _quantities(params))
    current = None if plan.add_on or plan.is_one_off else current_plan(call, customer, plan, scope)
    if current is not None and current.plan_id == plan.id:
        raise ApiError(
            409,
            f"Cannot attach because the customer's current product '{plan.id}' "
            "is the same as the product being attached",
            "plan_already_attached",
        )
    deferred = current is not None and is_deferred(plan, current.plan, params.plan_schedule)
    return Attachment(plan, prepaid, current, deferred)


def _customized(call: Call, plan: Plan, params: BillingParams) -> Plan:
    """The plan with the items, price and trial of this customer."""
    custom = params.customize
    changes: dict[str, Any] = {}
    if custom is not None and custom.items is not None:
        changes["items"] = tuple(plans.to_item(call, item) for item in custom.items)
    if custom is not None and custom.price is not UNSET:
        changes["price"] = plans.to_base_price(custom.price)
    if params.free_trial is not UNSET:
        changes["free_trial"] = plans.to_trial(params.free_trial)
    return replace(plan, **changes) if changes else plan


def _require_no_payment(plan: Plan, params: BillingParams) -> None:
    if not plan.is_free and not params.no_billing_changes:
        raise invalid_request(
            f"Plan '{plan.id}' has a price, and autumn-mock takes no payments (the real service would ask Stripe). "
            "Pass no_billing_changes: true to attach it without billing, or use a free plan."
        )


def _quantities(params: BillingParams) -> dict[str, Decimal]:
    sent = params.feature_quantities or ()
    return {each.feature_id: amount(each.quantity) for each in sent if each.quantity is not None}


def attached_plans(call: Call, customer: Customer, scope: str | None) -> list[CustomerPlan]:
    """The active and scheduled plans of a customer (or an entity, by its id)."""
    plans_ = call.environment.customer_plans.of(customer.internal_id).values()
    return [each for each in plans_ if each.entity_id == scope]


def current_plan(call: Call, customer: Customer, plan: Plan, scope: str | None) -> CustomerPlan | None:
    """The active main plan of the same group."""
    for each in attached_plans(call, customer, scope):
        main = not each.plan.add_on and not each.plan.is_one_off
        if main and each.status == "active" and each.plan.group == plan.group:
            return each
    return None


def scheduled(call: Call, customer: Customer, plan: Plan, scope: str | None) -> list[CustomerPlan]:
    """The scheduled plans of the same group."""
    plans_ = attached_plans(call, customer, scope)
    return [each for each in plans_ if each.status == "scheduled" and each.plan.group == plan.group]


def monthly_price(plan: Plan) -> Decimal:
    """The base price of a plan for one month, by which plans are compared."""
    if plan.price is None:
        return ZERO
    months = {"month": 1, "quarter": 3, "semi_annual": 6, "year": 12}.get(plan.price.interval, 1)
    return plan.price.amount / (months * plan.price.interval_count)


def is_deferred(plan: Plan, current: Plan, schedule: str | None = None) -> bool:
    """Whether a switch waits for the end of the period: a downgrade, or a ``schedule`` of ``end_of_cycle``."""
    if schedule is not None:
        return schedule == "end_of_cycle"
    if plan.is_free:
        return not current.is_free
    return monthly_price(plan) < monthly_price(current)


def next_turn(call: Call) -> int:
    """The end of a period that is not billed (ms): a month from now."""
    return add_months(call.now, 1)


def find_attached(call: Call, customer: Customer, scope: str | None, params: BillingUpdate) -> CustomerPlan:
    """The plan that an update is about; 404 when the customer is not on it."""
    for each in attached_plans(call, customer, scope):
        if each.status == "active" and (each.plan_id == params.plan_id or each.id == params.subscription_id):
            return each
    raise ApiError(
        404,
        f"No active subscription found for plan '{params.plan_id}' on customer '{params.customer_id}'",
        "cus_product_not_found",
    )


def ending(call: Call, current: CustomerPlan) -> CustomerPlan:
    """An attached plan cancelled to the end of its period; 400 for a free one, which has none."""
    if current.plan.is_free:
        raise invalid_request("Free products do not have billing cycles; use cancel: 'immediately' instead.")
    return replace(current, canceled_at=call.now, expires_at=next_turn(call))


def fallbacks(call: Call, current: CustomerPlan) -> list[Plan]:
    """The plans that replace one that was cancelled immediately: the auto-enabled plan of its group."""
    if current.plan.add_on or current.entity_id is not None:
        return []
    every = plans.auto_enabled_plans(call.environment)
    return [plan for plan in every if not plan.add_on and plan.group == current.plan.group]


def revised(call: Call, current: CustomerPlan, params: BillingUpdate) -> CustomerPlan:
    """An attached plan with the items, quantities or version of an update."""
    plan = current.plan
    if params.version is not None:
        plan = plans.get(call, plan.id, params.version)
    plan = _customized(call, plan, params)
    quantities = _quantities(params)
    prepaid = {**current.prepaid, **prepaid_of(plan, quantities)} if quantities else current.prepaid
    return replace(current, plan=plan, prepaid=prepaid)
