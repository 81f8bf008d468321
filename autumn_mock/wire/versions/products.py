"""Plans as products: before version 2.0, and in every version where a denied customer is offered one.

Plans are taken in the shape of 2.0, with the features of their items in full and in the shape before 2.0.
"""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import Json


def product_items(plan: Json) -> list[Json]:
    """The items of a plan, its base price first."""
    items = [_item(item) for item in plan["features"]]
    price = plan["price"]
    if price is None:
        return items
    base = {
        "type": "price",
        "feature_id": None,
        "feature": None,
        "interval": _interval(price["interval"]),
        "interval_count": price.get("interval_count", 1),
        "price": price["amount"],
        "display": price["display"],
    }
    return [base, *items]


def _item(item: Json) -> Json:
    feature, price = item["feature"], item["price"]
    kind, name, every = feature["type"], feature["name"], item["reset"] or price or {}
    old: Json = {
        "type": "feature" if price is None else "priced_feature",
        "feature_id": item["feature_id"],
        "feature_type": feature_type(kind),
        "feature": {
            "id": feature["id"],
            "name": name,
            "type": kind,
            "display": feature["display"] or {"singular": name, "plural": name},
            **({} if feature["credit_schema"] is None else {"credit_schema": feature["credit_schema"]}),
        },
        "included_usage": "inf" if item["unlimited"] else item["granted_balance"],
        "interval": _interval(every.get("interval")),
        **({"interval_count": every["interval_count"]} if "interval_count" in every else {}),
    }
    if price is not None:
        old |= {name: price[name] for name in ("tiers", "tier_behavior") if name in price}
        if "amount" in price:
            old["price"] = price["amount"]
        old |= {"usage_model": price["usage_model"], "billing_units": price["billing_units"]}
    old |= {
        "reset_usage_when_enabled": kind not in ("boolean", "continuous_use"),
        "entity_feature_id": item.get("entity_feature_id"),
        "display": item["display"],
    }
    config = dict(item.get("proration", {}))
    if "rollover" in item:
        rollover = item["rollover"]
        config["rollover"] = {
            "max": rollover["max"],
            "max_percentage": rollover["max_percentage"],
            "duration": rollover["expiry_duration_type"],
            "length": rollover["expiry_duration_length"],
        }
    return {**old, "config": config} if config else old


def feature_type(kind: str) -> str:
    """How a feature is used, by the type that it has in these versions."""
    if kind.endswith("credit_system"):
        return "single_use"
    return "static" if kind == "boolean" else kind


def _interval(interval: str | None) -> str | None:
    return None if interval == "one_off" else interval


def listed_product(plan: Json) -> Json:
    """A plan as lists of products show it."""
    items = product_items(plan)
    for old, item in zip(items[len(items) - len(plan["features"]) :], plan["features"], strict=True):
        old["feature"] = item["feature"]
    body = {**product(plan, items), "properties": product_properties(plan)}
    if "customer_eligibility" in plan:
        body["scenario"] = plan["customer_eligibility"]["scenario"]
    return body


def product(plan: Json, items: list[Json]) -> Json:
    """A plan as a product with these items."""
    return {
        "id": plan["id"],
        "name": plan["name"],
        "group": plan["group"],
        "env": plan["env"],
        "is_add_on": plan["add_on"],
        "is_default": plan["default"],
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


def product_properties(plan: Json) -> Json:
    """A summary for pricing pages."""
    base = plan["price"]
    priced = [item["price"] for item in plan["features"] if item["price"] is not None]
    prices = [*priced, *([base] if base is not None else [])]
    body: Json = {
        "is_free": not prices,
        "is_one_off": bool(prices) and all(price["interval"] == "one_off" for price in prices),
    }
    if base is not None and base["interval"] != "one_off":
        body["interval_group"] = base["interval"]
    body["has_trial"] = plan.get("free_trial") is not None
    body["updateable"] = any(price["usage_model"] == "prepaid" and price["interval"] != "one_off" for price in priced)
    return body
