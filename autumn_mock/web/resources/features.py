"""Features."""

from __future__ import annotations

from autumn_mock.operations import features
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.requests import FEATURES_CREATE, FEATURES_DELETE, FEATURES_GET, FEATURES_UPDATE
from autumn_mock.wire.requests.catalog import FEATURE_PATCH
from autumn_mock.wire.responses import shapes
from autumn_mock.wire.responses.feature import feature_body


@endpoint(
    "POST /v1/features.create",
    "POST /v1/features",
    scopes="features:write",
    request=FEATURES_CREATE,
    answers=shapes.FEATURE,
)
def create(request: RequestContext) -> Answer:
    return Answer(feature_body(features.create(request.call, request.params)))


@endpoint("POST /v1/features.list", "GET /v1/features", scopes="features:read", answers=shapes.listing(shapes.FEATURE))
def list_(request: RequestContext) -> Answer:
    version = request.call.version
    rows = [to_version("feature", feature_body(each), version) for each in request.call.environment.features]
    return Answer({"list": rows})


@endpoint("POST /v1/features.get", scopes="features:read", request=FEATURES_GET, answers=shapes.FEATURE)
def get(request: RequestContext) -> Answer:
    return Answer(feature_body(request.call.feature(request.params["feature_id"])), kind="feature")


@endpoint("GET /v1/features/<feature_id>", scopes="features:read", answers=shapes.FEATURE)
def get_by_path(request: RequestContext) -> Answer:
    return Answer(feature_body(request.call.feature(request.path["feature_id"])), kind="feature")


@endpoint("POST /v1/features.update", scopes="features:write", request=FEATURES_UPDATE, answers=shapes.FEATURE)
def update(request: RequestContext) -> Answer:
    return Answer(feature_body(features.update(request.call, request.params)))


@endpoint("POST /v1/features/<feature_id>", scopes="features:write", request=FEATURE_PATCH, answers=shapes.FEATURE)
def update_by_path(request: RequestContext) -> Answer:
    params = {**request.params, "feature_id": request.path["feature_id"]}
    return Answer(feature_body(features.update(request.call, params)))


@endpoint("POST /v1/features.delete", scopes="features:write", request=FEATURES_DELETE)
def delete(request: RequestContext) -> Answer:
    features.delete(request.call, request.params["feature_id"])
    return SUCCESS


@endpoint("DELETE /v1/features/<feature_id>", scopes="features:write")
def delete_by_path(request: RequestContext) -> Answer:
    features.delete(request.call, request.path["feature_id"])
    return SUCCESS
