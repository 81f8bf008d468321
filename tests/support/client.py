"""The one client of the tests: requests to a server under test, with a key, a version and any header.

:class:`Client` speaks HTTP, on a connection for each request or on one that is kept; :class:`AppClient` calls an
application in this process. Both return a :class:`Reply`.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import Flask

#: The secret key of the shipped default world.
DEFAULT_KEY = "am_sk_test_autumn_mock"
#: The API version of a request unless a test names another; its ``track`` answers with a balance.
DEFAULT_VERSION = "2.3.0"
#: Stands for the client's own key, where None stands for no key at all.
OWN = ""

BATCH = "/v1/balances.batch_track"
TRACK = "/v1/balances.track"
CHECK = "/v1/balances.check"
FINALIZE = "/v1/balances.finalize"
UPDATE = "/v1/balances.update"


class Reply(NamedTuple):
    """A response. The body is decoded if it is JSON, and else its text; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: Any


class NoReply(ConnectionError):
    """No whole response was received: the request may have been processed, or not."""


class Client:
    """Requests to one server with one key. For one thread at a time when ``keep_alive`` keeps its connection."""

    def __init__(self, url: str = "", key: str = DEFAULT_KEY, *, keep_alive: bool = False, timeout: float = 60) -> None:
        self.url = url
        self.key = key
        self._timeout = timeout
        self._kept = self._connection(timeout) if keep_alive else None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        return http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)

    def connect(self) -> None:
        """Open the kept connection before it is needed."""
        assert self._kept is not None, "the client keeps no connection"
        try:
            self._kept.connect()
        except OSError as error:
            raise NoReply(repr(error)) from error

    def close(self) -> None:
        """Close the kept connection. The next request opens it again."""
        if self._kept is not None:
            self._kept.close()

    # -- requests

    def send(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], timeout: float | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send bytes with exactly these headers; status, headers and raw body. :class:`NoReply` without a response."""
        connection = self._kept or self._connection(timeout or self._timeout)
        try:
            try:
                connection.request(method, path, data, dict(headers))
            except BrokenPipeError:  # a kept connection that the server closed while it was idle: nothing was sent
                if connection is not self._kept:
                    raise
                connection.close()  # the next request connects again
                connection.request(method, path, data, dict(headers))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NoReply(repr(error)) from error
        if self._kept is None:
            connection.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, content

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send a request with exactly these headers. Bytes are sent as they are, None as no body, the rest as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        status, found, content = self.send(method, path, data, headers or {}, timeout)
        if found.get("content-type", "").startswith("application/json"):
            return Reply(status, found, json.loads(content))
        return Reply(status, found, content.decode("utf-8", "replace"))

    def headers(self, key: str | None = OWN, version: str | None = DEFAULT_VERSION, **more: str) -> dict[str, str]:
        """The headers of a request; further ones by name, with ``_`` for ``-``."""
        headers = {"content-type": "application/json"}
        if key is not None:
            headers["authorization"] = f"Bearer {self.key if key == OWN else key}"
        if version is not None:
            headers["x-api-version"] = version
        return headers | {name.replace("_", "-"): value for name, value in more.items()}

    def post(
        self, path: str, body: Any, key: str | None = OWN, version: str | None = DEFAULT_VERSION, **headers: str
    ) -> Reply:
        """POST with the client's key, another one, or none; further headers by name, with ``_`` for ``-``."""
        return self.request("POST", path, body, self.headers(key, version, **headers))

    def get(self, path: str, key: str | None = OWN, version: str | None = DEFAULT_VERSION) -> Reply:
        """GET with the client's key, another one, or none."""
        return self.request("GET", path, None, self.headers(key, version))

    def ask(self, path: str, body: Any, key: str | None = OWN, version: str | None = DEFAULT_VERSION) -> Any:
        """POST and require success; the body of the response."""
        status, _, answer = self.post(path, body, key, version)
        assert status in (200, 202), f"{path} answered {status} {answer}"
        return answer

    # -- the control API and what tests do most

    def drain(self, key: str | None = OWN, timeout: float = 120) -> dict[str, Any]:
        """Wait until everything queued is processed, for the key or (None) the whole server; the counts then."""
        headers = self.headers(key)
        status, _, body = self.request("POST", "/_mock/drain", {"timeout": timeout}, headers, timeout + 10)
        assert status == 200, body
        assert body["drained"], body
        return dict(body)

    def stats(self, key: str | None = OWN) -> dict[str, Any]:
        """The item counts of the key or (None) of the whole server."""
        status, _, body = self.get("/_mock/stats", key)
        assert status == 200, body
        return dict(body)

    def audit(self) -> dict[str, Any]:
        """The audit of the organisation, which must report no problem."""
        found: dict[str, Any] = self.get("/_mock/audit").body
        assert found["balanced"], found["problems"]
        return found

    def freeze(self) -> None:
        """Stop the organisation's clock, and so the windows of its rate limits."""
        self.ask("/_mock/clock", {"freeze": True})

    def advance(self, length: str) -> None:
        """Move the organisation's clock."""
        self.ask("/_mock/clock", {"advance": length})

    def balance(self, customer: str, feature: str = "messages", key: str | None = OWN) -> float:
        """What a customer has left of a feature, which must be shown."""
        balances = self.ask("/v1/customers.get", {"customer_id": customer}, key)["balances"]
        assert feature in balances, f"{customer} has no balance of {feature}: {sorted(balances)}"
        remaining: float = balances[feature]["remaining"]
        return remaining

    def remaining(self, customer: str, feature: str = "messages") -> float:
        """What a customer has left; zero for a balance without a plan that is used up, which is no longer shown."""
        balances = self.ask("/v1/customers.get", {"customer_id": customer})["balances"]
        left: float = balances[feature]["remaining"] if feature in balances else 0
        return left

    def grant(self, customer: str, amount: float, feature: str = "messages") -> None:
        """Create a customer with a balance without a plan."""
        self.ask("/v1/customers.get_or_create", {"customer_id": customer})
        self.ask("/v1/balances.create", {"customer_id": customer, "feature_id": feature, "included_grant": amount})

    def furnish(self, customer: str = "cus_1", grant: float = 1000) -> None:
        """Create features ``messages`` (event ``message.sent``), ``seats`` and ``sso``, and a customer."""
        messages = {"name": "Messages", "type": "metered", "consumable": True, "event_names": ["message.sent"]}
        self.ask("/v1/features.create", {"feature_id": "messages", **messages})
        self.ask("/v1/features.create", {"feature_id": "seats", "name": "Seats", "type": "metered"})
        self.ask("/v1/features.create", {"feature_id": "sso", "name": "Single Sign-On", "type": "boolean"})
        self.grant(customer, grant)


class AppClient(Client):
    """The same for an application in this process."""

    def __init__(self, app: Flask, key: str = DEFAULT_KEY) -> None:
        super().__init__(key=key)
        self.app = app
        self._client = app.test_client()

    def send(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], timeout: float | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Call the application, which has no time-out."""
        del timeout
        with self._client.open(path, method=method, data=data, headers=dict(headers)) as response:
            found = {name.lower(): value for name, value in response.headers}
            return response.status_code, found, response.get_data()
