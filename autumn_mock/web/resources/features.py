"""Features."""

from __future__ import annotations

from autumn_mock.operations import features
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.requests.features import (
    FeaturePatch,
    FeaturesCreate,
    FeaturesDelete,
    FeaturesGet,
    FeaturesUpdate,
)
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.feature import feature_body


@endpoint(
    "POST /v1/features.create",
    "POST /v1/features",
    scopes="features:write",
    request=FeaturesCreate,
    answers=shapes.FEATURE,
)
def create(request: RequestContext, params: FeaturesCreate) -> Answer:
    return Answer(feature_body(features.create(request.call, params)))


@endpoint("POST /v1/features.list", "GET /v1/features", scopes="features:read", answers=shapes.listing(shapes.FEATURE))
def list_(request: RequestContext) -> Answer:
    version = request.call.version
    rows = [to_version("feature", feature_body(each), version) for each in request.call.environment.features]
    return Answer({"list": rows})


@endpoint("POST /v1/features.get", scopes="features:read", request=FeaturesGet, answers=shapes.FEATURE)
def get(request: RequestContext, params: FeaturesGet) -> Answer:
    return Answer(feature_body(request.call.feature(params.feature_id)), kind="feature")


@endpoint("GET /v1/features/<feature_id>", scopes="features:read", answers=shapes.FEATURE)
def get_by_path(request: RequestContext) -> Answer:
    return Answer(feature_body(request.call.feature(request.path["feature_id"])), kind="feature")


@endpoint("POST /v1/features.update", scopes="features:write", request=FeaturesUpdate, answers=shapes.FEATURE)
def update(request: RequestContext, params: FeaturesUpdate) -> Answer:
    return Answer(feature_body(features.update(request.call, params.feature_id, params)))


@endpoint("POST /v1/features/<feature_id>", scopes="features:write", request=FeaturePatch, answers=shapes.FEATURE)
def update_by_path(request: RequestContext, params: FeaturePatch) -> Answer:
    return Answer(feature_body(features.update(request.call, request.path["feature_id"], params)))


@endpoint("POST /v1/features.delete", scopes="features:write", request=FeaturesDelete)
def delete(request: RequestContext, params: FeaturesDelete) -> Answer:
    features.delete(request.call, params.feature_id)
    return SUCCESS


@endpoint("DELETE /v1/features/<feature_id>", scopes="features:write")
def delete_by_path(request: RequestContext) -> Answer:
    features.delete(request.call, request.path["feature_id"])
    return SUCCESS
