"""entities.*: the characters of an entity id are not checked."""

from __future__ import annotations

from typing import Any

from autumn_mock.wire.requests.common import OFFSET, START_CURSOR, CustomerData, ListFilters, page_limit
from autumn_mock.wire.requests.controls import EntityControlsParams, EntityControlsUpdate
from autumn_mock.wire.schema import Params, field, nullable, obj, record, string


class EntitiesCreate(Params):
    name: str | None = field(nullable(string()), default=None)
    feature_id: str = field(string())
    billing_controls: EntityControlsParams | None = field(obj(EntityControlsParams), default=None)
    customer_data: CustomerData | None = field(obj(CustomerData), default=None)
    metadata: dict[str, Any] | None = field(nullable(record()), default=None)
    customer_id: str = field(string())
    entity_id: str = field(string())


class EntitiesGet(Params):
    customer_id: str | None = field(string(), default=None)
    entity_id: str = field(string())


_CUSTOMER_ID = string(min=1, trim=True)


class EntitiesList(ListFilters, leading=("start_cursor", "limit")):
    start_cursor: str = field(START_CURSOR, default="")
    limit: int = field(page_limit(5000), default=50)
    customer_id: str | None = field(_CUSTOMER_ID, default=None)


class EntitiesListOffset(ListFilters, leading=("offset", "limit")):
    offset: int = field(OFFSET, default=0)
    limit: int = field(page_limit(1000), default=10)
    customer_id: str | None = field(_CUSTOMER_ID, default=None)


class EntitiesUpdate(Params):
    """A name cannot be changed: it is dropped like any unknown key."""

    customer_id: str | None = field(string(), default=None)
    entity_id: str = field(string())
    billing_controls: EntityControlsUpdate | None = field(obj(EntityControlsUpdate), default=None)


class EntitiesDelete(Params):
    customer_id: str | None = field(string(), default=None)
    entity_id: str = field(string())
