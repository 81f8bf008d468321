"""A connection that is kept, to a server that may die at any moment."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tests.support.server import DEFAULT_KEY, DEFAULT_VERSION, Reply

BATCH = "/v1/balances.batch_track"
TRACK = "/v1/balances.track"
CHECK = "/v1/balances.check"
FINALIZE = "/v1/balances.finalize"
UPDATE = "/v1/balances.update"


class NoAnswer(Exception):
    """The request was sent, or was going to be, and no whole answer came back."""


class Client:
    """One keep-alive connection with the key of the default world. For one thread at a time."""

    def __init__(self, url: str, *, timeout: float = 60) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> None:
        """Have the connection before it is needed."""
        try:
            self._connection.connect()
        except OSError as error:
            raise NoAnswer(repr(error)) from error

    def close(self) -> None:
        """Hang up. The next request connects anew."""
        self._connection.close()

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        """Send one request; :class:`NoAnswer` when no whole answer comes."""
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(repr(error)) from error
        told = {name.lower(): value for name, value in answer.getheaders()}
        is_json = told.get("content-type", "").startswith("application/json")
        return Reply(answer.status, told, json.loads(content) if is_json else content.decode("utf-8", "replace"))

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        """POST JSON with the key; further headers by name, with ``_`` for ``-``. Bytes go out as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, data, {**_HEADERS, **_named(headers)})

    def get(self, path: str) -> Reply:
        """GET with the key."""
        return self.send("GET", path, None, _HEADERS)

    def ask(self, path: str, body: Any) -> Any:
        """POST JSON that has to succeed; the body of the answer."""
        status, _, answer = self.post(path, body)
        assert status in (200, 202), f"{path} answered {status} {answer}"
        return answer

    def grant(self, customer: str, amount: float, feature: str = "messages") -> None:
        """Make a customer with a loose balance."""
        self.ask("/v1/customers.get_or_create", {"customer_id": customer})
        self.ask("/v1/balances.create", {"customer_id": customer, "feature_id": feature, "included_grant": amount})

    def remaining(self, customer: str, feature: str = "messages") -> float:
        """What a customer has left; zero once a loose balance is used up, because it is no longer shown then."""
        balances = self.ask("/v1/customers.get", {"customer_id": customer})["balances"]
        left: float = balances[feature]["remaining"] if feature in balances else 0
        return left

    def drain(self, timeout: float = 120) -> None:
        """Wait until everything queued is worked off."""
        self.ask("/_mock/drain", {"timeout": timeout})

    def audit(self) -> dict[str, Any]:
        """The audit of the organisation, which has to find all in order."""
        found: dict[str, Any] = self.get("/_mock/audit").body
        assert found["balanced"], found["problems"]
        return found


_HEADERS = {
    "authorization": f"Bearer {DEFAULT_KEY}",
    "content-type": "application/json",
    "x-api-version": DEFAULT_VERSION,
}


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
