"""entities.*: the characters of an entity id are not checked."""

from __future__ import annotations

from typing import Any

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import OFFSET, START_CURSOR, CustomerData, ListFilters, page_limit
from autumn_mock.wire.requests.controls import EntityControlsParams, EntityControlsUpdate


class EntitiesCreate(z.Params):
    name: str | None = z.field(z.nullable(z.string()), default=None)
    feature_id: str = z.field(z.string())
    billing_controls: EntityControlsParams | None = z.field(z.obj(EntityControlsParams), default=None)
    customer_data: CustomerData | None = z.field(z.obj(CustomerData), default=None)
    metadata: dict[str, Any] | None = z.field(z.nullable(z.record()), default=None)
    customer_id: str = z.field(z.string())
    entity_id: str = z.field(z.string())


class EntityId(z.Params):
    """Which entity a call is about. The customer may be absent when only one has such an entity."""

    customer_id: str | None = z.field(z.string(), default=None)
    entity_id: str = z.field(z.string())


_CUSTOMER_ID = z.string(min=1, trim=True)


class EntitiesList(ListFilters, leading=("start_cursor", "limit")):
    start_cursor: str = z.field(START_CURSOR, default="")
    limit: int = z.field(page_limit(5000), default=50)
    customer_id: str | None = z.field(_CUSTOMER_ID, default=None)


class EntitiesListOffset(ListFilters, leading=("offset", "limit")):
    offset: int = z.field(OFFSET, default=0)
    limit: int = z.field(page_limit(1000), default=10)
    customer_id: str | None = z.field(_CUSTOMER_ID, default=None)


class EntitiesUpdate(z.Params):
    """A name cannot be changed: it is dropped like any unknown key."""

    customer_id: str | None = z.field(z.string(), default=None)
    entity_id: str = z.field(z.string())
    billing_controls: EntityControlsUpdate | None = z.field(z.obj(EntityControlsUpdate), default=None)
