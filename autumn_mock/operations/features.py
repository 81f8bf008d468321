"""``features.*``: the catalogue of what can be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from autumn_mock.domain.amount import amount
from autumn_mock.domain.feature import CreditCost, Display, Feature, FeatureType
from autumn_mock.domain.plan import Plan
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, invalid_request


def create(call: Call, params: Mapping[str, Any]) -> Feature:
    """A new feature; 409 when the id is taken."""
    environment = call.environment
    with call.write() as transaction:
        if params["feature_id"] in environment.features:
            raise _taken(params["feature_id"])
        is_credits = params["type"] in ("credit_system", "ai_credit_system")
        feature = Feature(
            id=params["feature_id"],
            name=params["name"],
            type=params["type"],
            consumable=is_credits or (params["type"] == "metered" and bool(params.get("consumable"))),
            created_at=call.now,
            **details(call, params, params["type"]),
        )
        transaction.put(feature)
        return feature


def _taken(feature_id: str) -> ApiError:
    return ApiError(409, f"Feature {feature_id} already exists", "duplicate_feature_id")


def details(call: Call, params: Mapping[str, Any], kind: FeatureType) -> dict[str, Any]:
    """The optional fields that were sent, as the record of such a feature holds them.

    400 for a credit schema that cannot be.
    """
    sent: dict[str, Any] = {}
    if params.get("event_names") is not None:
        sent["event_names"] = tuple(params["event_names"])
    if params.get("display") is not None:
        sent["display"] = msgspec.convert(params["display"], Display)
    if params.get("credit_schema") is not None:
        sent["credit_schema"] = _credit_schema(call, params["credit_schema"], kind)
    if params.get("archived") is not None:
        sent["archived"] = params["archived"]
    if params.get("default_markup") is not None:
        sent["default_markup"] = amount(params["default_markup"])
    for name in ("provider_markups", "model_markups"):
        if params.get(name) is not None:
            sent[name] = params[name]
    return sent


def _credit_schema(call: Call, entries: Iterable[Mapping[str, Any]], kind: FeatureType) -> tuple[CreditCost, ...]:
    entries = list(entries)
    if any(each.get("credit_cost") is None for each in entries):
        raise invalid_request("autumn-mock prices credits by credit_cost; other prices of credits are not emulated")
    schema = tuple(
        CreditCost(metered_feature_id=e["metered_feature_id"], credit_cost=amount(e["credit_cost"])) for e in entries
    )
    if not schema and kind == "credit_system":
        raise ApiError(400, "At least one metered feature is required for credit system", "invalid_feature")
    for entry in schema:
        listed = call.environment.features.get(entry.metered_feature_id)
        if listed is not None and listed.is_credit_system:
            raise ApiError(
                400,
                f"Credit system schema cannot reference another credit system ({listed.id}). "
                "Only metered or AI credit features are allowed.",
                "invalid_feature",
            )
    return schema


def update(call: Call, params: Mapping[str, Any]) -> Feature:
    """Change what was sent. A new id is taken over by everything that names the old one."""
    environment = call.environment
    with call.write() as transaction:
        feature = call.feature(params["feature_id"])
        changes = details(call, params, params.get("type") or feature.type)
        for name in ("name", "type", "consumable"):
            if params.get(name) is not None:
                changes[name] = params[name]
        if params.get("type") == "metered" and feature.type != "metered" and params.get("consumable") is None:
            raise invalid_request("Consumable is required when changing type to metered")
        new_id = params.get("new_feature_id")
        if new_id and new_id != feature.id:
            if new_id in environment.features:
                raise _taken(new_id)
            changes["id"] = new_id
            transaction.delete(feature)
        feature = replace(feature, **changes)
        transaction.put(feature)
        if new_id and new_id != params["feature_id"]:
            _rename(call, transaction, params["feature_id"], new_id)
        return feature


def _rename(call: Call, transaction: Any, old: str, new: str) -> None:
    environment = call.environment
    for balance in [each for each in environment.balances if each.feature_id == old]:
        transaction.put(replace(balance, feature_id=new))
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
    for system in list(environment.features):
        if system.cost_of(old) is not None:
            schema = tuple(
                replace(e, metered_feature_id=new) if e.metered_feature_id == old else e for e in system.credit_schema
            )
            transaction.put(replace(system, credit_schema=schema))


def _renamed(plan: Plan, old: str, new: str) -> Plan:
    """The plan with another id for a feature; itself when it does not have that."""
    if not any(item.feature_id == old for item in plan.items):
        return plan
    return replace(plan, items=tuple(replace(i, feature_id=new) if i.feature_id == old else i for i in plan.items))


def delete(call: Call, feature_id: str) -> None:
    """Forget a feature that nothing uses; 409 otherwise."""
    environment = call.environment
    with call.write() as transaction:
        feature = call.feature(feature_id)
        for system in environment.features:
            if system.cost_of(feature.id) is not None:
                raise invalid_request(f"Feature {feature.id} is used by credit system {system.id}", status=409)
        plans = (*environment.plans, *(attached.plan for attached in environment.customer_plans))
        if any(item.feature_id == feature.id for plan in plans for item in plan.items):
            raise invalid_request(
                f"Feature {feature.id} is used in a product. You must delete the product first, or archive it instead.",
                status=409,
            )
        for balance in [each for each in environment.balances if each.feature_id == feature.id]:
            transaction.delete(balance)
        for lock in [each for each in environment.locks if each.feature_id == feature.id]:
            transaction.delete(lock)
        transaction.delete(feature)
