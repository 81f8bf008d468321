"""Webhooks: what an organisation is told, and where."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

#: Signs for endpoints that name no secret of their own. The same for everybody, so that a test can write it down.
DEFAULT_SECRET = "whsec_YXV0dW1uLW1vY2std2ViaG9vay1zZWNyZXQ="  # noqa: S105  # known to everybody

WebhookType = Literal["balances.limit_reached", "balances.usage_alert_triggered"]


class Webhook(Struct, frozen=True):
    """Something worth telling. The body of the message is ``{"type": type, "data": data}``."""

    type: WebhookType
    data: dict[str, Any]
    #: Of several with one key only the first is sent; None: all of them are.
    key: str | None = None


class Endpoint(Struct, frozen=True):
    """Who is told. ``secret`` is ``whsec_`` and the base64 of the key that messages are signed with."""

    url: str
    secret: str
