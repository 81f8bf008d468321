"""The changes of a catalogue, as ``catalog.*`` and ``plans.preview_update`` show them to ``atmn``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.organisation import Env
from autumn_mock.ids import new_id
from autumn_mock.operations.catalogue.features import FeatureAction, FeatureChange
from autumn_mock.operations.catalogue.preview import (
    CatalogueChanges,
    OtherVersion,
    PlanAction,
    PlanChange,
    PlanUsage,
    VariantChange,
)
from autumn_mock.operations.plan_diff import Conflict, PlanDiff
from autumn_mock.wire.answer import Body
from autumn_mock.wire.responses.feature import FeatureBody, feature_body
from autumn_mock.wire.responses.plan import PlanDetailsBody, plan_body
from autumn_mock.wire.responses.variants import customize_body, item_params, items_of, only

Json = dict[str, Any]
Nothing = list[dict[str, Any]]


class VersionChangeBody(Body, kw_only=True):
    """How one version of a plan would change; ``customize`` is the change in the words of ``billing.attach``."""

    plan_id: str
    customize: Json | None
    previous_attributes: Json | None
    price_change: Json | UnsetType = UNSET
    item_changes: list[Json]
    has_customers: bool
    customer_count: int
    versionable: bool
    license_changes: Nothing


class ConflictBody(Body, kw_only=True):
    """Where another version already differs from the one that changes."""

    item_filter: Json | UnsetType = UNSET
    feature_name: str | UnsetType = UNSET
    reason: Literal["base_price_divergence", "different_interval", "value_divergence"]


class VariantChangeBody(VersionChangeBody, kw_only=True):
    """How a variant would change with its base."""

    variant_plan_id: str
    name: str
    action: Literal["created", "updated", "none"]
    conflicts: list[ConflictBody]


class OtherVersionBody(VersionChangeBody, kw_only=True):
    """How another version of the plan would change with it."""

    version: int
    conflicts: list[ConflictBody]


class PlanChangeBody(VersionChangeBody, kw_only=True):
    """How a plan would change."""

    plan: PlanDetailsBody | UnsetType | None = UNSET
    license_parents: Nothing
    variants: list[VariantChangeBody]
    other_versions: list[OtherVersionBody]


class CatalogPlanChangeBody(PlanChangeBody, kw_only=True):
    """How a plan of the catalogue would change; a migration would take the customers along, and is only shown."""

    action: PlanAction
    will_archive: bool
    migration: Json | UnsetType = UNSET


class FeatureChangeBody(Body, kw_only=True):
    """How a feature would change."""

    feature_id: str
    action: FeatureAction
    will_archive: bool
    blocked: bool
    blocked_reason: str | None
    previous_attributes: Json | None
    feature: FeatureBody | UnsetType | None = UNSET


class ChangesBody(Body):
    """How a catalogue would change."""

    plan_changes: list[CatalogPlanChangeBody]
    feature_changes: list[FeatureChangeBody]
    reward_changes: Nothing
    referral_program_changes: Nothing


class UpdatedBody(Body):
    """The features and plans that were sent, as they are now."""

    plans: list[PlanDetailsBody]
    features: list[FeatureBody]
    rewards: Nothing
    referral_programs: Nothing


class HasCustomersBody(Body):
    """Whether a change would be a new version."""

    current_version: int
    will_version: bool
    archived: bool


class FeatureUsageBody(Body):
    """The items of plans that prevent the deletion of a feature: the name of the oldest plan, and their number."""

    plan_name: str | None = field(name="productName")
    item_count: int = field(name="totalCount")


class PlanUsageBody(Body, kw_only=True):
    """The customers that prevent the deletion of a plan."""

    newest_version: int = field(name="numVersion")
    has_customers: bool = field(name="hasCusProducts")
    newest_has_customers: bool = field(name="hasCusProductsLatest")
    customer_name: str | UnsetType = field(name="customerName", default=UNSET)
    customer_count: str | UnsetType = field(name="totalCount", default=UNSET)


#: The attributes of which a change shows the previous value. Prices and items have places of their own.
_ATTRIBUTES = (
    "id",
    "name",
    "description",
    "group",
    "add_on",
    "auto_enable",
    "free_trial",
    "config",
    "billing_controls",
)


def changes_body(changes: CatalogueChanges, env: Env, expand: Collection[str] = ()) -> ChangesBody:
    """How a catalogue would change; ``expand`` names what to show as it would be."""
    plans = [
        _catalog_plan_body(change, changes.proposed, env, expanded="plan_changes.plan" in expand)
        for change in changes.plans
    ]
    features = [_feature_change_body(change) for change in changes.features]
    if "feature_changes.feature" in expand:
        for change, body in zip(changes.features, features, strict=True):
            after = None if change.action == "remove" else changes.proposed.get(change.feature_id)
            body.feature = None if after is None else feature_body(after)
    return ChangesBody(plans, features, [], [])


def plan_change_body(
    change: PlanChange, features: Mapping[str, Feature], env: Env, *, expanded: bool = False
) -> PlanChangeBody:
    """How a plan would change; ``expanded``: with the plan as it would be."""
    return PlanChangeBody(
        **_plan_change_fields(change, features, env), plan=_plan_after(change, features, env, expanded)
    )


def _plan_after(
    change: PlanChange, features: Mapping[str, Feature], env: Env, expanded: bool
) -> PlanDetailsBody | UnsetType | None:
    if not expanded:
        return UNSET
    return None if change.proposed is None else plan_body(change.proposed, features, env)


def _plan_change_fields(change: PlanChange, features: Mapping[str, Feature], env: Env) -> Json:
    fields = _change_fields(change.diff, features, env)
    if change.action == "deleted":
        fields["previous_attributes"] = {"id": change.plan_id, "name": change.name}
    return fields | {
        "plan_id": change.plan_id,
        "has_customers": change.customers > 0,
        "customer_count": change.customers,
        "versionable": change.versionable,
        "license_parents": [],
        "variants": [_variant_body(each, features, env) for each in change.variants],
        "other_versions": [_other_version_body(other, features, env) for other in change.other_versions],
    }


def _catalog_plan_body(
    change: PlanChange, features: Mapping[str, Feature], env: Env, *, expanded: bool
) -> CatalogPlanChangeBody:
    fields, diff = _plan_change_fields(change, features, env), change.diff
    migrates = diff is not None and change.customers > 0 and diff.changes_offer
    return CatalogPlanChangeBody(
        **fields,
        plan=_plan_after(change, features, env, expanded),
        action=change.action,
        will_archive=change.action == "deleted" and change.customers > 0,
        migration=_migration(diff, fields["customize"]) if migrates and diff is not None else UNSET,
    )


def _migration(diff: PlanDiff, customize: Json) -> Json:
    plan = {"plan_id": diff.current.id, "version": diff.current.version, "custom": False}
    taken = {name: customize[name] for name in ("price", "add_items", "remove_items") if name in customize}
    return {
        "draft": {
            "id": f"plan-migrate-1-{new_id('m')[-14:-11].lower()}",
            "filter": {"customer": {"plan": plan}},
            "operations": {"customer": [{"type": "update_plan", "plan_filter": plan, "customize": taken}]},
            "no_billing_changes": not diff.changes_billing,
        },
        "plan_ids": [diff.current.id],
        "include_custom": False,
        "has_billing_changes": diff.changes_billing,
    }


def _other_version_body(other: OtherVersion, features: Mapping[str, Feature], env: Env) -> OtherVersionBody:
    fields = _change_fields(other.diff, features, env)
    for each in fields["item_changes"]:
        if each["action"] == "created":  # no plan has the item yet: it has neither a display nor an id
            each["item"] = {"price": None, **item_params(each["item"])}
    return OtherVersionBody(
        **fields,
        plan_id=other.diff.current.id,
        has_customers=other.customers > 0,
        customer_count=other.customers,
        versionable=False,
        version=other.diff.current.version,
        conflicts=[_conflict_body(conflict, features) for conflict in other.conflicts],
    )


def _variant_body(change: VariantChange, features: Mapping[str, Feature], env: Env) -> VariantChangeBody:
    found = [_conflict_body(conflict, features) for conflict in change.conflicts]
    if change.different_interval:
        found = [each for each in found if each.reason != "base_price_divergence"]
        found.append(ConflictBody(reason="different_interval"))
    return VariantChangeBody(
        **_change_fields(change.diff, features, env),
        plan_id=change.diff.proposed.id,
        variant_plan_id=change.diff.proposed.id,
        name=change.diff.proposed.name,
        action=change.action,
        has_customers=change.customers > 0,
        customer_count=change.customers,
        versionable=change.customers > 0 and change.diff.changes_offer,
        conflicts=found,
    )


def _conflict_body(conflict: Conflict, features: Mapping[str, Feature]) -> ConflictBody:
    item = conflict.item
    if item is None:
        return ConflictBody(reason="base_price_divergence")
    known: Json = {"feature_id": item.feature_id}
    if item.price is not None:
        known["billing_method"] = item.price.billing_method
    every = item.price or item.reset
    if every is not None:
        known["interval"] = every.interval
        if every.interval_count != 1:
            known["interval_count"] = every.interval_count
    return ConflictBody(item_filter=known, feature_name=features[item.feature_id].name, reason="value_divergence")


def _change_fields(diff: PlanDiff | None, features: Mapping[str, Feature], env: Env) -> Json:
    """The fields of :class:`VersionChangeBody` that follow from the plan before and after the change."""
    fields: Json = {"customize": None, "previous_attributes": None, "item_changes": [], "license_changes": []}
    if diff is None:
        return fields
    before: Json = msgspec.to_builtins(plan_body(diff.current, features, env))
    after: Json = msgspec.to_builtins(plan_body(diff.proposed, features, env))
    removed = items_of(before, {item.entitlement_id for item in diff.removed})
    added = items_of(after, {item.entitlement_id for item in diff.added})
    customize = customize_body(diff, before, after)
    if diff.changes_price:
        fields["price_change"] = {"previous": before["price"], "current": after["price"]}
    changed = [*(("deleted", item) for item in removed), *(("created", item) for item in added)]
    return fields | {
        "customize": customize or None,
        "previous_attributes": {name: before.get(name) for name in _ATTRIBUTES if before.get(name) != after.get(name)}
        or None,
        "item_changes": [
            {"action": action, "feature_id": item["feature_id"], "item": item} for action, item in changed
        ],
    }


def _feature_change_body(change: FeatureChange) -> FeatureChangeBody:
    previous: Json | None = None
    if change.feature is not None:
        known: Json = msgspec.to_builtins(feature_body(change.feature))
        if change.action == "remove":
            previous = only(known, ("id", "name", "type"))
        elif change.action == "update":
            previous = {name: known.get(name) for name in change.changes if known.get(name) != change.changes[name]}
    return FeatureChangeBody(
        feature_id=change.feature_id,
        action=change.action,
        will_archive=change.will_archive,
        blocked=change.blocked_reason is not None,
        blocked_reason=change.blocked_reason,
        previous_attributes=previous,
    )


def has_customers_body(change: PlanChange) -> HasCustomersBody:
    """Whether a change would be a new version."""
    assert change.diff is not None
    current = change.diff.current
    return HasCustomersBody(current.version, change.versionable, current.archived)


def plan_usage_body(usage: PlanUsage) -> PlanUsageBody:
    """The customers that prevent the deletion of a plan."""
    return PlanUsageBody(
        newest_version=usage.version,
        has_customers=usage.customers > 0,
        newest_has_customers=usage.on_newest > 0,
        customer_name=UNSET if usage.name is None else usage.name,
        customer_count=UNSET if usage.name is None else str(usage.customers),
    )
