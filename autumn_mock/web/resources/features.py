"""Features."""

from __future__ import annotations

from autumn_mock.operations import features
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.answer import Listing
from autumn_mock.wire.requests.features import (
    FeatureId,
    FeaturePatch,
    FeaturesCreate,
    FeaturesUpdate,
)
from autumn_mock.wire.responses.catalog import FeatureUsageBody
from autumn_mock.wire.responses.feature import FeatureBody, feature_body


@endpoint(
    "POST /v1/features.create",
    scopes="features:write",
    request=FeaturesCreate,
    answers=FeatureBody,
    fixed_shape=True,
)
def create(request: RequestContext, params: FeaturesCreate) -> Answer:
    return Answer(feature_body(features.create(request.call, params)))


@endpoint("POST /v1/features", scopes="features:write", request=FeaturesCreate, answers=FeatureBody)
def create_by_path(request: RequestContext, params: FeaturesCreate) -> Answer:
    return Answer(feature_body(features.create(request.call, params)))


@endpoint("POST /v1/features.list", "GET /v1/features", scopes="features:read", answers=Listing[FeatureBody])
def list_(request: RequestContext) -> Answer:
    return Answer(Listing(rows=[feature_body(each) for each in request.call.environment.features]))


@endpoint("POST /v1/features.get", scopes="features:read", request=FeatureId, answers=FeatureBody)
def get(request: RequestContext, params: FeatureId) -> Answer:
    return Answer(feature_body(request.call.feature(params.feature_id)))


@endpoint("GET /v1/features/<feature_id>", scopes="features:read", answers=FeatureBody)
def get_by_path(request: RequestContext) -> Answer:
    return Answer(feature_body(request.call.feature(request.path["feature_id"])))


@endpoint(
    "POST /v1/features.update",
    scopes="features:write",
    request=FeaturesUpdate,
    answers=FeatureBody,
    fixed_shape=True,
)
def update(request: RequestContext, params: FeaturesUpdate) -> Answer:
    return Answer(feature_body(features.update(request.call, params.feature_id, params)))


@endpoint("POST /v1/features/<feature_id>", scopes="features:write", request=FeaturePatch, answers=FeatureBody)
def update_by_path(request: RequestContext, params: FeaturePatch) -> Answer:
    return Answer(feature_body(features.update(request.call, request.path["feature_id"], params)))


@endpoint("GET /v1/features/<feature_id>/deletion_info", scopes="features:read", answers=FeatureUsageBody)
def deletion_info(request: RequestContext) -> Answer:
    plans = features.plans_with(request.call, request.path["feature_id"])
    return Answer(FeatureUsageBody(plans[0].name if plans else None, len(plans)))


@endpoint("POST /v1/features.delete", scopes="features:write", request=FeatureId)
def delete(request: RequestContext, params: FeatureId) -> Answer:
    features.delete(request.call, params.feature_id)
    return SUCCESS


@endpoint("DELETE /v1/features/<feature_id>", scopes="features:write")
def delete_by_path(request: RequestContext) -> Answer:
    features.delete(request.call, request.path["feature_id"])
    return SUCCESS
