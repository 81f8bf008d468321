"""Talking to a mock over HTTP, as the client of a test would."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from autumn_mock.testing.mock import AutumnMock

#: Of the default world: has 1000 messages, which are never renewed, and nothing else.
CUSTOMER = "cus_456"
FEATURE = "messages"
GRANT = 1000


class Reply(NamedTuple):
    """An answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: Any


def post(mock: AutumnMock, call: str, body: Any, key: str | None = None, **headers: str) -> Reply:
    """One request on a connection of its own; further headers by name, with ``_`` for ``-``."""
    sent = {"authorization": f"Bearer {key or mock.key}", "x-api-version": "2.3.0"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    address = urlsplit(mock.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request("POST", f"/v1/{call}", json.dumps(body), {"content-type": "application/json", **sent})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    found = {name.lower(): value for name, value in answer.getheaders()}
    is_json = found.get("content-type", "").startswith("application/json")
    return Reply(answer.status, found, json.loads(content) if is_json else content.decode())


def ask(mock: AutumnMock, call: str, body: Any) -> Any:
    """A request that has to succeed; the body of the answer."""
    reply = post(mock, call, body)
    assert reply.status in (200, 202), reply
    return reply.body


def use(value: float = 1, customer: str = CUSTOMER, feature: str = FEATURE, **more: Any) -> dict[str, Any]:
    """An item of a batch."""
    return {"customer_id": customer, "feature_id": feature, "value": value, **more}


def send(mock: AutumnMock, *items: dict[str, Any]) -> int:
    """Send a batch, of one use unless items are given; the status of the answer."""
    return post(mock, "balances.batch_track", list(items) or [use()]).status


def track(mock: AutumnMock, value: float = 1, customer: str = CUSTOMER, feature: str = FEATURE) -> None:
    """Deduct at once, without the queue."""
    ask(mock, "balances.track", use(value, customer, feature))
