"""Version 1.1: a customer is one object, a check answers with one balance; before, both were split."""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import Json, VersionChanges


def _check(body: Json) -> Json:
    if "balance" not in body:
        return {"allowed": body["allowed"], "balances": []}
    entry: Json = {"feature_id": body["feature_id"]}
    is_boolean = body["interval"] is None and body["interval_count"] is None and not body["unlimited"]
    if is_boolean:
        entry |= {"balance": None}
    elif body["unlimited"] or body["overage_allowed"]:
        entry |= {
            "required": None,
            "balance": None if body["unlimited"] else body["balance"],
            "unlimited": body["unlimited"],
            "usage_allowed": body["overage_allowed"],
        }
    else:
        entry |= {"required": body["required_balance"], "balance": body["balance"]}
    return {"allowed": body["allowed"], "balances": [entry]}


_OF_THE_CUSTOMER = ("autumn_id", "id", "name", "email", "fingerprint", "created_at", "env", "metadata")


def _customer(body: Json) -> Json:
    customer: Json = {name: body[name] for name in _OF_THE_CUSTOMER if name in body}
    customer["internal_id"] = ""
    if body["stripe_id"]:
        customer["processor"] = {"id": body["stripe_id"], "type": "stripe"}
    split: Json = {
        "customer": customer,
        "products": [_product(each) for each in body["products"] if not each["is_add_on"]],
        "add_ons": [_product(each) for each in body["products"] if each["is_add_on"]],
        "entitlements": [_entitlement(each) for each in body["features"]],
        "invoices": body.get("invoices", []),
    }
    return split | {name: body[name] for name in ("trials_used", "payment_method") if name in body}


def _entitlement(feature: Json) -> Json:
    return {
        "feature_id": feature["feature_id"],
        "unlimited": feature["unlimited"],
        "interval": feature["interval"],
        "balance": feature["balance"],
        "used": feature["usage"],
        "next_reset_at": feature["next_reset_at"],
        "allowance": feature["included_usage"],
        "usage_limit": feature["usage_limit"],
    }


def _product(product: Json) -> Json:
    return {
        "id": product["id"],
        "name": product["name"],
        "group": product["group"] or "",
        "status": product["status"],
        "created_at": product["started_at"],
        "canceled_at": product["canceled_at"],
        "processor": {"type": "stripe", "subscription_id": None},
        "subscription_ids": [],
        "prices": [_price(item) for item in product["items"] if item["type"] != "feature"],
        "starts_at": product["started_at"],
        "current_period_end": product["current_period_end"],
        "current_period_start": product["current_period_start"],
    }


def _price(item: Json) -> Json:
    """The price of an item: one amount, or tiers of which the first one is what is included."""
    included = item.get("included_usage") or 0
    tiers: list[Json] = item.get("tiers") or [{"to": -1, "amount": item["price"]}]
    if item["type"] == "price" or (not included and len(tiers) == 1):
        return {"amount": tiers[0].get("amount", 0), "interval": item["interval"]}
    paid = [_tier(tier, included) for tier in tiers]
    return {"tiers": [{"to": included, "amount": 0}, *paid] if included else paid, "name": ""}


def _tier(tier: Json, included: float) -> Json:
    return {"to": tier["to"] if tier["to"] in ("inf", -1) else tier["to"] + included, "amount": tier.get("amount", 0)}


def _attached(body: Json) -> Json:
    if "checkout_url" in body:
        return {"checkout_url": body["checkout_url"]}
    return {name: body[name] for name in ("success", "message", "invoice") if name in body}


CHANGES = VersionChanges(
    traits=lambda before: before._replace(expands=tuple(each for each in before.expands if each != "invoices")),
    answers={"CheckBody": _check, "CustomerBody": _customer, "OldAttachedBody": _attached},
)
