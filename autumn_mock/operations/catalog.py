"""``catalog.preview_update``: what would change if all features and plans were as ``atmn push`` has them in a file.

Features and plans are stated as they are to be. What is there and not stated goes, unless deletions are to be skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.operations import plans as plans_
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.feature_diff import FeatureChange, proposed_features, removed_feature, stated_feature
from autumn_mock.operations.plan_diff import Conflict, PlanDiff, carry_over, conflicts, diff
from autumn_mock.operations.plan_update import makes_version, propose
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.plans import Catalog, PlansPreview


class OtherVersion(Struct, frozen=True):
    """What a change would be on another version of the same plan."""

    diff: PlanDiff
    customers: int
    conflicts: tuple[Conflict, ...]


class PlanChange(Struct, frozen=True):
    """What would happen to one plan."""

    plan_id: str
    action: Literal["created", "updated", "deleted", "skipped", "none"]
    #: None when there is nothing to compare with: a plan that is new, goes, or is left alone.
    diff: PlanDiff | None = None
    #: How many customers are on the version that would change; on any version, when the plan goes.
    customers: int = 0
    #: Whether the change would be a new version, because customers are on this one.
    versionable: bool = False
    #: The name of a plan that goes. One that has customers is only archived.
    name: str | None = None
    other_versions: tuple[OtherVersion, ...] = ()


class Changes(Struct, frozen=True):
    """Everything that would happen."""

    plans: tuple[PlanChange, ...]
    features: tuple[FeatureChange, ...]
    #: The features as they are and as they would be; new ones included.
    proposed: Mapping[str, Feature]


class _Proposed(Call, frozen=True):
    """A call that sees features which are not there yet."""

    proposed: Mapping[str, Feature] = {}

    def feature(self, feature_id: str) -> Feature:
        return self.proposed.get(feature_id) or super().feature(feature_id)


#: Who is, or will be, on which version of which plan: (plan id, version) to internal customer ids.
CustomersByVersion = Mapping[tuple[str, int], set[str]]


def customers_by_version(environment: Environment) -> CustomersByVersion:
    """Everybody who is on a plan. To be asked under the environment's lock."""
    crowd: dict[tuple[str, int], set[str]] = {}
    for each in environment.customer_plans:
        crowd.setdefault((each.plan.id, each.plan.version), set()).add(each.customer)
    return crowd


def _on_version(crowd: CustomersByVersion, plan: Plan) -> int:
    return len(crowd.get((plan.id, plan.version), ()))


def _on_any(crowd: CustomersByVersion, plan_id: str) -> int:
    return len(set().union(*(customers for (each, _), customers in crowd.items() if each == plan_id)))


class Use(Struct, frozen=True):
    """Who is in the way of a plan's deletion."""

    #: The newest version.
    version: int
    customers: int
    #: How many of them are on the newest version.
    on_newest: int
    #: One of them.
    name: str | None


def use_of(call: Call, plan_id: str) -> Use:
    """Who is on a plan; 404 when there is no such plan."""
    environment = call.environment
    with environment.lock:
        plan = plans_.get(call, plan_id)
        crowd = customers_by_version(environment)
        first = next((each.customer for each in environment.customer_plans if each.plan_id == plan_id), None)
        customer = None if first is None else environment.customers.get(first)
    name = None if customer is None else customer.name or customer.email or customer.id
    return Use(plan.version, _on_any(crowd, plan_id), _on_version(crowd, plan), name)


def preview_plan(call: Call, params: PlansPreview) -> PlanChange:
    """What ``plans.update`` with the same parameters would change; 404 when there is no such plan."""
    with call.environment.lock:
        current = plans_.get(call, params.plan_id, params.version)
        return _plan_change(call, current, params, customers_by_version(call.environment))


def preview(call: Call, params: Catalog) -> Changes:
    """What ``catalog.update`` with the same parameters would change."""
    for name, sent in (("rewards", params.rewards), ("referral_programs", params.referral_programs)):
        if sent:
            raise invalid_request(f"autumn-mock does not emulate {name}; leave them out of the catalog")
    with call.environment.lock:
        return _preview(call, params)


