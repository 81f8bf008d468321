"""The organisation, its whole catalogue, and lists that are always empty in this emulator."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from autumn_mock.operations.catalogue.preview import preview
from autumn_mock.operations.catalogue.update import update as update_catalogue
from autumn_mock.operations.controls import changed_config
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.answer import Listing
from autumn_mock.wire.requests.controls import OrganisationConfigUpdate
from autumn_mock.wire.requests.plans import Catalog
from autumn_mock.wire.responses.catalog import ChangesBody, UpdatedBody, changes_body
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.responses.organization import (
    SERVICE_FLAGS,
    IdentityBody,
    OrganisationBody,
    ServiceFlagsBody,
    identity_body,
    organisation_body,
)
from autumn_mock.wire.responses.plan import plan_body
from autumn_mock.wire.responses.variants import with_variants


@endpoint("GET /v1/organization", scopes="organisation:read", answers=OrganisationBody)
def get(request: RequestContext) -> Answer:
    return Answer(organisation_body(request.call.environment.organisation, request.engine.state.keys.snapshot()))


@endpoint("PATCH /v1/organization/config", scopes="organisation:write", request=OrganisationConfigUpdate)
def update_config(request: RequestContext, params: OrganisationConfigUpdate) -> Answer:
    organisation = request.call.environment.organisation
    config = changed_config(organisation.config, params)
    request.engine.state.change(replace(organisation, config=config))
    return SUCCESS


@endpoint("GET /v1/organization/me", scopes="organisation:read", answers=IdentityBody)
def me(request: RequestContext) -> Answer:
    return Answer(identity_body(request.call.environment.organisation, request.call.env))


@endpoint("GET /v1/organization/flags", scopes="organisation:read", answers=ServiceFlagsBody)
def flags(_request: RequestContext) -> Answer:
    return Answer(SERVICE_FLAGS)


@endpoint("POST /v1/catalog.preview_update", scopes="plans:read", request=Catalog, answers=ChangesBody)
def preview_update(request: RequestContext, params: Catalog) -> Answer:
    return Answer(changes_body(preview(request.call, params), request.call.env, request.expand))


@endpoint("POST /v1/catalog.update", scopes="plans:write", request=Catalog, answers=UpdatedBody, fixed_shape=True)
def update(request: RequestContext, params: Catalog) -> Answer:
    call = request.call
    plans, features = update_catalogue(call, params)
    known = call.environment.features.by_key
    shown = [with_variants(plan_body(plan, known, call.env), plan, call.environment) for plan in plans]
    return Answer(UpdatedBody(shown, [feature_body(each) for each in features], [], []))


@endpoint("POST /v1/referral_programs.list", scopes="rewards:read", answers=Listing[dict[str, Any]])
def list_referral_programs(_request: RequestContext) -> Answer:
    return Answer(Listing(rows=[]))
