"""Version 2.0: structured answers in place of flat ones; plans in place of products."""

from __future__ import annotations

from autumn_mock.domain.amount import amount, number
from autumn_mock.wire.versions.declaration import Json, VersionChanges
from autumn_mock.wire.versions.products import listed_product, product, product_items, product_properties
from autumn_mock.wire.versions.v2_1 import plan_with_features

# -- requests


def _usage_value(body: Json) -> Json:
    """The value of a usage could be one of its properties."""
    properties = body.get("properties")
    if not isinstance(properties, dict) or "value" not in properties:
        return body
    rest = {name: value for name, value in properties.items() if name != "value"}
    return {"value": properties["value"], **body, "properties": rest}


def _attachment(body: Json) -> Json:
    """A plan was a product, its quantities were options."""
    if "product_id" not in body:
        return body
    renamed = {"product_id": "plan_id", "options": "feature_quantities"}
    return {renamed.get(name, name): value for name, value in body.items()}


# -- usage


def _track(body: Json) -> Json:
    old = {"id": "placeholder", "code": "event_received", "customer_id": body["customer_id"]}
    old |= {name: body[name] for name in ("entity_id", "event_name") if name in body}
    if body["named_feature_id"] is not None:
        old["feature_id"] = body["named_feature_id"]
    return old


def _check(body: Json) -> Json:
    old: Json = {
        "allowed": body["allowed"],
        "code": "feature_found",
        "customer_id": body["customer_id"],
        "feature_id": body["named_feature_id"],
    }
    old |= {name: body[name] for name in ("entity_id", "required_balance", "preview") if name in body}
    return old if body["balance"] is None else {**old, **_flat_balance(body["balance"])}


def _flat_balance(body: Json) -> Json:
    unlimited = body["unlimited"]
    reset = body["reset"] or {}
    interval = _interval(reset.get("interval"))
    is_plain = interval not in (None, "multiple") and not unlimited
    prepaid = sum((amount(row["prepaid_quantity"]) for row in body["breakdown"]), amount(0))
    granted = amount(body["granted_balance"]) + prepaid
    flat: Json = {
        "interval": None if unlimited else interval,
        "interval_count": reset.get("interval_count", 1) if is_plain else None,
        "unlimited": unlimited,
        "balance": None if unlimited else number(granted - amount(body["usage"])),
        "usage": 0 if unlimited else body["usage"],
        "included_usage": number(granted),
        "next_reset_at": reset.get("resets_at"),
        "overage_allowed": body["overage_allowed"],
    }
    if body["breakdown"] and not unlimited:
        flat["breakdown"] = [_flat_row(row) for row in body["breakdown"]]
    if "rollovers" in body:
        flat["rollovers"] = [
            {"balance": each["balance"], "expires_at": each["expires_at"]} for each in body["rollovers"]
        ]
    return flat


def _interval(interval: str | None) -> str | None:
    return "lifetime" if interval == "one_off" else interval


def _flat_row(row: Json) -> Json:
    reset = row["reset"] or {}
    granted = amount(row["granted_balance"]) + amount(row["prepaid_quantity"])
    return {
        "interval": _interval(reset.get("interval")),
        "interval_count": reset.get("interval_count", 1) if reset else None,
        "balance": number(granted - amount(row["usage"])),
        "usage": row["usage"],
        "included_usage": number(granted),
        "next_reset_at": reset.get("resets_at"),
        "expires_at": row["expires_at"],
        "overage_allowed": row["overage_allowed"],
    }


# -- customers and entities


def _customer(body: Json) -> Json:
    """Products in place of subscriptions, features in place of balances."""
    dropped = ("id", "created_at", "billing_controls", "subscriptions", "scheduled_subscriptions", "balances")
    last = ("invoices", "entities", "trials_used", "referrals")
    rows = [*body["subscriptions"], *body["scheduled_subscriptions"]]
    return {
        "id": body["id"],
        "created_at": body["created_at"],
        **{name: value for name, value in body.items() if name not in dropped + last},
        "products": [_product(row) for row in rows],
        "features": {name: _feature_with_balance(view) for name, view in body["balances"].items()},
        **{name: body[name] for name in last if name in body},
    }


def _product(row: Json) -> Json:
    plan = plan_with_features(row["plan"])
    return {
        "id": row["plan_id"],
        "name": plan["name"],
        "group": plan["group"],
        "status": row["status"],
        "canceled_at": row["canceled_at"],
        "started_at": row["started_at"],
        "is_default": row["default"],
        "is_add_on": row["add_on"],
        "version": plan["version"],
        "current_period_start": row["current_period_start"],
        "current_period_end": row["current_period_end"],
        "items": product_items(plan),
        "quantity": row["quantity"],
    }


def _feature_with_balance(view: Json) -> Json:
    feature = view["feature"]
    is_boolean = feature["type"] == "boolean"
    named = {"id": feature["id"], "type": "static" if is_boolean else feature["type"], "name": feature["name"]}
    return named if is_boolean else {**named, **_flat_balance(view)}


# -- features and plans


def old_feature(body: Json) -> Json:
    """A feature whose ``type`` says how it is used."""
    kind = body["type"]
    if kind == "metered":
        kind = "single_use" if body["consumable"] else "continuous_use"
    return {
        "id": body["id"],
        "name": body["name"],
        "type": kind,
        "display": body.get("display"),
        "credit_schema": body.get("credit_schema"),
        "archived": body["archived"],
    }


def offered_product(plan: Json) -> Json:
    """A plan in the newest shape, with the features of its items in full, as the product that a customer is offered."""
    items = [{**item, "feature": old_feature(item["feature"])} for item in plan["items"]]
    old = plan_with_features({**plan, "items": items})
    return {
        **product(old, product_items(old)),
        "billing_controls": plan["billing_controls"],
        "scenario": "new",
        "properties": product_properties(old),
    }


CHANGES = VersionChanges(
    traits=lambda before: before._replace(expands=()),
    answers={
        "TrackBody": _track,
        "QueuedTrackBody": _track,
        "CheckBody": _check,
        "CustomerBody": _customer,
        "EntityBody": _customer,
        "FeatureBody": old_feature,
        "PlanBody": listed_product,
    },
    requests={
        "balances.track": _usage_value,
        "billing.attach": _attachment,
        "billing.preview_attach": _attachment,
    },
)
