"""How plans differ, in the words of ``customize``, and what plans show of their variants."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from autumn_mock.domain.plan import Plan
from autumn_mock.operations.plan_diff import PlanDiff, diff
from autumn_mock.operations.variants import base_of, variants_of
from autumn_mock.store.environment import Environment
from autumn_mock.wire.responses.plan import PlanDetailsBody, plan_body

Json = dict[str, Any]
B = TypeVar("B", bound=PlanDetailsBody)

#: The fields of an item that create it again.
_ITEM_PARAMS = (
    "feature_id",
    "entity_feature_id",
    "included",
    "unlimited",
    "pooled",
    "reset",
    "price",
    "proration",
    "expiry",
    "threshold_billing",
)


def customize_body(diff: PlanDiff, before: Json, after: Json) -> Json:
    """A change in the words of ``billing.attach``, from the two states as they are shown."""
    customize: Json = {}
    if diff.changes_price:
        price = after["price"]
        customize["price"] = price and only(price, ("amount", "additional_currencies", "interval", "interval_count"))
    added = items_of(after, {item.entitlement_id for item in diff.added})
    removed = items_of(before, {item.entitlement_id for item in diff.removed})
    if added:
        customize["add_items"] = [item_params(item) for item in added]
    if removed:
        customize["remove_items"] = [_item_filter(item) for item in removed]
    if diff.changes_trial:
        customize["free_trial"] = _without_nulls(after.get("free_trial"))
    return customize


def items_of(plan: Json, ids: set[str]) -> list[Json]:
    """The items of a plan with these ids."""
    return [item for item in plan["items"] if item["entitlement_id"] in ids]


def only(body: Json, names: tuple[str, ...]) -> Json:
    """The fields of these names that there are."""
    return {name: body[name] for name in names if name in body}


def _without_nulls(body: Json | None) -> Json | None:
    return body and {name: value for name, value in body.items() if value is not None}


def item_params(item: Json) -> Json:
    """The parameters that create an item again."""
    params = {name: item[name] for name in _ITEM_PARAMS if item.get(name) is not None}
    return params | ({"rollover": _without_nulls(item["rollover"])} if "rollover" in item else {})


def _item_filter(item: Json) -> Json:
    """What distinguishes an item from the others of its plan."""
    every = item["price"] or item["reset"] or {}
    known = {"feature_id": item["feature_id"], **only(every, ("billing_method", "interval"))}
    return known | ({"interval_count": every.get("interval_count", 1)} if "interval" in every else {})


def with_variants(body: B, plan: Plan, environment: Environment) -> B:
    """The body of a plan with its base, if it is a variant, or with its variants."""

    def customize(base: Plan, variant: Plan) -> Json:
        before, after = (msgspec.to_builtins(shown(each)) for each in (base, variant))
        return customize_body(diff(base, variant), before, after)

    def shown(each: Plan) -> PlanDetailsBody:
        return plan_body(each, environment.features.by_key, environment.env)

    base = base_of(environment, plan)
    if base is not None:
        body.variant_details = {"base_plan_id": base.id, "customize": customize(base, plan)}
    variants = variants_of(environment, plan.id)
    if variants:
        body.variants = [
            {"variant_plan_id": each.id, "name": each.name, "customize": customize(plan, each)} for each in variants
        ]
    return body
