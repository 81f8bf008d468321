"""``catalog.update``: give the organisation the features and plans that are sent.

It carries out the changes that a preview shows, so what the preview refuses is refused before anything is changed. One
thing is not shown, as on the real server: of a plan that is only sent in older versions, the newest version is removed.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.operations import features as features_
from autumn_mock.operations import plan_update
from autumn_mock.operations import plans as plans_
from autumn_mock.operations.call import Call
from autumn_mock.operations.catalogue.preview import is_used, preview, sent_plans
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.features import FeaturePatch
from autumn_mock.wire.requests.plans import Catalog, PlanPatch, PlansCreate


def update(call: Call, params: Catalog) -> tuple[list[Plan], list[Feature]]:
    """Change the catalogue; returns the plans and features that were sent, as they are afterwards."""
    environment = call.environment
    with environment.lock:
        changes = preview(call, params)
        unsent = _unsent_versions(environment, params)
        sent = {each.feature_id: each for each in params.features or ()}
        for feature in changes.features:
            if feature.action == "create":
                features_.create(call, sent[feature.feature_id])
            elif feature.action == "update" and feature.blocked_reason is None:
                features_.update(call, feature.feature_id, FeaturePatch(**feature.changes))
        for given, plan in zip(sent_plans(params), changes.plans, strict=False):
            if plan.action == "created":
                plans_.create(call, creation(given.plan_id, given))
                if given.variants:
                    plan_update.update(call, given.plan_id, PlanPatch(variants=given.variants))
            elif plan.action == "updated" or plan.versionable or given.variants:
                plan_update.update(call, given.plan_id, given)
        for plan in changes.plans:
            if plan.action == "deleted":
                _remove(call, list(environment.plans.of(plan.plan_id).values()), archive=plan.customers > 0)
        for version in unsent:
            _remove(
                call, [version], archive=plans_.customers_on(environment, version.id, version.version, ended=True) > 0
            )
        for feature in changes.features:
            if feature.action == "remove":
                _remove_feature(call, feature.feature_id)
        ids = [each.new_plan_id or each.plan_id for each in params.plans or ()]
        plans = [plans_.latest_plan(environment, plan_id) for plan_id in ids]
        features = [environment.features.get(name) for name in sent]
        return [each for each in plans if each is not None], [each for each in features if each is not None]


def _unsent_versions(environment: Environment, params: Catalog) -> list[Plan]:
    """The newest versions of plans that are only sent in other versions."""
    if params.skip_deletions:
        return []
    versions: dict[str, set[int | None]] = {}
    for given in sent_plans(params):
        versions.setdefault(given.plan_id, set()).add(None if given.version is None else int(given.version))
    newest = [plans_.latest_plan(environment, plan_id) for plan_id, named in versions.items() if None not in named]
    return [plan for plan in newest if plan is not None and plan.version not in versions[plan.id] and not plan.archived]


def creation(plan_id: str, given: PlanPatch) -> PlansCreate:
    """The creation of a plan that is sent and does not exist."""
    return PlansCreate(
        plan_id=plan_id,
        group=given.group or "",
        name=given.name or plan_id,
        description=None if given.description is UNSET else given.description,
        add_on=bool(given.add_on),
        auto_enable=bool(given.auto_enable),
        price=None if given.price is UNSET else given.price,
        items=given.items,
        free_trial=None if given.free_trial is UNSET else given.free_trial,
        config=given.config,
        billing_controls=given.billing_controls,
        metadata=given.metadata,
        licenses=given.licenses,
    )


def _remove(call: Call, versions: list[Plan], *, archive: bool) -> None:
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