def _preview(call: Call, params: Catalog) -> Changes:
    environment = call.environment
    skipped_features, skipped_plans = set(params.skip_feature_ids or ()), set(params.skip_plan_ids or ())
    stated = [each for each in params.features or () if each.feature_id not in skipped_features]
    proposed = proposed_features(call, stated)
    seeing = _Proposed(environment, call.version, call.now, call.request_id, call.publishable, proposed=proposed)
    crowd = customers_by_version(environment)

    plans = [_stated_plan(seeing, each, crowd) for each in active(params)]
    for plan in _gone(environment, params):
        plans.append(PlanChange(plan.id, "deleted", customers=_on_any(crowd, plan.id), name=plan.name))
    known = dict.fromkeys([*_ids(params.plans or ()), *(plan.id for plan in environment.plans)])
    plans += [PlanChange(plan_id, "skipped") for plan_id in known if plan_id in skipped_plans]

    features = [stated_feature(environment, each) for each in stated]
    removed: list[str] = []
    for feature in _unmentioned(environment, params):
        used = _used_after(feature.id, environment, proposed, set(removed), plans, params)
        features.append(removed_feature(feature, will_archive=used))
        removed.append(feature.id)
    mentioned = [each.feature_id for each in params.features or ()]
    for feature_id in dict.fromkeys([*mentioned, *(each.id for each in environment.features)]):
        if feature_id in skipped_features:
            features.append(FeatureChange(feature_id, "skipped"))
    return Changes(tuple(plans), tuple(features), proposed)


def _ids(plans: Iterable[PlansPreview]) -> list[str]:
    return [name for plan in plans for name in (plan.plan_id, plan.new_plan_id) if name]


def active(params: Catalog) -> list[PlansPreview]:
    """The plans that are stated and not skipped."""
    skipped = set(params.skip_plan_ids or ())
    return [each for each in params.plans or () if not skipped & {each.plan_id, each.new_plan_id}]


def _gone(environment: Environment, params: Catalog) -> list[Plan]:
    """The plans that are there and not wanted any more, in their newest version."""
    if params.skip_deletions:
        return []
    kept = {*_ids(params.plans or ()), *(params.skip_plan_ids or ())}
    return [plan for plan in plans_.in_order(plans_.latest_plans(environment)) if plan.id not in kept]


def _unmentioned(environment: Environment, params: Catalog) -> list[Feature]:
    """The features that are there and not wanted any more; credit systems first, as they hold on to others."""
    if params.skip_deletions:
        return []
    kept = {*(each.feature_id for each in params.features or ()), *(params.skip_feature_ids or ())}
    gone = [each for each in environment.features if not each.archived and each.id not in kept]
    return sorted(gone, key=lambda feature: not feature.is_credit_system)


def _stated_plan(call: Call, params: PlansPreview, crowd: CustomersByVersion) -> PlanChange:
    plan_id, version = params.plan_id, params.version
    current = plans_.find(call.environment, plan_id, version)
    if current is None:
        blank = Plan(id=plan_id, name=params.name or plan_id, version=1, created_at=call.now)
        propose(call, blank, params)  # for what it refuses
        return PlanChange(plan_id, "created")
    return _plan_change(call, current, params, crowd)


def _plan_change(call: Call, current: Plan, params: PlansPreview, crowd: CustomersByVersion) -> PlanChange:
    environment = call.environment
    change = diff(current, propose(call, current, params))
    customers = _on_version(crowd, current)
    others: tuple[OtherVersion, ...] = ()
    if params.include_versions and change.changes_offer:
        siblings = [each for each in environment.plans.of(current.id).values() if each.version != current.version]
        others = tuple(
            OtherVersion(diff(other, carry_over(change, other)), _on_version(crowd, other), conflicts(change, other))
            for other in siblings
        )
    return PlanChange(
        params.plan_id,
        "updated" if change.changes_anything else "none",
        diff=change,
        customers=customers,
        versionable=makes_version(change, params, customers),
        other_versions=others,
    )


def _used_after(
    feature_id: str,
    environment: Environment,
    proposed: Mapping[str, Feature],
    removed: set[str],
    plans: Iterable[PlanChange],
    params: Catalog,
) -> bool:
    """Whether anything would still need a feature, so that it can only be archived."""
    gone = {change.plan_id for change in plans if change.action == "deleted"}
    edited = {
        (change.diff.current.id, change.diff.current.version): change.diff.proposed
        for change in plans
        if change.diff is not None and not change.versionable
    }
    left = [edited.get((plan.id, plan.version), plan) for plan in environment.plans if plan.id not in gone]
    systems = [proposed.get(each.id, each) for each in environment.features if each.id not in removed]
    wanted = any(item.feature_id == feature_id for plan in active(params) for item in plan.items or ())
    return wanted or is_used(feature_id, environment, left, systems)


def is_used(feature_id: str, environment: Environment, plans: Iterable[Plan], systems: Iterable[Feature]) -> bool:
    """Whether balances, credit systems or plans need a feature."""
    return (
        any(system.cost_of(feature_id) is not None for system in systems)
        or any(feature_id in (item.feature_id, item.entity_feature_id) for plan in plans for item in plan.items)
        or any(balance.feature_id == feature_id for balance in environment.balances)
    )
