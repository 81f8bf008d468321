"""Plans of the catalogue as older versions list them: with ``features`` in 2.0, as products before.

What a denied customer is offered kept being a product in every version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autumn_mock.wire.old_plans import old_items

Json = dict[str, Any]


def plan_with_features(plan: Json) -> Json:
    """A plan in the words of 2.0. The newest shape goes along, for still older versions."""
    old = {name: plan[name] for name in ("id", "name", "description", "group", "version", "add_on")}
    old |= {"default": plan["auto_enable"], "price": plan["price"]}
    if plan["price"] is not None:
        old["price"] = {name: value for name, value in plan["price"].items() if name != "price_id"}
    old["features"] = [_feature_of_plan(item) for item in plan["items"]]
    later = ("free_trial", "created_at", "env", "archived", "customer_eligibility", "base_variant_id")
    return {**old, **{name: plan[name] for name in later if name in plan}, "_newest": plan}


def _feature_of_plan(item: Json) -> Json:
    old: Json = {}
    for name, value in item.items():
        if name == "included":
            old["granted_balance"] = value
        elif name == "reset" and value is not None:
            old["reset"] = {**value, "reset_when_enabled": True}
        elif name == "price" and value is not None:
            price = {"usage_model" if key == "billing_method" else key: each for key, each in value.items()}
            price["usage_model"] = _usage_model(price["usage_model"])
            old["price"] = price
        elif name != "feature":
            old[name] = value
    return old


def _usage_model(billing_method: str) -> str:
    return "prepaid" if billing_method == "prepaid" else "pay_per_use"


def product(plan: Json, old_feature: Callable[[Json], Json]) -> Json:
    """A plan as a product; its items have to be shown with their features in full."""
    items = old_items(plan)
    for old, item in zip(items[len(items) - len(plan["items"]) :], plan["items"], strict=True):
        old["feature"] = old_feature(item["feature"])
        if old["feature_type"].endswith("credit_system"):
            old["feature_type"] = "single_use"
        every = item["reset"] or item["price"] or {}
        if "interval_count" in every:
            old["interval_count"] = every["interval_count"]
    body = {**_product(plan, items), "properties": _properties(plan)}
    if "customer_eligibility" in plan:
        body["scenario"] = plan["customer_eligibility"]["scenario"]
    return body


def offered_product(plan: Json) -> Json:
    """A plan that is offered to a customer who lacks it; its items have to be shown with their features in full."""
    return {
        **_product(plan, old_items(plan)),
        "billing_controls": plan["billing_controls"],
        "scenario": "new",
        "properties": _properties(plan),
    }


def _product(plan: Json, items: list[Json]) -> Json:
    return {
        "id": plan["id"],
        "name": plan["name"],
        "group": plan["group"],
        "env": plan["env"],
        "is_add_on": plan["add_on"],
        "is_default": plan["auto_enable"],
        "archived": plan["archived"],
        "version": plan["version"],
        "created_at": plan["created_at"],
        "items": items,
        "free_trial": _trial(plan),
        "base_variant_id": plan["base_variant_id"],
    }


def _trial(plan: Json) -> Json | None:
    trial = plan.get("free_trial")
    if trial is None:
        return None
    return {
        "duration": trial["duration_type"],
        "length": trial["duration_length"],
        "unique_fingerprint": True,
        "card_required": trial["card_required"],
        "trial_available": plan.get("customer_eligibility", {}).get("trial_available"),
    }


def _properties(plan: Json) -> Json:
    """What a price page wants to know at once."""
    base = plan["price"]
    priced = [item["price"] for item in plan["items"] if item["price"] is not None]
    prices = [*priced, *([base] if base is not None else [])]
    one_off = bool(prices) and all(price["interval"] == "one_off" for price in prices)
    body: Json = {"is_free": not prices, "is_one_off": one_off}
    if base is not None and base["interval"] != "one_off":
        body["interval_group"] = base["interval"]
    body["has_trial"] = plan.get("free_trial") is not None
    body["updateable"] = any(
        price["billing_method"] == "prepaid" and price["interval"] != "one_off" for price in priced
    )
    return body
