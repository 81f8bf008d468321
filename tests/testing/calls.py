"""Calls to a mock over HTTP, as the client of a test makes them."""

from __future__ import annotations

from typing import Any

from autumn_mock.testing.mock import AutumnMock
from tests.support.client import Client, Reply

#: Of the default world: has 1000 messages, which are never reset, and nothing else.
CUSTOMER = "cus_456"
FEATURE = "messages"
GRANT = 1000


def client_of(mock: AutumnMock) -> Client:
    """A client with the key of the mock's organisation."""
    return Client(mock.url, mock.key)


def post(mock: AutumnMock, call: str, body: Any, key: str | None = None, **headers: str) -> Reply:
    """POST to a call by its name, with the mock's key or another one; further headers by name, with ``_`` for ``-``."""
    return client_of(mock).post(f"/v1/{call}", body, key or mock.key, **headers)


def ask(mock: AutumnMock, call: str, body: Any) -> Any:
    """POST to a call and require success; the body of the response."""
    return client_of(mock).ask(f"/v1/{call}", body)


def use(value: float = 1, customer: str = CUSTOMER, feature: str = FEATURE, **more: Any) -> dict[str, Any]:
    """An item of a batch."""
    return {"customer_id": customer, "feature_id": feature, "value": value, **more}


def send(mock: AutumnMock, *items: dict[str, Any]) -> int:
    """Send a batch, of one use unless items are given; the status of the response."""
    return post(mock, "balances.batch_track", list(items) or [use()]).status


def track(mock: AutumnMock, value: float = 1, customer: str = CUSTOMER, feature: str = FEATURE) -> None:
    """Deduct at once, without the queue."""
    ask(mock, "balances.track", use(value, customer, feature))
