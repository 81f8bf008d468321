"""Features and plans."""

from __future__ import annotations

from autumn_mock.domain.version import Version
from autumn_mock.operations import features as features_
from autumn_mock.operations import plan_update
from autumn_mock.operations import plans as plans_
from autumn_mock.operations.billing import eligibility
from autumn_mock.operations.subjects import get_customer
from autumn_mock.web.request import SUCCESS, Answer, Request
from autumn_mock.web.resource import Resource
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.requests import (
    FEATURES_CREATE,
    FEATURES_DELETE,
    FEATURES_GET,
    FEATURES_UPDATE,
    PLANS_CREATE,
    PLANS_DELETE,
    PLANS_GET,
    PLANS_LIST,
    PLANS_UPDATE,
)
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.responses.plan import eligibility_body, plan_body

features = Resource("features")
plans = Resource("plans")


@features.operation(
    "POST /v1/features.create",
    "POST /v1/features",
    scopes="features:write",
    body=FEATURES_CREATE,
    answers=shapes.FEATURE,
)
def create_feature(request: Request) -> Answer:
    return Answer(feature_body(features_.create(request.call, request.params)))


@features.operation(
    "POST /v1/features.list", "GET /v1/features", scopes="features:read", answers=shapes.listing(shapes.FEATURE)
)
def list_features(request: Request) -> Answer:
    version = request.call.version
    rows = [to_version("feature", feature_body(each), version) for each in request.call.environment.features]
    return Answer({"list": rows})


@features.operation("POST /v1/features.get", scopes="features:read", body=FEATURES_GET, answers=shapes.FEATURE)
def get_feature(request: Request) -> Answer:
    return Answer(feature_body(request.call.feature(request.params["feature_id"])), kind="feature")


@features.operation("GET /v1/features/<feature_id>", scopes="features:read", answers=shapes.FEATURE)
def get_feature_by_path(request: Request) -> Answer:
    return Answer(feature_body(request.call.feature(request.path["feature_id"])), kind="feature")


@features.operation("POST /v1/features.update", scopes="features:write", body=FEATURES_UPDATE, answers=shapes.FEATURE)
def update_feature(request: Request) -> Answer:
    return Answer(feature_body(features_.update(request.call, request.params)))


@features.operation("POST /v1/features.delete", scopes="features:write", body=FEATURES_DELETE)
def delete_feature(request: Request) -> Answer:
    features_.delete(request.call, request.params["feature_id"])
    return SUCCESS


@plans.operation(
    "POST /v1/plans.create", "POST /v1/plans", scopes="plans:write", body=PLANS_CREATE, answers=shapes.PLAN
)
def create_plan(request: Request) -> Answer:
    plan = plans_.create(request.call, request.params)
    return Answer(plan_body(plan, request.call.environment.features.by_key, request.call.env))


@plans.operation(
    "POST /v1/plans.list",
    "GET /v1/plans",
    "GET /v1/products",
    "GET /v1/products_beta",
    scopes="plans:read",
    body=PLANS_LIST,
    query=PLANS_LIST,
    answers=shapes.listing(shapes.PLAN),
)
def list_plans(request: Request) -> Answer:
    call, params = request.call, {**request.query, **request.params}
    archived = bool(params.get("include_archived"))
    if params.get("all_versions"):  # in the order they were made
        shown = [plan for plan in call.environment.plans if archived or not plan.archived]
    else:
        shown = plans_.in_order(plans_.latest_plans(call.environment, include_archived=archived))
    customer = get_customer(call.environment, params["customer_id"]) if params.get("customer_id") else None
    bodies = []
    as_products = call.version < Version.V2_0
    for plan in shown:
        body = plan_body(plan, call.environment.features.by_key, call.env, expand_features=as_products)
        if customer is not None:
            stands = eligibility(call, customer, params.get("entity_id") or None, plan)
            body["customer_eligibility"] = eligibility_body(stands)
        bodies.append(to_version("plan", body, call.version))
    return Answer({"list": bodies})


@plans.operation("POST /v1/plans.get", scopes="plans:read", body=PLANS_GET, answers=shapes.PLAN)
def get_plan(request: Request) -> Answer:
    plan = plans_.get(request.call, request.params["plan_id"], request.params.get("version"))
    return Answer(plan_body(plan, request.call.environment.features.by_key, request.call.env))


@plans.operation("GET /v1/plans/<plan_id>", "GET /v1/products/<plan_id>", scopes="plans:read", answers=shapes.PLAN)
def get_plan_by_path(request: Request) -> Answer:
    call = request.call
    plan = plans_.get(call, request.path["plan_id"])
    body = plan_body(plan, call.environment.features.by_key, call.env, expand_features=call.version < Version.V2_0)
    return Answer(body, kind="plan")


@plans.operation("POST /v1/plans.update", scopes="plans:write", body=PLANS_UPDATE, answers=shapes.PLAN)
def update_plan(request: Request) -> Answer:
    plan = plan_update.update(request.call, request.params)
    return Answer(plan_body(plan, request.call.environment.features.by_key, request.call.env))


@plans.operation("POST /v1/plans.delete", scopes="plans:write", body=PLANS_DELETE)
def delete_plan(request: Request) -> Answer:
    all_versions = bool(request.params.get("all_versions"))
    plans_.delete(request.call, request.params["plan_id"], all_versions=all_versions)
    return SUCCESS
