"""customers.*: the only calls that check the characters of a customer id."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET, UnsetType

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import (
    BILLING_DETAILS,
    CURRENCY,
    CUSTOMER_CONFIG,
    CUSTOMER_EXPAND,
    INTERNAL_OPTIONS,
    OFFSET,
    START_CURSOR,
    CustomerData,
    EntityData,
    ListFilters,
    TimeSpan,
    page_limit,
)
from autumn_mock.wire.requests.controls import CustomerControlsUpdate

_ALLOWED = re.compile(r"[a-zA-Z0-9_:-]+")
_OTHER = re.compile(r"[^a-zA-Z0-9_:-]")
_ADVICE = "Use only letters, numbers, underscores, hyphens, and colons."


def _refusal(value: str) -> str:
    if not value:
        return "can't be an empty string"
    for character, name in (("@", "@ symbol"), (" ", "spaces"), (".", "periods")):
        if character in value:
            return f"cannot contain {name}. {_ADVICE}"
    found = _OTHER.search(value)
    return f"cannot contain '{found[0] if found else ''}'. {_ADVICE}"


#: Only the customers.* calls check it: track, check and the like take any string as a customer id.
CUSTOMER_ID: z.Schema[str] = z.string().refine(lambda value: _ALLOWED.fullmatch(value) is not None, _refusal)


class CustomerCreation(CustomerData):
    """What both calls that create a customer take besides its id."""

    expand: list[str] | None = z.field(z.array(CUSTOMER_EXPAND), default=None)
    entity_id: str | None = z.field(z.string(), default=None)
    entity_data: EntityData | None = z.field(z.obj(EntityData), default=None)
    with_autumn_id: bool = z.field(z.boolean(), default=False)
    billing_details: dict[str, Any] | None = z.field(BILLING_DETAILS, default=None)


class CustomersGetOrCreate(CustomerCreation, leading=("customer_id",)):
    customer_id: str | None = z.field(z.nullable(CUSTOMER_ID))


class CustomersCreate(CustomerCreation, leading=("id",)):
    """``POST /v1/customers``."""

    id: str | None = z.field(z.nullable(CUSTOMER_ID))

    @property
    def customer_id(self) -> str | None:
        """The id, as the other call names it."""
        return self.id


class CustomersGet(z.Params):
    customer_id: str = z.field(CUSTOMER_ID)
    expand: list[str] | None = z.field(z.comma_separated(CUSTOMER_EXPAND), default=None)
    with_autumn_id: bool = z.field(z.boolean(), default=False)


class CustomersQuery(z.Params):
    """The query string of the calls that answer with a customer."""

    expand: list[str] | None = z.field(z.comma_separated(CUSTOMER_EXPAND), default=None)
    with_autumn_id: bool = z.field(z.boolean(), default=False)
    skip_cache: bool | None = z.field(z.boolean(), default=None)


class CustomersList(ListFilters, leading=("start_cursor", "limit")):
    start_cursor: str = z.field(START_CURSOR, default="")
    limit: int = z.field(page_limit(5000), default=50)
    sort_order: str | None = z.field(z.enum("asc", "desc"), default=None)
    created_at_range: TimeSpan | None = z.field(z.obj(TimeSpan), default=None)


class CustomersListOffset(ListFilters, leading=("offset", "limit")):
    offset: int = z.field(OFFSET, default=0)
    limit: int = z.field(page_limit(1000), default=10)


class CustomersListQuery(z.Params):
    """``GET /v1/customers``, whose limit is ten or more in every version."""

    offset: int = z.field(OFFSET, default=0)
    limit: int = z.field(page_limit(100, least=10), default=10)


class CustomerChanges(z.Params):
    """Null removes a value, so it differs from a key that is absent."""

    name: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)
    email: str | UnsetType | None = z.field(z.nullable(z.email()), default=UNSET)
    fingerprint: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)
    metadata: dict[str, Any] | None = z.field(z.nullable(z.record()), default=None)
    stripe_id: str | UnsetType | None = z.field(z.nullable(z.string()), default=UNSET)
    processors: dict[str, Any] | None = z.field(z.nullable(z.record()), default=None)
    send_email_receipts: bool | UnsetType = z.field(z.boolean(), default=UNSET)
    currency: str | None = z.field(z.nullable(CURRENCY), default=None)
    billing_controls: CustomerControlsUpdate | None = z.field(z.obj(CustomerControlsUpdate), default=None)
    config: dict[str, Any] | None = z.field(CUSTOMER_CONFIG, default=None)
    billing_details: dict[str, Any] | None = z.field(BILLING_DETAILS, default=None)
    internal_options: dict[str, Any] | None = z.field(INTERNAL_OPTIONS, default=None)


class CustomersUpdate(CustomerChanges, leading=("customer_id",)):
    customer_id: str = z.field(CUSTOMER_ID)
    new_customer_id: str | None = z.field(CUSTOMER_ID, default=None)


class CustomerPatch(CustomerChanges, leading=("id",)):
    """Changes of the customer in the path. ``id`` is a new one."""

    id: str | None = z.field(CUSTOMER_ID, default=None)


class CustomersDelete(z.Params):
    customer_id: str = z.field(CUSTOMER_ID)
    delete_in_stripe: bool = z.field(z.boolean(), default=False)


class AdvanceTestClock(z.Params):
    """``frozen_time`` is in ms."""

    customer_id: str = z.field(z.string(min=1))
    frozen_time: int = z.field(z.integer(min=0))
