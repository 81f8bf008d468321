"""``features.*``: the features of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.feature import Feature, FeatureOverride, FeatureType
from autumn_mock.domain.plan import Plan, PlanItem
from autumn_mock.domain.rate_card import CreditCost
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.wire.requests.features import (
    CreditCostParams,
    FeatureChanges,
    FeatureOverrideParams,
    FeaturePatch,
    FeaturesCreate,
    FeatureSettings,
    FeaturesUpdate,
)

msgspec.json.Decoder(CreditCost)  # two threads that first use a type at the same time crash in msgspec 0.22


def create(call: Call, params: FeaturesCreate) -> Feature:
    """A new feature; 409 when the id is taken."""
    environment = call.environment
    with call.write() as transaction:
        if params.feature_id in environment.features:
            raise _taken(params.feature_id)
        is_credits = params.type in ("credit_system", "ai_credit_system")
        feature = Feature(
            id=params.feature_id,
            name=params.name,
            type=params.type,
            consumable=is_credits or (params.type == "metered" and bool(params.consumable)),
            created_at=call.now,
            **details(call, params, params.type),
        )
        transaction.put(feature)
        return feature


def _taken(feature_id: str) -> ApiError:
    return ApiError(409, f"Feature {feature_id} already exists", "duplicate_feature_id")


def details(call: Call, params: FeatureSettings, kind: FeatureType) -> dict[str, Any]:
    """The optional fields that were sent, as the record of such a feature holds them.

    400 for an invalid credit schema.
    """
    sent: dict[str, Any] = {
        "display": params.display,
        "provider_markups": params.provider_markups,
        "model_markups": params.model_markups,
    }
    if params.event_names is not None:
        sent["event_names"] = tuple(params.event_names)
    if params.combine is not None:
        if kind not in ("metered", "credit_system"):
            raise invalid_request("combine is only for metered and credit system features")
        sent["combine"] = params.combine
    if params.credit_schema is not None:
        sent["credit_schema"] = credit_schema(call, params.credit_schema)
        if not sent["credit_schema"] and kind == "credit_system":
            raise ApiError(400, "At least one metered feature is required for credit system", "invalid_feature")
    if isinstance(params, FeatureChanges):
        sent["archived"] = params.archived
    if params.default_markup is not None:
        sent["default_markup"] = amount(params.default_markup)
    return {name: value for name, value in sent.items() if value is not None}


def credit_schema(call: Call, entries: Iterable[CreditCostParams]) -> tuple[CreditCost, ...]:
    """A rate card as it was sent; 400 for tiers, and for a row of another credit system."""
    schema = tuple(to_cost(entry) for entry in entries)
    for priced in schema:
        listed = call.environment.features.get(priced.metered_feature_id)
        if listed is not None and listed.is_credit_system:
            raise ApiError(
                400,
                f"Credit system schema cannot reference another credit system ({listed.id}). "
                "Only metered or AI credit features are allowed.",
                "invalid_feature",
            )
    return schema


def to_override(call: Call, feature: Feature, sent: FeatureOverrideParams | None) -> FeatureOverride | None:
    """What a plan changes of a feature; 400 for a rate card, or markups, that the feature cannot have."""
    if sent is None:
        return None
    if sent.credit_schema is not None and not feature.is_credit_system:
        raise invalid_request("feature_override.credit_schema is only for credit_system features")
    if sent.markups is not None and feature.type != "ai_credit_system":
        raise invalid_request("feature_override.markups is only for ai_credit_system features")
    markups = sent.markups
    return FeatureOverride(
        credit_schema=None if sent.credit_schema is None else credit_schema(call, sent.credit_schema),
        replaces_markups=markups is not None,
        default_markup=None if markups is None or markups.default_markup is None else amount(markups.default_markup),
        provider_markups=None if markups is None else markups.provider_markups,
        model_markups=None if markups is None else markups.model_markups,
    )


def to_cost(sent: CreditCostParams) -> CreditCost:
    """A row of a rate card as it was sent; 400 for tiers."""
    if sent.tiers is not None or any("credit_cost" not in each for each in (sent.dimensions or {}).values()):
        raise invalid_request("autumn-mock prices credits by credit_cost; other prices of credits are not emulated")
    kept = {name: value for name in CreditCost.__struct_fields__ if (value := getattr(sent, name)) is not None}
    return msgspec.convert(kept, CreditCost)


def blockers(environment: Environment, feature: Feature, kind: FeatureType, consumable: bool) -> dict[str, str]:
    """Why a feature cannot get another type, or be consumable or not: codes and messages, the first refusal first."""
    items = [item for plan in environment.plans for item in plan.items]
    own = [item for item in items if item.feature_id == feature.id]
    parts = [item.feature_id for item in items if item.entity_feature_id == feature.id]
    systems = [each.id for each in environment.features if each.cost_of(feature.id) is not None]
    has_customers = any(balance.feature_id == feature.id for balance in environment.balances)
    if kind != feature.type:
        text = f"Cannot change type of feature {feature.id}"
        is_switch = "credit_system" in (kind, feature.type)
        found = {
            "credit_system_type_change": is_switch and f"{text} from {feature.type} to {kind}",
            "has_customers": has_customers and f"{text} because it has been attached to a customer before",
            "used_as_entity_feature": parts and f"{text} because it is used in an entity feature by {parts[0]}",
            "has_usage_price": any(item.price is not None for item in own)
            and f"{text} because it has a usage price set",
            "used_in_credit_system": systems and f"{text} because it is used in a credit system",
            "used_in_products": is_switch
            and own
            and f"Cannot change type from {feature.type} to {kind} because the feature is used in a product",
        }
    elif kind == "metered" and consumable != feature.consumable:
        text = f"Cannot set to {'single use' if consumable else 'continuous use'} because it is"
        found = {
            "used_in_credit_system": systems and f"{text} used in credit system {systems[0]}",
            "used_as_entity_feature": parts and f"{text} used as an entity by {parts[0]}",
            "has_customers": has_customers and f"{text} / was used by customers",
        }
    else:
        found = {}
    return {code: str(message) for code, message in found.items() if message}


def update(call: Call, feature_id: str, params: FeaturePatch | FeaturesUpdate) -> Feature:
    """Change what was sent. A new id replaces the old one in every record that names it."""
    environment = call.environment
    with call.write() as transaction:
        feature = call.feature(feature_id)
        kind = params.type or feature.type
        changes = details(call, params, kind)
        for name, value in (("name", params.name), ("type", params.type), ("consumable", params.consumable)):
            if value is not None:
                changes[name] = value
        if params.type == "metered" and feature.type != "metered" and params.consumable is None:
            raise invalid_request("Consumable is required when changing type to metered")
        for code, message in blockers(
            environment, feature, kind, bool(changes.get("consumable", feature.consumable))
        ).items():
            raise ApiError(
                400, message, "invalid_request" if code == "credit_system_type_change" else "invalid_feature"
            )
        new_id = params.new_feature_id
        if new_id and new_id != feature.id:
            if new_id in environment.features:
                raise _taken(new_id)
            if _is_held(environment, feature.id):
                text = f"Cannot change id of feature {feature.id} because a customer is using it or has used it before"
                raise ApiError(400, text, "invalid_feature")
            changes["id"] = new_id
            transaction.delete(feature)
        feature = replace(feature, **changes)
        transaction.put(feature)
        if new_id and new_id != feature_id:
            _rename(call, transaction, feature_id, new_id)
        return feature


def _is_held(environment: Environment, feature_id: str) -> bool:
    """Whether a customer has, or had by a plan, a balance of a feature."""
    rows = (row for closed in environment.closed_plans for row in closed.rows)
    return any(row.feature_id == feature_id for row in (*environment.balances, *rows))


def _rename(call: Call, transaction: Transaction, old: str, new: str) -> None:
    """Name a feature anew where it is named; no customer has a balance of it."""
    environment = call.environment
    for balance in list(environment.balances):
        override = _renamed_override(balance.feature_override, old, new)
        if override is not balance.feature_override:
            transaction.put(replace(balance, feature_override=override))
    for lock in [each for each in environment.locks if each.feature_id == old]:
        transaction.put(replace(lock, feature_id=new))
    for entity in [each for each in environment.entities if each.feature_id == old]:
        transaction.put(replace(entity, feature_id=new))
    for plan in list(environment.plans):
        renamed = _renamed(plan, old, new)
        if renamed is not plan:
            transaction.put(renamed)
    for attached in list(environment.customer_plans):
        renamed = _renamed(attached.plan, old, new)
        if renamed is not attached.plan:
            prepaid = {new if name == old else name: units for name, units in attached.prepaid.items()}
            transaction.put(replace(attached, plan=renamed, prepaid=prepaid))
    transaction.take_plan_changes()  # the plans are what they were
    for closed in list(environment.closed_plans):
        renamed = _renamed(closed.attached.plan, old, new)
        if renamed is not closed.attached.plan:
            transaction.put(replace(closed, attached=replace(closed.attached, plan=renamed)))
    for system in list(environment.features):
        schema = _renamed_costs(system.credit_schema, old, new)
        if schema is not system.credit_schema:
            transaction.put(replace(system, credit_schema=schema))


def _renamed(plan: Plan, old: str, new: str) -> Plan:
    """The plan with another id for a feature; itself when it does not have that."""
    items = tuple(_renamed_item(item, old, new) for item in plan.items)
    return plan if items == plan.items else replace(plan, items=items)


def _renamed_item(item: PlanItem, old: str, new: str) -> PlanItem:
    return replace(
        item,
        feature_id=new if item.feature_id == old else item.feature_id,
        entity_feature_id=new if item.entity_feature_id == old else item.entity_feature_id,
        feature_override=_renamed_override(item.feature_override, old, new),
    )


def _renamed_override(override: FeatureOverride | None, old: str, new: str) -> FeatureOverride | None:
    if override is None or override.credit_schema is None:
        return override
    return replace(override, credit_schema=_renamed_costs(override.credit_schema, old, new))


def _renamed_costs(schema: tuple[CreditCost, ...], old: str, new: str) -> tuple[CreditCost, ...]:
    """A rate card with another id for a feature; itself when it does not have that."""
    if not any(each.metered_feature_id == old for each in schema):
        return schema
    return tuple(replace(e, metered_feature_id=new) if e.metered_feature_id == old else e for e in schema)


def plans_with(call: Call, feature_id: str) -> list[Plan]:
    """The versions of plans that have an item of a feature, oldest first, once for each item; 404 if there is no such
    feature."""
    with call.environment.lock:
        feature = call.feature(feature_id)
        found = sorted(call.environment.plans, key=lambda plan: plan.created_at)
        return [plan for plan in found for item in plan.items if item.feature_id == feature.id]


def delete(call: Call, feature_id: str) -> None:
    """Delete an unused feature; 409 when plans or credit systems use it."""
    environment = call.environment
    with call.write() as transaction:
        feature = call.feature(feature_id)
        for system in environment.features:
            if system.cost_of(feature.id) is not None:
                raise invalid_request(f"Feature {feature.id} is used by credit system {system.id}", status=409)
        paused = [closed.attached for closed in environment.closed_plans if closed.ended_at is None]
        plans = (*environment.plans, *(attached.plan for attached in (*environment.customer_plans, *paused)))
        if any(item.feature_id == feature.id for plan in plans for item in plan.items):
            raise invalid_request(
                f"Feature {feature.id} is used in a product. You must delete the product first, or archive it instead.",
                status=409,
            )
        for balance in [each for each in environment.balances if each.feature_id == feature.id]:
            transaction.delete(balance)
        for closed in list(environment.closed_plans):
            if feature.id in closed.feature_ids:
                transaction.delete(closed)
        for lock in [each for each in environment.locks if each.feature_id == feature.id]:
            transaction.delete(lock)
        transaction.delete(feature)
