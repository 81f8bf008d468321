"""``catalog.update``: making all features and plans what they are to be.

It looks at the same changes that a preview shows, so nothing happens that was not shown, and what the preview refuses
is refused before anything is touched. One thing is not shown, here as on the real server: of a plan that is only
stated in older versions, the newest goes.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.operations import features as features_
from autumn_mock.operations import plan_update
from autumn_mock.operations import plans as plans_
from autumn_mock.operations.call import Call
from autumn_mock.operations.catalog import PlanChange, active, customers_by_version, is_used, preview
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.features import FeaturePatch
from autumn_mock.wire.requests.plans import Catalog, PlansCreate, PlansPreview


def update(call: Call, params: Catalog) -> tuple[list[Plan], list[Feature]]:
    """Make the catalogue what it is to be; the plans and features that were stated, as they are now."""
    environment = call.environment
    with environment.lock:
        changes = preview(call, params)
        unstated, crowd = _unstated_versions(environment, params), customers_by_version(environment)
        stated = {each.feature_id: each for each in params.features or ()}
        for feature in changes.features:
            if feature.action == "create":
                features_.create(call, stated[feature.feature_id])
            elif feature.action == "update" and feature.blocked_reason is None:
                features_.update(call, feature.feature_id, FeaturePatch(**feature.changes))
        for given, plan in zip(active(params), changes.plans, strict=False):
            _apply(call, given, plan)
        for plan in changes.plans:
            if plan.action == "deleted":
                _remove(call, list(environment.plans.of(plan.plan_id).values()), archive=plan.customers > 0)
        for version in unstated:
            _remove(call, [version], archive=(version.id, version.version) in crowd)
        for feature in changes.features:
            if feature.action == "remove":
                _remove_feature(call, feature.feature_id)
        wanted = [each.new_plan_id or each.plan_id for each in params.plans or ()]
        plans = [plans_.latest_plan(environment, plan_id) for plan_id in wanted]
        features = [environment.features.get(name) for name in stated]
        return [each for each in plans if each is not None], [each for each in features if each is not None]


def _unstated_versions(environment: Environment, params: Catalog) -> list[Plan]:
    """Newest versions of plans that are only stated in other versions: they go, or are archived."""
    if params.skip_deletions:
        return []
    versions: dict[str, set[int | None]] = {}
    for given in active(params):
        version = given.version
        versions.setdefault(given.plan_id, set()).add(None if version is None else int(version))
    newest = [plans_.latest_plan(environment, plan_id) for plan_id, named in versions.items() if None not in named]
    return [plan for plan in newest if plan is not None and plan.version not in versions[plan.id] and not plan.archived]


def _apply(call: Call, given: PlansPreview, change: PlanChange) -> None:
    if change.action == "created":
        plans_.create(call, _creation(given))
    elif change.action == "updated" or change.versionable:
        plan_update.update(call, given.plan_id, given)


def _creation(given: PlansPreview) -> PlansCreate:
    """The creation of a plan that is stated and does not exist."""
    return PlansCreate(
        plan_id=given.plan_id,
        group=given.group or "",
        name=given.name or given.plan_id,
        description=None if given.description is UNSET else given.description,
        add_on=bool(given.add_on),
        auto_enable=bool(given.auto_enable),
        price=None if given.price is UNSET else given.price,
        items=given.items,
        free_trial=None if given.free_trial is UNSET else given.free_trial,
        config=given.config,
        billing_controls=given.billing_controls,
        metadata=given.metadata,
    )


def _remove(call: Call, versions: Iterable[Plan], *, archive: bool) -> None:
    with call.write() as transaction:
        for version in versions:
            if archive:
                transaction.put(replace(version, archived=True))
            else:
                transaction.delete(version)


def _remove_feature(call: Call, feature_id: str) -> None:
    environment = call.environment
    if is_used(feature_id, environment, environment.plans, environment.features):
        features_.update(call, feature_id, FeaturePatch(archived=True))
    else:
        features_.delete(call, feature_id)
