"""Version 2.0: structured answers in place of flat ones; plans in place of products."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any

from autumn_mock.domain.amount import amount, number
from autumn_mock.wire.versions.declaration import Json, VersionChanges
from autumn_mock.wire.versions.product_params import (
    creation_params,
    feature_params,
    named_feature_params,
    plan_params,
    trial_params,
    update_params,
)
from autumn_mock.wire.versions.products import feature_type, listed_product, product, product_items, product_properties
from autumn_mock.wire.versions.v2_1 import plan_with_features

# -- requests


def _usage_value(body: Json) -> Json:
    """The value of a usage could be one of its properties."""
    properties = body.get("properties")
    if not isinstance(properties, dict) or "value" not in properties:
        return body
    rest = {name: value for name, value in properties.items() if name != "value"}
    value = _as_number(properties["value"])
    return {**({} if value is None else {"value": value}), **body, "properties": rest}


def _as_number(value: Any) -> float | None:
    """A number, also one in text; None for anything else."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        try:
            value = float(value.strip() or 0)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and isfinite(value) else None


_ATTACHMENT = {"product_id": "plan_id", "options": "feature_quantities", "billing_behavior": "proration_behavior"}


def _attachment(body: Json) -> Json:
    """A plan was a product, its quantities were options, and what was customized had no object of its own."""
    if "product_id" not in body:
        return body
    new = {_ATTACHMENT.get(name, name): value for name, value in body.items() if name != "items"}
    if isinstance(body.get("free_trial"), dict):
        new["free_trial"] = trial_params(body["free_trial"])
    if body.get("items") is not None:
        customized = plan_params({"items": body["items"]})
        new["customize"] = {name: value for name, value in customized.items() if value is not None}
    return new


# -- usage


def _track(body: Json) -> Json:
    old = {"id": "placeholder", "code": "event_received", "customer_id": body["customer_id"]}
    old |= {name: body[name] for name in ("entity_id", "event_name") if name in body}
    if body["named_feature_id"] is not None:
        old["feature_id"] = body["named_feature_id"]
    return old


#: The fields of a balance, in order.
_BALANCE = (
    "interval",
    "interval_count",
    "unlimited",
    "balance",
    "usage",
    "included_usage",
    "next_reset_at",
    "overage_allowed",
    "breakdown",
    "credit_schema",
    "usage_limit",
    "rollovers",
)
#: The fields of a row of a balance, in order.
_ROW = (
    "interval",
    "interval_count",
    "balance",
    "usage",
    "included_usage",
    "next_reset_at",
    "usage_limit",
    "expires_at",
    "overage_allowed",
)


def _ordered(body: Json, names: tuple[str, ...]) -> Json:
    return {name: body[name] for name in names if name in body}


def _check(body: Json) -> Json:
    old: Json = {
        "allowed": body["allowed"],
        "code": "feature_found",
        "customer_id": body["customer_id"],
        "feature_id": body["named_feature_id"],
    }
    old |= _ordered(body, ("entity_id", "required_balance", "preview"))
    if body["balance"] is not None:
        old |= _ordered(_flat_balance(body["balance"]), _BALANCE)
    return old


def _flat_balance(body: Json) -> Json:
    """A balance in one level. What cannot be counted, a boolean or unlimited feature, is a balance of zero."""
    feature = body["feature"]
    is_boolean = feature["type"] == "boolean"
    counts = not is_boolean and not body["unlimited"]
    prepaid = sum((amount(row["prepaid_quantity"]) for row in body["breakdown"]), amount(0))
    amounts = _amounts(body, prepaid, amount(body["purchased_balance"]) - prepaid) if counts else _NO_AMOUNTS
    flat: Json = {
        "id": body["feature_id"],
        "type": feature_type(feature["type"]),
        "name": feature["name"],
        **_interval_fields(body["reset"], counts),
        "unlimited": body["unlimited"],
        **amounts,
    }
    if feature["credit_schema"] is not None:
        flat["credit_schema"] = [
            {"feature_id": each["metered_feature_id"], "credit_amount": each["credit_cost"]}
            for each in feature["credit_schema"]
        ]
    if body["breakdown"]:
        flat["breakdown"] = [_flat_row(row, counts) for row in body["breakdown"]]
    if "rollovers" in body:
        flat["rollovers"] = [
            {"balance": each["balance"], "expires_at": each["expires_at"]} for each in body["rollovers"]
        ]
    return _ordered(flat, ("id", "type", "name", *_BALANCE))


