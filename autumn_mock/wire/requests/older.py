"""The calls of older clients that have no counterpart today: their own words, at every version."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from autumn_mock.domain.plan import Interval
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.common import CustomerData, EntityData, quantity_schema
from autumn_mock.wire.requests.controls import EntityControlsParams
from autumn_mock.wire.requests.intervals import RESET_INTERVAL
from autumn_mock.wire.requests.plans import PlanPatch


class OldQuantity(z.Params):
    """Units of a prepaid feature on top of the included ones."""

    feature_id: str = z.field(z.string())
    quantity: float | None = z.field(quantity_schema("Quantity cannot be negative"), default=None)


_TRIAL = z.union(z.boolean(), z.record())


class OldAttach(z.Params):
    """``attach`` and ``checkout``."""

    customer_id: str = z.field(z.string())
    product_id: str | None = z.field(z.nullable(z.string()), default=None)
    product_ids: list[str] | None = z.field(z.nullable(z.array(z.string(), min=1)), default=None)
    entity_id: str | None = z.field(z.nullable(z.string()), default=None)
    customer_data: CustomerData | None = z.field(z.nullable(z.obj(CustomerData)), default=None)
    entity_data: EntityData | None = z.field(z.nullable(z.obj(EntityData)), default=None)
    options: list[OldQuantity] | None = z.field(z.nullable(z.array(z.obj(OldQuantity))), default=None)
    version: float | None = z.field(z.number(), default=None)
    free_trial: bool | dict[str, Any] | UnsetType | None = z.field(z.nullable(_TRIAL), default=UNSET)
    is_custom: bool = z.field(z.boolean(), default=False)
    items: list[dict[str, Any]] | None = z.field(z.nullable(z.array(z.record())), default=None)
    new_billing_subscription: bool | None = z.field(z.boolean(), default=None)
    no_billing_changes: bool | None = z.field(z.boolean(), default=None)
    metadata: dict[str, Any] | None = z.field(z.record(), default=None)
    reward: str | list[str] | None = z.field(z.nullable(z.union(z.string(), z.array(z.string()))), default=None)
    success_url: str | None = z.field(z.string(), default=None)
    force_checkout: bool | None = z.field(z.boolean(), default=None)
    checkout_session_params: dict[str, Any] | None = z.field(z.record(), default=None)
    invoice: bool | None = z.field(z.boolean(), default=None)
    enable_product_immediately: bool | None = z.field(z.boolean(), default=None)
    finalize_invoice: bool | None = z.field(z.boolean(), default=None)

    @z.rule("`product_id` is not provided")
    def _names_a_product(self) -> bool:
        return bool(self.product_id or self.product_ids)

    @z.rule("provide either one `product_id` or `product_ids`")
    def _names_products_once(self) -> bool:
        return not (self.product_id and self.product_ids)

    @z.rule("Can't pass in duplicate product_ids")
    def _names_no_product_twice(self) -> bool:
        return len(set(self.product_ids or ())) == len(self.product_ids or ())

    @z.rule("Can't pass in product_ids if is_custom is true")
    def _customises_one_product(self) -> bool:
        return not (self.is_custom and self.product_ids)

    @z.rule("Can't pass in items if is_custom is false")
    def _customises_with_items(self) -> bool:
        return self.is_custom or not self.items


class OldCancel(z.Params):
    """``cancel``; what is not used any more would be paid back."""

    customer_id: str = z.field(z.string())
    product_id: str = z.field(z.string())
    entity_id: str | None = z.field(z.nullable(z.string()), default=None)
    cancel_immediately: bool | None = z.field(z.nullable(z.boolean()), default=None)
    prorate: bool | None = z.field(z.nullable(z.boolean()), default=None)


class OldEntity(z.Params):
    """A new entity of the customer in the path."""

    id: str = z.field(z.string())
    name: str | None = z.field(z.nullable(z.string()), default=None)
    feature_id: str = z.field(z.string())
    billing_controls: EntityControlsParams | None = z.field(z.obj(EntityControlsParams), default=None)
    customer_data: CustomerData | None = z.field(z.obj(CustomerData), default=None)


class OldBalance(z.Params):
    feature_id: str = z.field(z.string())
    balance: float = z.field(z.number())
    interval: Interval | None = z.field(z.nullable(RESET_INTERVAL), default=None)


class OldBalances(z.Params):
    """What balances of the customer in the path are to be."""

    balances: list[OldBalance] = z.field(z.array(z.obj(OldBalance)))
    entity_id: str | None = z.field(z.nullable(z.string()), default=None)


class OldTransfer(z.Params):
    """A plan that moves between the customer in the path and its entities; without an entity, it is the customer."""

    product_id: str = z.field(z.string())
    from_entity_id: str | None = z.field(z.nullable(z.string()), default=None)
    to_entity_id: str | None = z.field(z.nullable(z.string()), default=None)
    customer_product_id: str | None = z.field(z.nullable(z.string()), default=None)

    @z.rule("Must specify atleast one of: from_entity_id, to_entity_id")
    def _names_an_entity(self) -> bool:
        return bool(self.from_entity_id or self.to_entity_id)


class ProductsCreate(PlanPatch, leading=("id",)):
    """A new plan, by the old path."""

    id: str = z.field(z.identifier())


class OldSetupPayment(z.Params):
    """``setup_payment``: a page where a customer enters a card."""

    customer_id: str = z.field(z.string())
    success_url: str | None = z.field(z.nullable(z.string()), default=None)
    customer_data: CustomerData | None = z.field(z.nullable(z.obj(CustomerData)), default=None)
    checkout_session_params: dict[str, Any] | None = z.field(z.nullable(z.record()), default=None)


class OldPortal(z.Params):
    """The page of the customer in the path; by query, or by body."""

    return_url: str | None = z.field(z.nullable(z.string()), default=None)
    configuration_id: str | None = z.field(z.nullable(z.string()), default=None)


class RefundInvoice(z.Params):
    """Give back what an invoice was paid with; ``amount`` in the major unit."""

    mode: str = z.field(z.enum("full", "partial"), default="full")
    amount: float | None = z.field(z.number(min=0), default=None)

    @z.rule("amount is required when mode is partial", ("amount",))
    def _names_the_part(self) -> bool:
        return self.mode == "full" or self.amount is not None
