"""The organisation, its catalogue as a whole, and the lists of it that are always empty here."""

from __future__ import annotations

from autumn_mock.operations import catalog, catalog_update
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests.plans import Catalog
from autumn_mock.wire.responses.catalog import CHANGES, UPDATED, changes_body, updated_body
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.responses.organization import (
    FLAGS,
    FLAGS_SHAPE,
    IDENTITY,
    ORGANISATION,
    REFERRAL_PROGRAMS,
    REWARDS,
    identity_body,
    organisation_body,
)
from autumn_mock.wire.responses.plan import plan_body


@endpoint("GET /v1/organization", scopes="organisation:read", answers=ORGANISATION)
def get(request: RequestContext) -> Answer:
    return Answer(organisation_body(request.call.environment.organisation, request.engine.state.keys.snapshot()))


@endpoint("GET /v1/organization/me", scopes="organisation:read", answers=IDENTITY)
def me(request: RequestContext) -> Answer:
    return Answer(identity_body(request.call.environment.organisation, request.call.env))


@endpoint("GET /v1/organization/flags", scopes="organisation:read", answers=FLAGS_SHAPE)
def flags(_request: RequestContext) -> Answer:
    return Answer(FLAGS)


@endpoint("POST /v1/catalog.preview_update", scopes="plans:read", request=Catalog, answers=CHANGES)
def preview_update(request: RequestContext, params: Catalog) -> Answer:
    return Answer(changes_body(catalog.preview(request.call, params), request.call.env))


@endpoint("POST /v1/catalog.update", scopes="plans:write", request=Catalog, answers=UPDATED)
def update(request: RequestContext, params: Catalog) -> Answer:
    call = request.call
    plans, features = catalog_update.update(call, params)
    known = call.environment.features.by_key
    return Answer(
        updated_body([plan_body(plan, known, call.env) for plan in plans], [feature_body(each) for each in features])
    )


@endpoint("POST /v1/rewards.list", scopes="rewards:read", answers=REWARDS)
def list_rewards(_request: RequestContext) -> Answer:
    return Answer({"coupons": [], "feature_grants": []})


@endpoint("POST /v1/referral_programs.list", scopes="rewards:read", answers=REFERRAL_PROGRAMS)
def list_referral_programs(_request: RequestContext) -> Answer:
    return Answer({"list": []})
