"""``catalog.preview_update``: what would change if the organisation had the features and plans that are sent.

What the organisation has and the request does not mention is removed, unless ``skip_deletions`` is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.operations import plans as plans_
from autumn_mock.operations.call import Call
from autumn_mock.operations.catalogue.features import FeatureChange, proposed_features, removed_feature, sent_feature
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.plan_diff import Conflict, PlanDiff, carry_over, conflicts, diff
from autumn_mock.operations.plan_update import makes_version, propose
from autumn_mock.operations.variants import (
    followed,
    is_priced_alike,
    proposed_variant,
    refuse_variants,
    variants_of,
)
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.plans import Catalog, PlansPreview

PlanAction = Literal["created", "updated", "deleted", "skipped", "none"]


class OtherVersion(Struct, frozen=True):
    """How another version of the same plan would change with it."""

    diff: PlanDiff
    customers: int
    conflicts: tuple[Conflict, ...]


class VariantChange(Struct, frozen=True):
    """What would happen to a variant with its base; a variant that is made differs from its base."""

    action: Literal["created", "updated", "none"]
    diff: PlanDiff
    customers: int
    conflicts: tuple[Conflict, ...]
    #: Whether its base price has another interval than that of its base.
    different_interval: bool


class PlanChange(Struct, frozen=True):
    """What would happen to one plan."""

    plan_id: str
    action: PlanAction
    #: None if there is nothing to compare: the plan is new, removed or skipped.
    diff: PlanDiff | None = None
    #: The plan as it would be; None if it is removed or skipped.
    proposed: Plan | None = None
    #: How many customers are on the version that changes; on any version, if the plan is removed.
    customers: int = 0
    #: Whether the change would be a new version, because customers are on this one.
    versionable: bool = False
    #: The name of a plan that is removed. One that has customers is only archived.
    name: str | None = None
    other_versions: tuple[OtherVersion, ...] = ()
    variants: tuple[VariantChange, ...] = ()


class CatalogueChanges(Struct, frozen=True):
    """Everything that would happen."""

    plans: tuple[PlanChange, ...]
    features: tuple[FeatureChange, ...]
    #: All features by id as they would be, before any is removed.
    proposed: Mapping[str, Feature]


class PlanUsage(Struct, frozen=True):
    """The customers that prevent the deletion of a plan."""

    #: The newest version.
    version: int
    customers: int
    #: How many of them are on the newest version.
    on_newest: int
    #: The name, e-mail address or id of one of them.
    name: str | None


class _Proposed(Call, frozen=True):
    """A call that also sees features that do not exist yet."""

    proposed: Mapping[str, Feature] = {}

    def feature(self, feature_id: str) -> Feature:
        return self.proposed.get(feature_id) or super().feature(feature_id)


def plan_usage(call: Call, plan_id: str) -> PlanUsage:
    """The customers on a plan; 404 if there is no such plan."""
    environment = call.environment
    with environment.lock:
        plan = plans_.get(call, plan_id)
        first = next((each.customer for each in environment.customer_plans if each.plan_id == plan_id), None)
        customer = None if first is None else environment.customers.get(first)
        name = None if customer is None else customer.name or customer.email or customer.id
        on_any = plans_.customers_on(environment, plan_id)
        return PlanUsage(plan.version, on_any, plans_.customers_on(environment, plan_id, plan.version), name)


def preview_plan(call: Call, params: PlansPreview) -> PlanChange:
    """What ``plans.update`` with the same parameters would change; 404 if there is no such plan."""
    with call.environment.lock:
        return _plan_change(call, plans_.get(call, params.plan_id, params.version), params)


def preview(call: Call, params: Catalog) -> CatalogueChanges:
    """What ``catalog.update`` with the same parameters would change; 400 for everything that it would refuse."""
    for name, others in (("rewards", params.rewards), ("referral_programs", params.referral_programs)):
        if others:
            raise invalid_request(f"autumn-mock does not emulate {name}; leave them out of the catalog")
    environment = call.environment
    with environment.lock:
        skipped = set(params.skip_feature_ids or ())
        sent = [each for each in params.features or () if each.feature_id not in skipped]
        proposed = proposed_features(call, sent)
        plans = _plan_changes(call, params, proposed)
        features = [sent_feature(environment, each) for each in sent]
        features += _removed_features(environment, params, proposed, plans)
        known = [*(each.feature_id for each in params.features or ()), *environment.features.by_key]
        features += [FeatureChange(name, "skipped") for name in dict.fromkeys(known) if name in skipped]
        return CatalogueChanges(tuple(plans), tuple(features), proposed)


def _plan_changes(call: Call, params: Catalog, proposed: Mapping[str, Feature]) -> list[PlanChange]:
    environment = call.environment
    seeing = _Proposed(environment, call.version, call.now, proposed=proposed)
    changes = [_sent_plan(seeing, each) for each in sent_plans(params)]
    skipped = set(params.skip_plan_ids or ())
    named = [name for each in params.plans or () for name in (each.plan_id, each.new_plan_id) if name]
    variants = {variant.variant_plan_id for each in params.plans or () for variant in each.variants or ()}
    named += variants
    if not params.skip_deletions:
        for plan in plans_.in_order(plans_.latest_plans(environment)):
            if plan.id not in skipped and plan.id not in named:
                customers = plans_.customers_on(environment, plan.id, ended=True)
                changes.append(PlanChange(plan.id, "deleted", customers=customers, name=plan.name))
    known = dict.fromkeys([*named, *(plan.id for plan in environment.plans)])
    # atmn sends the ids of variants too, so that they are not deleted; their changes are part of their base's.
    return changes + [PlanChange(plan_id, "skipped") for plan_id in known if plan_id in skipped - variants]


def sent_plans(params: Catalog) -> list[PlansPreview]:
    """The plans of the request that are not to be skipped."""
    skipped = set(params.skip_plan_ids or ())
    return [each for each in params.plans or () if not skipped & {each.plan_id, each.new_plan_id}]


def _sent_plan(call: Call, params: PlansPreview) -> PlanChange:
    plan_id = params.plan_id
    current = plans_.find(call.environment, plan_id, params.version)
    if current is None:
        blank = Plan(id=plan_id, name=params.name or plan_id, version=1, created_at=call.now)
        proposed = propose(call, blank, params)  # raises what creating the plan would
        variants = _variant_changes(call, diff(blank, proposed), params)
        return PlanChange(plan_id, "created", proposed=proposed, variants=variants)
    return _plan_change(call, current, params)


def _plan_change(call: Call, current: Plan, params: PlansPreview) -> PlanChange:
    environment = call.environment
    change = diff(current, propose(call, current, params))
    customers = plans_.customers_on(environment, current.id, current.version)
    others: list[OtherVersion] = []
    if params.include_versions and change.changes_offer:
        others = [
            OtherVersion(
                diff(other, carry_over(change, other)),
                plans_.customers_on(environment, other.id, other.version),
                conflicts(change, other),
            )
            for other in environment.plans.of(current.id).values()
            if other.version != current.version
        ]
    return PlanChange(
        params.plan_id,
        "none" if change.proposed == current else "updated",
        variants=_variant_changes(call, change, params),
        diff=change,
        proposed=change.proposed,
        customers=customers,
        versionable=makes_version(change, params, customers),
        other_versions=tuple(others),
    )


def _variant_changes(call: Call, change: PlanDiff, params: PlansPreview) -> tuple[VariantChange, ...]:
    """The variants that an update of their base describes or names, and with ``include_variants`` all others."""
    environment = call.environment
    refuse_variants(call, change.current, params)
    base, found = change.proposed, {}
    for sent in params.variants or ():
        after = proposed_variant(call, base, sent)
        before = plans_.latest_plan(environment, after.id)
        action: Literal["created", "updated"] = "updated" if before is not None else "created"
        found[after.id] = (action, diff(before or base, after))
    others = variants_of(environment, change.current.id)
    for variant in others:
        if variant.id not in found and (params.include_variants or variant.id in (params.update_variant_ids or ())):
            found[variant.id] = ("updated", diff(variant, followed(change, variant)))
    return tuple(
        VariantChange(
            action if each.current != each.proposed else "none",
            each,
            plans_.customers_on(environment, each.proposed.id),
            conflicts(change, each.current) if action == "updated" else (),
            action == "updated" and change.changes_price and not is_priced_alike(change.current, each.current),
        )
        for action, each in found.values()
    )


def _removed_features(
    environment: Environment, params: Catalog, proposed: Mapping[str, Feature], plans: Iterable[PlanChange]
) -> list[FeatureChange]:
    """The features that the request does not mention, credit systems first, as they use others.

    A feature that plans, credit systems or balances would still use is archived instead.
    """
    if params.skip_deletions:
        return []
    kept = {*(each.feature_id for each in params.features or ()), *(params.skip_feature_ids or ())}
    removed = [each for each in environment.features if not each.archived and each.id not in kept]
    changes: dict[str, FeatureChange] = {}
    left = _plans_after(environment, plans)
    wanted = {item.feature_id for plan in sent_plans(params) for item in plan.items or ()}
    for feature in sorted(removed, key=lambda feature: not feature.is_credit_system):
        systems = [proposed.get(each.id, each) for each in environment.features if each.id not in changes]
        used = feature.id in wanted or is_used(feature.id, environment, left, systems)
        changes[feature.id] = removed_feature(feature, will_archive=used)
    return list(changes.values())


def _plans_after(environment: Environment, changes: Iterable[PlanChange]) -> list[Plan]:
    """The versions of plans that would be left."""
    removed = {change.plan_id for change in changes if change.action == "deleted"}
    edited = {
        (change.diff.current.id, change.diff.current.version): change.diff.proposed
        for change in changes
        if change.diff is not None and not change.versionable
    }
    return [edited.get((plan.id, plan.version), plan) for plan in environment.plans if plan.id not in removed]


def is_used(feature_id: str, environment: Environment, plans: Iterable[Plan], systems: Iterable[Feature]) -> bool:
    """Whether balances, or these credit systems or plans, use a feature."""
    return (
        any(system.cost_of(feature_id) is not None for system in systems)
        or any(feature_id in (item.feature_id, item.entity_feature_id) for plan in plans for item in plan.items)
        or any(balance.feature_id == feature_id for balance in environment.balances)
    )
