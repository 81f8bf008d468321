"""customers.*: the only calls that check the characters of a customer id."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET, UnsetType

from autumn_mock.wire.requests.common import (
    CURRENCY,
    CUSTOMER_CONFIG,
    CUSTOMER_EXPAND,
    OFFSET,
    START_CURSOR,
    BillingDetails,
    CustomerData,
    EntityData,
    InternalOptions,
    ListFilters,
    page_limit,
)
from autumn_mock.wire.requests.controls import CustomerControlsUpdate
from autumn_mock.wire.schema import (
    Params,
    Schema,
    array,
    boolean,
    coerced_number,
    comma_separated,
    email,
    enum,
    field,
    integer,
    nullable,
    obj,
    record,
    string,
)

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
CUSTOMER_ID: Schema[str] = string().refine(lambda value: _ALLOWED.fullmatch(value) is not None, _refusal)


class CustomerCreation(CustomerData):
    """What both calls that create a customer take besides its id."""

    expand: list[str] | None = field(array(CUSTOMER_EXPAND), default=None)
    entity_id: str | None = field(string(), default=None)
    entity_data: EntityData | None = field(obj(EntityData), default=None)
    with_autumn_id: bool = field(boolean(), default=False)


class CustomersGetOrCreate(CustomerCreation, leading=("customer_id",)):
    customer_id: str | None = field(nullable(CUSTOMER_ID))


class CustomersCreate(CustomerCreation, leading=("id",)):
    """``POST /v1/customers``."""

    id: str | None = field(nullable(CUSTOMER_ID))

    @property
    def customer_id(self) -> str | None:
        """The id, as the other call names it."""
        return self.id


class CustomersGet(Params):
    customer_id: str = field(CUSTOMER_ID)
    expand: list[str] | None = field(comma_separated(CUSTOMER_EXPAND), default=None)
    with_autumn_id: bool = field(boolean(), default=False)


class CustomersQuery(Params):
    """The query string of the calls that answer with a customer."""

    expand: list[str] | None = field(comma_separated(CUSTOMER_EXPAND), default=None)
    with_autumn_id: bool = field(boolean(), default=False)
    skip_cache: bool | None = field(boolean(), default=None)


class CreatedAtRange(Params):
    """Instants in ms, both included."""

    start: float | None = field(coerced_number(), default=None)
    end: float | None = field(coerced_number(), default=None)


class CustomersList(ListFilters, leading=("start_cursor", "limit")):
    start_cursor: str = field(START_CURSOR, default="")
    limit: int = field(page_limit(5000), default=50)
    sort_order: str | None = field(enum("asc", "desc"), default=None)
    created_at_range: CreatedAtRange | None = field(obj(CreatedAtRange), default=None)


class CustomersListOffset(ListFilters, leading=("offset", "limit")):
    offset: int = field(OFFSET, default=0)
    limit: int = field(page_limit(1000), default=10)


class CustomersListQuery(Params):
    """``GET /v1/customers``, whose limit is ten or more in every version."""

    offset: int = field(OFFSET, default=0)
    limit: int = field(page_limit(100, least=10), default=10)


class CustomersUpdate(Params):
    """Null removes a value, so it differs from a key that is absent."""

    customer_id: str = field(CUSTOMER_ID)
    name: str | UnsetType | None = field(nullable(string()), default=UNSET)
    email: str | UnsetType | None = field(nullable(email()), default=UNSET)
    fingerprint: str | UnsetType | None = field(nullable(string()), default=UNSET)
    metadata: dict[str, Any] | None = field(nullable(record()), default=None)
    stripe_id: str | UnsetType | None = field(nullable(string()), default=UNSET)
    processors: dict[str, Any] | None = field(nullable(record()), default=None)
    send_email_receipts: bool | UnsetType = field(boolean(), default=UNSET)
    currency: str | None = field(nullable(CURRENCY), default=None)
    billing_controls: CustomerControlsUpdate | None = field(obj(CustomerControlsUpdate), default=None)
    config: dict[str, Any] | None = field(CUSTOMER_CONFIG, default=None)
    billing_details: BillingDetails | None = field(obj(BillingDetails), default=None)
    internal_options: InternalOptions | None = field(obj(InternalOptions), default=None)
    new_customer_id: str | None = field(CUSTOMER_ID, default=None)


class CustomersDelete(Params):
    customer_id: str = field(CUSTOMER_ID)
    delete_in_stripe: bool = field(boolean(), default=False)


class AdvanceTestClock(Params):
    """``frozen_time`` is in ms."""

    customer_id: str = field(string(min=1))
    frozen_time: int = field(integer(min=0))
