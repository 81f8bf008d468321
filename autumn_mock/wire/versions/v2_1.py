"""Version 2.1: new names for balances and plans; flags, purchases and deductions are shown on their own.

Customers and entities have to exist before they are used, and used-up balances outside a plan are hidden.
"""

from __future__ import annotations

from typing import Any

from autumn_mock.domain.amount import amount, number
from autumn_mock.wire.versions.declaration import Json, VersionChanges

# -- balances


def _balance(body: Json) -> Json:
    prepaid, purchased = (
        sum((amount(row[name]) for row in body["breakdown"]), amount(0))
        for name in ("prepaid_quantity", "purchased_balance")
    )
    old: Json = {"feature_id": body["feature_id"]}
    if "feature" in body:
        old["feature"] = body["feature"]
    plans = {row["plan_id"] for row in body["breakdown"]}
    old |= {
        "unlimited": body["unlimited"],
        "granted_balance": number(amount(body["granted"]) - prepaid),
        "purchased_balance": number(purchased),
        "current_balance": body["remaining"],
        "usage": body["usage"],
        "overage_allowed": body["overage_allowed"],
        "max_purchase": body["max_purchase"],
        "reset": _common_reset(body),
        "plan_id": plans.pop() if len(plans) == 1 else None,
        "breakdown": body["breakdown"],
    }
    if body.get("rollovers"):
        old["rollovers"] = body["rollovers"]
    return old


def _common_reset(body: Json) -> Json | None:
    """The reset of all rows, or that they have several."""
    resets = [row["reset"] for row in body["breakdown"]]
    intervals = {(reset["interval"], reset.get("interval_count")) for reset in resets if reset is not None}
    if len(intervals) > 1:
        return {"interval": "multiple", "resets_at": None}
    if resets and resets[0] is not None:
        return {**resets[0], "resets_at": body["next_reset_at"]}
    return None


def _row(row: Json) -> Json:
    """A row; what is bought includes the overdraft, each entity on its own."""
    granted, prepaid = amount(row["included_grant"]), amount(row["prepaid_grant"])
    overage = amount(row["remaining"]) + amount(row["usage"]) - granted - prepaid
    price = row["price"] or {}
    return {
        "id": row["id"],
        "plan_id": row["plan_id"],
        "granted_balance": row["included_grant"],
        "purchased_balance": row["prepaid_grant"] if row["unlimited"] else number(prepaid + overage),
        "current_balance": row["remaining"],
        "usage": row["usage"],
        "overage_allowed": price.get("billing_method") == "usage_based",
        "max_purchase": price.get("max_purchase"),
        "reset": row["reset"],
        "prepaid_quantity": row["prepaid_grant"],
        "expires_at": row["expires_at"],
    }


def _flag(flag: Json) -> Json:
    """A flag as a balance of nothing."""
    row = {"id": flag["id"], "plan_id": flag["plan_id"]}
    zeros = {
        "granted_balance": 0,
        "purchased_balance": 0,
        "current_balance": 0,
        "usage": 0,
        "overage_allowed": False,
        "max_purchase": None,
        "reset": None,
    }
    return {
        "feature_id": flag["feature_id"],
        **({"feature": flag["feature"]} if "feature" in flag else {}),
        "unlimited": False,
        **zeros,
        "plan_id": flag["plan_id"],
        "breakdown": [{**row, **zeros, "prepaid_quantity": 0, "expires_at": flag["expires_at"]}],
    }


# -- usage


def _track(body: Json) -> Json:
    return {name: value for name, value in body.items() if name != "deductions"}


def _check(body: Json) -> Json:
    old = {name: value for name, value in body.items() if name != "flag"}
    if body["flag"] is not None:
        old["balance"] = body["flag"]
    return old


def _aggregate_bin(body: Json) -> Json:
    return {"period": body["period"], **(body.get("grouped_values") or body["values"])}


# -- customers and entities

_SUBSCRIPTION = (
    "add_on",
    "status",
    "past_due",
    "canceled_at",
    "expires_at",
    "trial_ends_at",
    "started_at",
    "current_period_start",
    "current_period_end",
    "quantity",
)


