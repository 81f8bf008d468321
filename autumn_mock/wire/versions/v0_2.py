"""Version 0.2: entitlements say what is included and when it is renewed, products which period they are in."""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import Json, VersionChanges

_LATER = ("next_reset_at", "allowance", "usage_limit")
_PERIOD = ("current_period_start", "current_period_end")
_NEVER_NULL = ("name", "email", "fingerprint")


def _customer(body: Json) -> Json:
    customer = {name: value for name, value in body["customer"].items() if name != "internal_id"}
    return {
        **body,
        "customer": {name: value or "" if name in _NEVER_NULL else value for name, value in customer.items()},
        "products": [_without(product, _PERIOD) for product in body["products"]],
        "add_ons": [_without(product, _PERIOD) for product in body["add_ons"]],
        "entitlements": [_entitlement(each) for each in body["entitlements"]],
    }


def _entitlement(body: Json) -> Json:
    if not body["interval"] and not body["balance"]:
        return {"feature_id": body["feature_id"], "interval": None}
    return _without(body, _LATER)


def _without(body: Json, names: tuple[str, ...]) -> Json:
    return {name: value for name, value in body.items() if name not in names}


CHANGES = VersionChanges(answers={"CustomerBody": _customer})
