"""How the features that are sent differ from those of the organisation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.rate_card import CreditCost
from autumn_mock.operations.call import Call
from autumn_mock.operations.features import blockers, details, to_cost
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.features import FeaturesCreate

_CREDITS = ("credit_system", "ai_credit_system")


FeatureAction = Literal["create", "update", "remove", "skipped", "none"]


class FeatureChange(Struct, frozen=True):
    """What would happen to one feature."""

    feature_id: str
    action: FeatureAction
    #: The feature as it is; None for a new one.
    feature: Feature | None = None
    #: The fields that differ, as they were sent.
    changes: Mapping[str, Any] = {}
    #: Why the change is impossible; it is not made then.
    blocked_reason: str | None = None
    #: For a feature that is removed: whether something still uses it, so that it is only archived.
    will_archive: bool = False


def sent_feature(environment: Environment, given: FeaturesCreate) -> FeatureChange:
    """The change that sending a feature makes."""
    feature = environment.features.get(given.feature_id)
    if feature is None:
        return FeatureChange(given.feature_id, "create")
    changes = _changes(feature, given)
    blocked = _blocked_reason(environment, feature, changes)
    return FeatureChange(feature.id, "update" if changes else "none", feature, changes, blocked)


def removed_feature(feature: Feature, *, will_archive: bool) -> FeatureChange:
    """The change that leaving a feature out makes."""
    return FeatureChange(feature.id, "remove", feature, will_archive=will_archive)


def proposed_features(call: Call, sent: Iterable[FeaturesCreate]) -> dict[str, Feature]:
    """All features by id, those that are sent as they would be; 400 for what creating or changing one would refuse."""
    environment = call.environment
    proposed = dict(environment.features.by_key)
    for given in sent:
        known = proposed.get(given.feature_id)
        if known is not None and sent_feature(environment, given).blocked_reason is not None:
            continue
        blank = Feature(id=given.feature_id, name="", type="metered", consumable=False, created_at=call.now)
        feature = known or blank
        proposed[feature.id] = replace(
            feature,
            name=given.name,
            type=given.type,
            consumable=_consumable(feature, given),
            **details(call, given, given.type),
        )
    return proposed


def _consumable(feature: Feature, given: FeaturesCreate) -> bool:
    if given.type != "metered":
        return given.type in _CREDITS
    return feature.consumable if given.consumable is None else given.consumable


def _in_order(schema: Iterable[CreditCost]) -> list[CreditCost]:
    return sorted(schema, key=lambda each: each.metered_feature_id)


def _changes(feature: Feature, given: FeaturesCreate) -> dict[str, Any]:
    """The fields that differ. The order of event names and costs does not matter."""
    changes: dict[str, Any] = {
        name: getattr(given, name) for name in ("name", "type") if getattr(given, name) != getattr(feature, name)
    }
    consumable = _consumable(feature, given)
    if consumable != feature.consumable or "type" in changes:
        changes["consumable"] = consumable
    if given.combine is not None and given.combine != feature.combine:
        changes["combine"] = given.combine
    if given.display is not None and given.display != feature.display:
        changes["display"] = given.display
    if given.event_names is not None and sorted(given.event_names) != sorted(feature.event_names):
        changes["event_names"] = given.event_names
    schema = given.credit_schema
    if schema is not None and _in_order(map(to_cost, schema)) != _in_order(feature.credit_schema):
        changes["credit_schema"] = schema
    if given.default_markup is not None and amount(given.default_markup) != feature.default_markup:
        changes["default_markup"] = given.default_markup
    if given.provider_markups is not None and given.provider_markups != (feature.provider_markups or {}):
        changes["provider_markups"] = given.provider_markups
    if given.model_markups is not None and given.model_markups != (feature.model_markups or {}):
        changes["model_markups"] = given.model_markups
    return changes


#: The reasons that a preview gives, the most important first.
_REASONS = (
    "has_customers",
    "used_in_credit_system",
    "has_usage_price",
    "used_as_entity_feature",
    "used_in_products",
    "credit_system_type_change",
)


def _blocked_reason(environment: Environment, feature: Feature, changes: Mapping[str, Any]) -> str | None:
    """Why a feature cannot change its type, if it would."""
    kind, consumable = changes.get("type", feature.type), changes.get("consumable", feature.consumable)
    found = blockers(environment, feature, kind, consumable)
    return next((reason for reason in _REASONS if reason in found), None)
