"""Products as old clients send them, in the words of today's plans (``products.py`` is the way back).

An item was flat, and the base price was an item without a feature. Words of today are left as they are.
"""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import Json

_RENAMED = {"is_add_on": "add_on", "is_default": "auto_enable"}
#: Words of an old product that say nothing today.
_DROPPED = ("env", "created_at", "base_variant_id", "scenario", "properties")
_ITEM = ("feature_id", "entity_feature_id", "entitlement_id", "price_id")
#: Words that only an item of today has.
_NEW_ITEM = {"included", "unlimited", "reset", "rollover", "proration", "expiry", "threshold_billing"}
#: The types of an old feature, and whether it is consumable.
_TYPES = {"single_use": True, "continuous_use": False}


def plan_params(body: Json) -> Json:
    """The parameters of a plan from those of an old product."""
    plan = {_RENAMED.get(name, name): value for name, value in body.items() if name not in _DROPPED}
    if plan.get("group", "") is None:
        del plan["group"]
    items = body.get("items")
    if isinstance(items, list) and all(isinstance(item, dict) for item in items):
        plan["items"] = [item_params(item) for item in items if not _is_base_price(item)]
        base = next((item for item in items if _is_base_price(item)), None)
        if base is not None:
            plan["price"] = {"amount": base["price"], **_interval(base, "one_off")}
        elif "price" not in body:
            plan["price"] = None
    if isinstance(body.get("free_trial"), dict):
        plan["free_trial"] = trial_params(body["free_trial"])
    return plan


def update_params(body: Json) -> Json:
    """The parameters of a change of a plan, whose new id was called so."""
    plan = plan_params(body)
    return {("new_plan_id" if name == "id" else name): value for name, value in plan.items()}


def creation_params(body: Json) -> Json:
    """The parameters of a new plan, which has no null for a price or trial."""
    plan = plan_params(body)
    return {name: value for name, value in plan.items() if value is not None or name not in ("price", "free_trial")}


def _is_base_price(item: Json) -> bool:
    return item.get("feature_id") is None and isinstance(item.get("price"), (int, float))


def _interval(item: Json, never: str) -> Json:
    count = item.get("interval_count")
    return {"interval": item.get("interval") or never, **({} if count is None else {"interval_count": count})}


def trial_params(trial: Json) -> Json:
    """The parameters of a free trial."""
    if "length" not in trial:
        return trial
    known = {"duration_length": trial["length"], "duration_type": trial.get("duration") or "day"}
    return known if trial.get("card_required") is None else {**known, "card_required": trial["card_required"]}


def item_params(item: Json) -> Json:
    """The parameters of an item of a plan from those of an old one."""
    if isinstance(item.get("price"), dict) or _NEW_ITEM & item.keys():
        return item
    params: Json = {name: item[name] for name in _ITEM if item.get(name) is not None}
    included = item.get("included_usage")
    if included == "inf":
        params["unlimited"] = True
    elif included is not None:
        params["included"] = included
    if item.get("price") is not None or item.get("tiers"):
        params["price"] = _price(item, included if isinstance(included, (int, float)) else 0)
    elif item.get("interval") is not None:
        params["reset"] = _interval(item, "one_off")
    config = item.get("config")
    if isinstance(config, dict):
        params |= _config(config)
    return params


def _price(item: Json, included: float) -> Json:
    price: Json = _interval(item, "one_off")
    price["billing_method"] = "prepaid" if item.get("usage_model") == "prepaid" else "usage_based"
    tiers = item.get("tiers")
    if isinstance(tiers, list) and tiers:
        price["tiers"] = [_tier(tier, included) if isinstance(tier, dict) else tier for tier in tiers]
    else:
        price["amount"] = item.get("price")
    price |= {name: item[name] for name in ("billing_units", "tier_behavior") if item.get(name) is not None}
    limit = item.get("usage_limit")
    if isinstance(limit, (int, float)):
        limit -= included
    return price if limit is None else {**price, "max_purchase": limit}


def _tier(tier: Json, included: float) -> Json:
    """A tier began after what is included; today that is counted in."""
    to = tier.get("to")
    return {**tier, "to": to + included} if isinstance(to, (int, float)) else tier


def _config(config: Json) -> Json:
    params: Json = {}
    rollover = config.get("rollover")
    if isinstance(rollover, dict):
        names = {"duration": "expiry_duration_type", "length": "expiry_duration_length"}
        params["rollover"] = {names.get(name, name): value for name, value in rollover.items() if value is not None}
    proration = {name: config[name] for name in ("on_increase", "on_decrease") if config.get(name) is not None}
    if len(proration) == 2:  # both
        params["proration"] = proration
    return params


def feature_params(body: Json) -> Json:
    """The parameters of a feature from those of an old one, whose type said how it is used."""
    kind = body.get("type")
    if isinstance(kind, str) and kind in _TYPES:
        return {**body, "type": "metered", "consumable": _TYPES[kind]}
    return {**body, "type": "boolean"} if kind == "static" else body


def named_feature_params(body: Json) -> Json:
    """The same for a new feature, whose id was called so."""
    body = feature_params(body)
    if "feature_id" in body or "id" not in body:
        return body
    return {("feature_id" if name == "id" else name): value for name, value in body.items()}
