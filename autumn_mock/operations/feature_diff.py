"""How features would change: what they are now against what they are to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.feature import Display, Feature
from autumn_mock.operations.call import Call
from autumn_mock.operations.features import details
from autumn_mock.store.environment import Environment

_CREDITS = ("credit_system", "ai_credit_system")


class FeatureChange(Struct, frozen=True):
    """What would happen to one feature."""

    feature_id: str
    action: Literal["create", "update", "remove", "skipped", "none"]
    #: The feature as it is; None for a new one.
    feature: Feature | None = None
    #: What is stated differently from what is.
    changes: Mapping[str, Any] = {}
    #: Why the change cannot be made; it is passed over then.
    blocked_reason: str | None = None
    #: For a feature that goes: whether something still needs it, so that it is only archived.
    will_archive: bool = False


def stated_feature(environment: Environment, given: Mapping[str, Any]) -> FeatureChange:
    """What stating a feature changes."""
    feature = environment.features.get(given["feature_id"])
    if feature is None:
        return FeatureChange(given["feature_id"], "create")
    changes = _changes(feature, given)
    blocked = _blocked_reason(environment, feature, changes)
    return FeatureChange(feature.id, "update" if changes else "none", feature, changes, blocked)


def removed_feature(feature: Feature, *, will_archive: bool) -> FeatureChange:
    """What leaving a feature out changes."""
    return FeatureChange(feature.id, "remove", feature, will_archive=will_archive)


def proposed_features(call: Call, stated: Iterable[Mapping[str, Any]]) -> dict[str, Feature]:
    """All features by id: as they are, and those that are stated as they would be.

    400 for what creating or changing one would refuse.
    """
    environment = call.environment
    proposed = dict(environment.features.by_key)
    for given in stated:
        known = proposed.get(given["feature_id"])
        if known is not None and stated_feature(environment, given).blocked_reason is not None:
            continue
        blank = Feature(id=given["feature_id"], name="", type="metered", consumable=False, created_at=call.now)
        feature = known or blank
        fields: dict[str, Any] = {name: given[name] for name in ("name", "type") if given.get(name) is not None}
        fields["consumable"] = _consumable(feature, given)
        proposed[feature.id] = replace(feature, **fields, **details(call, given, fields.get("type", feature.type)))
    return proposed


def _consumable(feature: Feature, given: Mapping[str, Any]) -> bool:
    kind = given.get("type") or feature.type
    if kind != "metered":
        return kind in _CREDITS
    stated = given.get("consumable")
    return feature.consumable if stated is None else bool(stated)


def _costs(schema: Iterable[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    return sorted((each["metered_feature_id"], amount(each.get("credit_cost") or 0)) for each in schema)


def _changes(feature: Feature, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated, where it is not so already. Lists of names and costs have no order."""
    changes: dict[str, Any] = {
        name: given[name]
        for name in ("name", "type", "archived")
        if given.get(name) is not None and given[name] != getattr(feature, name)
    }
    consumable = _consumable(feature, given)
    if consumable != feature.consumable or "type" in changes:
        changes["consumable"] = consumable
    if given.get("display") is not None and msgspec.convert(given["display"], Display) != feature.display:
        changes["display"] = given["display"]
    if given.get("event_names") is not None and sorted(given["event_names"]) != sorted(feature.event_names):
        changes["event_names"] = given["event_names"]
    if given.get("credit_schema") is not None:
        costs = sorted((each.metered_feature_id, each.credit_cost) for each in feature.credit_schema)
        if _costs(given["credit_schema"]) != costs:
            changes["credit_schema"] = given["credit_schema"]
    if given.get("default_markup") is not None and amount(given["default_markup"]) != feature.default_markup:
        changes["default_markup"] = given["default_markup"]
    for name in ("provider_markups", "model_markups"):
        if given.get(name) is not None and given[name] != (getattr(feature, name) or {}):
            changes[name] = given[name]
    return changes


def _blocked_reason(environment: Environment, feature: Feature, changes: Mapping[str, Any]) -> str | None:
    """Why a feature cannot become another kind of thing."""
    kind = changes.get("type", feature.type)
    if kind == feature.type and changes.get("consumable", feature.consumable) == feature.consumable:
        return None
    if any(balance.feature_id == feature.id for balance in environment.balances):
        return "has_customers"
    if any(system.cost_of(feature.id) is not None for system in environment.features):
        return "used_in_credit_system"
    items = (item for plan in environment.plans for item in plan.items if item.feature_id == feature.id)
    if any(item.price is not None for item in items):
        return "has_usage_price"
    if (kind == "credit_system") != feature.is_credit_system:
        return "credit_system_type_change"
    return None
