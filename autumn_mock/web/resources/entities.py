"""Entities."""

from __future__ import annotations

from autumn_mock.domain.customer import Entity
from autumn_mock.ledger.account import Account
from autumn_mock.operations import entities
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.web.pagination import cursor_page, offset_page, paged
from autumn_mock.web.resources.customers import add_payments
from autumn_mock.wire.answer import CursorPage
from autumn_mock.wire.requests.entities import (
    EntitiesCreate,
    EntitiesList,
    EntitiesListOffset,
    EntitiesUpdate,
    EntityId,
)
from autumn_mock.wire.responses.customer import EntityBody, entity_body

#: An entity, and the account of its customer.
Found = tuple[Account, Entity]


def _body(request: RequestContext, found: Found, *, created: bool = False) -> EntityBody:
    body = entity_body(*found, request.call.env, request.expanded, created=created)
    add_payments(request, body, found[0], found[1].id)
    return body


@endpoint("POST /v1/entities.create", scopes="customers:write", request=EntitiesCreate, answers=EntityBody)
def create(request: RequestContext, params: EntitiesCreate) -> Answer:
    return Answer(_body(request, entities.create(request.call, params), created=True))


@endpoint(
    "POST /v1/entities.get",
    scopes="customers:read",
    request=EntityId,
    answers=EntityBody,
    limit="customer_entities_get",
)
def get(request: RequestContext, params: EntityId) -> Answer:
    found = entities.get(request.call, params.entity_id, params.customer_id)
    return Answer(_body(request, found))


@endpoint(
    "GET /v1/customers/<customer_id>/entities/<entity_id>",
    scopes="customers:read",
    answers=EntityBody,
    limit="check",
)
def get_by_path(request: RequestContext) -> Answer:
    path = request.path
    found = entities.get(request.call, path["entity_id"], path["customer_id"])
    return Answer(_body(request, found))


@endpoint(
    "POST /v1/entities.list",
    scopes="customers:read",
    request=paged(EntitiesList, EntitiesListOffset),
    answers=CursorPage[EntityBody],
    limit="list_customers",
)
def list_(request: RequestContext, params: EntitiesList | EntitiesListOffset) -> Answer:
    def body_of(found: Found) -> EntityBody:
        return _body(request, found)

    call = request.call
    if isinstance(params, EntitiesListOffset):
        return offset_page(params, entities.list_(call, params, offset=params.offset), body_of)
    return cursor_page(params, lambda before: entities.list_(call, params, before=before), body_of)


@endpoint("POST /v1/entities.update", scopes="customers:write", request=EntitiesUpdate, answers=EntityBody)
def update(request: RequestContext, params: EntitiesUpdate) -> Answer:
    return Answer(_body(request, entities.update(request.call, params)))


@endpoint("POST /v1/entities.delete", scopes="customers:write", request=EntityId)
def delete(request: RequestContext, params: EntityId) -> Answer:
    entities.delete(request.call, params.entity_id, params.customer_id)
    return SUCCESS
