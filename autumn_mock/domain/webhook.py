"""Webhooks: their messages and endpoints."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from autumn_mock.domain.customer import CustomerPlan

#: Signs messages to endpoints without a secret of their own. Always the same, so that tests can hard-code it.
DEFAULT_SECRET = "whsec_YXV0dW1uLW1vY2std2ViaG9vay1zZWNyZXQ="  # noqa: S105  # public by design

WebhookType = Literal[
    "balances.limit_reached",
    "balances.usage_alert_triggered",
    "billing.auto_topup_failed",
    "billing.auto_topup_succeeded",
    "billing.updated",
    "customer.products.updated",
    "customer.threshold_reached",
]

ThresholdType = Literal["limit_reached", "allowance_used"]
"""What ``customer.threshold_reached`` says: nothing further is allowed, or only what costs extra."""


class Webhook(Struct, frozen=True):
    """A message. Its body is ``{"type": type, "data": data}``, with what is in ``envelope`` beside them."""

    type: WebhookType
    data: dict[str, Any]
    #: Of several messages with one key only the first is sent; None: all are sent.
    key: str | None = None
    #: The id of the request, or of the queued message, that led to it.
    cause: str = ""
    envelope: dict[str, Any] = {}


class WebhookEndpoint(Struct, frozen=True):
    """A receiver of messages. ``secret`` is ``whsec_`` and the base64 of the key that messages are signed with."""

    url: str
    secret: str


class CustomerPlanChange(Struct, frozen=True):
    """An attached plan before and after a change; None: it did not exist."""

    before: CustomerPlan | None
    after: CustomerPlan | None

    @property
    def attached(self) -> CustomerPlan:
        """The plan as it is, or as it was if it ended."""
        found = self.after or self.before
        assert found is not None
        return found