_NO_AMOUNTS: Json = {"balance": 0, "usage": 0, "included_usage": 0, "overage_allowed": False}


def _amounts(body: Json, prepaid: Decimal, overage: Decimal) -> Json:
    """The amounts of a balance or of one of its rows. One that may be overdrawn so far only has a limit of usage."""
    included = amount(body["granted_balance"]) + prepaid
    most = body["max_purchase"]
    return {
        "balance": number(amount(body["current_balance"]) - overage),
        "usage": body["usage"],
        "included_usage": number(included),
        "overage_allowed": body["overage_allowed"] and not most,
        **({"usage_limit": number(included + amount(most))} if most else {}),
    }


def _flat_row(row: Json, counts: bool) -> Json:
    prepaid = amount(row["prepaid_quantity"])
    overage = amount(row["purchased_balance"]) if row["overage_allowed"] else amount(0)
    amounts = _amounts(row, prepaid, overage) if counts else _NO_AMOUNTS
    return _ordered({**_interval_fields(row["reset"], counts), **amounts, "expires_at": row["expires_at"]}, _ROW)


def _interval_fields(reset: Json | None, counts: bool) -> Json:
    if reset is None:
        return {"interval": None, "interval_count": 1 if counts else None, "next_reset_at": None}
    if reset["interval"] == "multiple":
        return {"interval": "multiple", "interval_count": None, "next_reset_at": None}
    return {
        "interval": "lifetime" if reset["interval"] == "one_off" else reset["interval"],
        "interval_count": reset.get("interval_count", 1),
        "next_reset_at": reset["resets_at"],
    }


# -- customers and entities


def _customer(body: Json) -> Json:
    """Products in place of subscriptions, features in place of balances."""
    dropped = ("id", "created_at", "billing_controls", "subscriptions", "scheduled_subscriptions", "balances")
    last = ("invoices", "invoice_previews", "rewards", "entities", "trials_used", "referrals", "payment_method")
    rows = [*body["subscriptions"], *body["scheduled_subscriptions"]]
    return {
        "id": body["id"],
        "created_at": body["created_at"],
        **{name: value for name, value in body.items() if name not in dropped + last},
        "products": [_product(row) for row in sorted(rows, key=lambda row: bool(row["add_on"]))],
        "features": {name: _flat_balance(view) for name, view in body["balances"].items()},
        **{name: body[name] for name in last if name in body},
    }


def _invoice(body: Json) -> Json:
    kept = {name: value for name, value in body.items() if name not in ("plan_ids", "processor_type")}
    return {"product_ids": body["plan_ids"], **kept}


def _product(row: Json) -> Json:
    plan = plan_with_features(row["plan"])
    return {
        "id": row["plan_id"],
        "name": plan["name"],
        "group": plan["group"],
        "status": _older_status(row),
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


def _older_status(row: Json) -> str:
    """The status of a plan, which names the states that are active too."""
    if row["status"] == "active" and row["past_due"]:
        return "past_due"
    is_trialing = row["status"] == "active" and row["trial_ends_at"] is not None
    return "trialing" if is_trialing else row["status"]


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
        "CustomerInvoiceBody": _invoice,
        "FeatureBody": old_feature,
        "PlanBody": listed_product,
    },
    requests={
        "balances.track": _usage_value,
        "billing.attach": _attachment,
        "billing.preview_attach": _attachment,
        "billing.update": _attachment,
        "billing.preview_update": _attachment,
        "products": creation_params,
        "post_products_plan_id": update_params,
        "post_products_plan_id_has_customers": update_params,
        "features": named_feature_params,
        "post_features_feature_id": feature_params,
    },
)