def _subscription(body: Json) -> Json:
    plan = {"plan": body["plan"]} if "plan" in body else {}
    old = {**plan, "plan_id": body["plan_id"], "default": body["auto_enable"]}
    return old | {name: body[name] for name in _SUBSCRIPTION}


def _purchase(body: Json) -> Json:
    """A purchase as a subscription without periods."""
    nothing = dict.fromkeys(("canceled_at", "trial_ends_at", "current_period_start", "current_period_end"))
    return _subscription(
        {**nothing, "auto_enable": False, "add_on": True, "status": "active", "past_due": False, **body}
    )


def _entity(body: Json) -> Json:
    """Purchases among the subscriptions, these by state; flags among the balances."""
    dropped = ("subscriptions", "purchases", "licenses", "balances", "flags", "config")
    rows = [*body["subscriptions"], *body["purchases"]]
    return {
        **{name: value for name, value in body.items() if name not in dropped},
        "subscriptions": _merged([row for row in rows if row["status"] != "scheduled"]),
        "scheduled_subscriptions": _merged([row for row in rows if row["status"] == "scheduled"]),
        "balances": {**body["balances"], **body["flags"]},
    }


def _entity_without_controls(body: Json) -> Json:
    old = _entity(body)
    del old["billing_controls"]
    return old


def _merged(rows: list[Json]) -> list[Json]:
    """Subscriptions of one plan counted together, as old as the oldest."""
    merged: dict[str, Json] = {}
    for row in rows:
        known = merged.setdefault(row["plan_id"], row)
        if known is not row:
            known["quantity"] += row["quantity"]
            known["started_at"] = min(known["started_at"], row["started_at"])
    return list(merged.values())


# -- plans


def plan_with_features(plan: Json) -> Json:
    """A plan with ``features``, as 2.0 shows it."""
    old = {name: plan[name] for name in ("id", "name", "description", "group", "version", "add_on")}
    old |= {"default": plan["auto_enable"], "price": plan["price"]}
    if plan["price"] is not None:
        old["price"] = {name: value for name, value in plan["price"].items() if name != "price_id"}
        old["price"]["display"] = _older_display(old["price"])
    old["features"] = [_feature_of_plan(item) for item in plan["items"]]
    later = ("free_trial", "created_at", "env", "archived", "customer_eligibility", "base_variant_id")
    return {**old, **{name: plan[name] for name in later if name in plan}}


def _older_display(price: Json) -> Json:
    """A price every two months was one "per 2 months"."""
    display: Json = price["display"]
    if "interval_count" not in price:
        return display
    return {**display, "secondary_text": display["secondary_text"].replace("every", "per", 1)}


def _feature_of_plan(item: Json) -> Json:
    """An item; the tiers of its price count from what is included on."""
    old: Json = {}
    for name, value in item.items():
        if name == "included":
            old["granted_balance"] = value
        elif name == "reset" and value is not None:
            old["reset"] = {**value, "reset_when_enabled": True}
        elif name == "price" and value is not None:
            old["price"] = dict(_old_price_field(key, each) for key, each in value.items())
            if "tiers" in value:
                old["price"]["tiers"] = moved_tiers(value["tiers"], -item["included"])
        else:
            old[name] = value
    return old


def moved_tiers(tiers: list[Json], by: float) -> list[Json]:
    """Tiers whose limits are moved, those without a limit left as they are."""
    return [
        {**tier, "to": tier["to"] if tier["to"] == "inf" else number(amount(tier["to"]) + amount(by))} for tier in tiers
    ]


def _old_price_field(name: str, value: Any) -> tuple[str, Any]:
    if name != "billing_method":
        return name, value
    return "usage_model", "prepaid" if value == "prepaid" else "pay_per_use"


CHANGES = VersionChanges(
    traits=lambda before: before._replace(creates_customers=False, hides_drained=True, sends_thresholds=False),
    answers={
        "BalanceBody": _balance,
        "BalanceRowBody": _row,
        "FlagBody": _flag,
        "TrackBody": _track,
        "CheckBody": _check,
        "AggregateBinBody": _aggregate_bin,
        "SubscriptionBody": _subscription,
        "PurchaseBody": _purchase,
        "CustomerBody": _entity,
        "EntityBody": _entity_without_controls,
        "PlanBody": plan_with_features,
    },
)
