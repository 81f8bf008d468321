"""``plans.*``: the catalogue of what customers can be on, version by version."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from autumn_mock.domain.amount import amount
from autumn_mock.domain.plan import BasePrice, FreeTrial, ItemPrice, Plan, PlanItem, Reset, RolloverConfig
from autumn_mock.ids import new_id
from autumn_mock.operations.call import Call
from autumn_mock.operations.controls import to_controls
from autumn_mock.operations.errors import ApiError, invalid_request, plan_not_found
from autumn_mock.store.environment import Environment


def latest_plan(environment: Environment, plan_id: str) -> Plan | None:
    """The newest version of a plan."""
    return max(environment.plans.of(plan_id).values(), key=lambda plan: plan.version, default=None)


def find(environment: Environment, plan_id: str, version: int | None = None) -> Plan | None:
    """A plan, its newest version unless one is named."""
    if version is None:
        return latest_plan(environment, plan_id)
    return next((plan for plan in environment.plans.of(plan_id).values() if plan.version == version), None)


def get(call: Call, plan_id: str, version: int | None = None) -> Plan:
    """A plan, its newest version unless one is named; 404 when there is none."""
    plan = find(call.environment, plan_id, version)
    if plan is None:
        raise plan_not_found(plan_id, version)
    return plan


def in_order(plans: list[Plan]) -> list[Plan]:
    """Plans as lists show them: by group, main plans before add-ons, then free ones, paid once, paid by use,
    and the others by price; of equals the newest first."""
    newest_first = plans[::-1]
    return sorted(newest_first, key=_place)


def _place(plan: Plan) -> tuple[str, bool, int, Decimal, int]:
    methods = {item.price.billing_method for item in plan.items if item.price is not None}
    rank = 3
    if plan.is_free:
        rank = 0
    elif plan.is_one_off:
        rank = 1
    elif plan.price is None and methods == {"usage_based"}:
        rank = 2
    price = plan.price.amount if plan.price is not None and rank == 3 else Decimal(0)
    return plan.group or "", plan.add_on, rank, price, -plan.created_at


def latest_plans(environment: Environment, *, include_archived: bool = False) -> list[Plan]:
    """The newest version of every plan, in the order of their first."""
    plans = [latest_plan(environment, plan_id) for plan_id in dict.fromkeys(plan.id for plan in environment.plans)]
    return [plan for plan in plans if plan is not None and (include_archived or not plan.archived)]


def auto_enabled_plans(environment: Environment) -> list[Plan]:
    """What a new customer is put on: main plans first."""
    plans = [plan for plan in latest_plans(environment) if plan.auto_enable]
    return sorted(plans, key=lambda plan: plan.add_on)


def customers_on(environment: Environment, plan_id: str, version: int | None = None) -> int:
    """How many customers are, or will be, on a plan, in any version or in one."""
    return len(
        {
            each.customer
            for each in environment.customer_plans
            if each.plan_id == plan_id and version in (None, each.plan.version)
        }
    )


def create(call: Call, params: Mapping[str, Any]) -> Plan:
    """A new plan; 400 when the id is taken."""
    environment = call.environment
    with call.write() as transaction:
        refuse_taken(environment, params["plan_id"])
        plan = Plan(
            id=params["plan_id"],
            name=params["name"],
            version=1,
            created_at=call.now,
            description=params.get("description"),
            group=params.get("group") or None,
            add_on=bool(params.get("add_on")),
            auto_enable=bool(params.get("auto_enable")),
            price=to_base_price(params.get("price")),
            items=tuple(to_item(call, item) for item in params.get("items") or ()),
            free_trial=to_trial(params.get("free_trial")),
            config=params.get("config") or {},
            billing_controls=to_controls(params.get("billing_controls")),
            metadata=params.get("metadata") or {},
        )
        check_auto_enable(environment, plan)
        transaction.put(plan)
        return plan


def refuse_taken(environment: Environment, plan_id: str) -> None:
    """400 when there is a plan of this id."""
    if latest_plan(environment, plan_id) is not None:
        raise ApiError(400, f"Product {plan_id} already exists", "product_already_exists")


def check_auto_enable(environment: Environment, plan: Plan) -> None:
    """400 for a plan that every new customer would get and that costs money, or that another one stands in for."""
    if not plan.auto_enable:
        return
    if not plan.is_free and plan.free_trial is None:
        raise invalid_request("Cannot make a plan auto-enable if it has prices on it.")
    if plan.add_on:
        return
    for other in latest_plans(environment):
        if other.auto_enable and not other.add_on and other.group == plan.group and other.id != plan.id:
            raise invalid_request(
                f"You have another default product ({other.id}). Please remove default from that product first."
            )


def to_base_price(given: Mapping[str, Any] | None) -> BasePrice | None:
    if given is None:
        return None
    return BasePrice(
        amount=amount(given["amount"]),
        interval=given["interval"],
        interval_count=int(given.get("interval_count") or 1),
        price_id=new_id("pr"),
    )


def to_trial(given: Mapping[str, Any] | None) -> FreeTrial | None:
    if given is None:
        return None
    return FreeTrial(
        duration_length=int(given["duration_length"]),
        duration_type=given.get("duration_type") or "month",
        card_required=bool(given.get("card_required", True)),
    )


def to_item(call: Call, given: Mapping[str, Any]) -> PlanItem:
    """A plan item as it was sent; a priced item without a reset is reset when its price is due."""
    feature = call.feature(given["feature_id"])
    price = to_item_price(given.get("price"))
    reset = None
    if feature.is_boolean or feature.is_allocated:
        pass
    elif given.get("reset"):
        reset = to_reset(given["reset"])
    elif price is not None:
        reset = Reset(interval=price.interval, interval_count=price.interval_count)
    else:
        reset = Reset(interval="one_off")
    return PlanItem(
        feature_id=feature.id,
        entitlement_id=new_id("ent"),
        included=amount(given.get("included") or 0),
        unlimited=bool(given.get("unlimited")),
        pooled=bool(given.get("pooled")),
        reset=reset,
        price=price,
        rollover=to_rollover(given.get("rollover")),
        entity_feature_id=given.get("entity_feature_id"),
    )


def to_reset(given: Mapping[str, Any]) -> Reset:
    """How often something is renewed; a count that makes no period is one."""
    return Reset(interval=given["interval"], interval_count=max(int(given.get("interval_count") or 1), 1))


def to_item_price(given: Mapping[str, Any] | None) -> ItemPrice | None:
    if given is None:
        return None
    tiers = given.get("tiers")
    return ItemPrice(
        amount=amount(given["amount"]) if given.get("amount") is not None else None,
        tiers=tuple(dict(tier) for tier in tiers) if tiers else None,
        tier_behavior=given.get("tier_behavior") or ("graduated" if tiers else None),
        interval=given["interval"],
        interval_count=max(int(given.get("interval_count") or 1), 1),
        billing_units=amount(given.get("billing_units") or 1),
        billing_method=given["billing_method"],
        max_purchase=amount(given["max_purchase"]) if given.get("max_purchase") is not None else None,
        price_id=new_id("pr"),
    )


def to_rollover(given: Mapping[str, Any] | None) -> RolloverConfig | None:
    """A rollover setting, of a plan item or (with the shorter names) of a loose balance."""
    if given is None:
        return None
    if given.get("max") == 0:
        raise invalid_request("Rollover maximum amount must be greater than 0")
    length = given.get("expiry_duration_length", given.get("length"))
    return RolloverConfig(
        max=amount(given["max"]) if given.get("max") is not None else None,
        max_percentage=amount(given["max_percentage"]) if given.get("max_percentage") is not None else None,
        expiry_duration_type=given.get("expiry_duration_type") or given.get("duration") or "month",
        expiry_duration_length=int(length) if length is not None else None,
    )


def delete(call: Call, plan_id: str, *, all_versions: bool = False) -> None:
    """Forget a plan that nobody is on: its newest version, or all."""
    environment = call.environment
    with call.write() as transaction:
        plan = get(call, plan_id)
        count = customers_on(environment, plan_id)
        if count:
            raise invalid_request(
                f"Product {plan_id} has {count} customers (expired or active) on it and therefore cannot be deleted"
            )
        for each in list(environment.plans.of(plan_id).values()) if all_versions else [plan]:
            transaction.delete(each)
