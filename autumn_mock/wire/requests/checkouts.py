"""What the service's own checkout page sends."""

from __future__ import annotations

from typing import Any

from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.billing import DISCOUNT
from autumn_mock.wire.requests.common import quantity_schema


class ChosenQuantity(z.Params):
    """The total of a prepaid feature that the customer chooses, the included amount counted."""

    feature_id: str = z.field(z.string())
    quantity: float = z.field(quantity_schema("quantity must be >= 0"))


class ConfirmCheckout(z.Params):
    """Quantities replace those of the request; coupons are given beside its own."""

    feature_quantities: list[ChosenQuantity] | None = z.field(z.array(z.obj(ChosenQuantity)), default=None)
    discounts: list[dict[str, Any]] | None = z.field(z.array(DISCOUNT), default=None)
