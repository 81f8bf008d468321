"""The server that recordings are played against: an emulator, or any other server that speaks Autumn."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from autumn_mock.clock import pause, stopwatch
from autumn_mock.control_client import ControlClient, ControlError

#: The API version of requests that name none.
API_VERSION = "2.3.0"
#: Seconds to wait for a reply, and for the queue.
TIMEOUT_S = 30.0
#: Seconds to wait after a batch, where a server cannot be asked whether its queue is empty.
_QUEUE_REST_S = 3.0
#: Seconds to repeat a request that is over a limit.
_MOST_REPEATING_S = 120.0
#: The calls that empty an organisation: list, delete, the id in a row, and the id in the request.
_CATALOGUE = (
    ("customers", "id", "customer_id"),
    ("plans", "id", "plan_id"),
    ("features", "id", "feature_id"),
)


class NotPlayable(Exception):
    """A recorded request needs something that the server under test does not have. The message names it."""


class ServiceFailed(Exception):
    """The server under test failed outside of what is compared: no reply, or a call that prepares a run."""


class ServiceReply(NamedTuple):
    """An answer. The body is decoded if it is JSON, and else its text; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Service:
    """A client of the server under test.

    Args:
        url: where it is.
        key: the key of the one organisation that everything is played in. None: the recorded keys are used as they are
            (an emulator with the world ``recordings``), and each case gets an organisation of its own.
        token: the server's ``--control-token``.
    """

    def __init__(self, url: str, key: str | None = None, token: str | None = None) -> None:
        self._control = ControlClient(url, token=token)
        self._key = key
        address = urlsplit(url)
        # Not httpx: it refuses some of the headers and changes some of the paths that were recorded.
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.hostname or "", address.port, timeout=TIMEOUT_S)
        self._base = address.path.rstrip("/")
        try:
            self._control.get("/health")
            #: Whether it has a control API, to wait for its queue, move its clock and arm faults.
            self.is_emulator = True
        except ControlError:
            self.is_emulator = False

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._control.http.close()

    # -- requests

    def send(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> ServiceReply:
        """Send a request; one that is over a limit is repeated. ``body``: JSON, or text that is sent as it is."""
        content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else None
        if content is None and body is not None:
            content = json.dumps(body).encode()
        until = stopwatch() + _MOST_REPEATING_S
        while True:
            reply = self._exchange(method, path, headers, content)
            if reply.status != 429 or stopwatch() > until:
                return reply
            pause(0.05 if self.is_emulator else float(reply.headers.get("retry-after", 1)))

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], content: bytes | None) -> ServiceReply:
        """Send bytes. A kept connection that the server has closed meanwhile is opened again."""
        target = self._base + path
        try:
            try:
                reply = self._sent(method, target, headers, content)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._connection.close()  # it was closed while idle: the request was not read
                reply = self._sent(method, target, headers, content)
            text = reply.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ServiceFailed(f"{method} {path}: no reply ({error or type(error).__name__})") from None
        found = {name.lower(): value for name, value in reply.getheaders()}
        try:
            return ServiceReply(reply.status, found, json.loads(text))
        except ValueError:
            return ServiceReply(reply.status, found, text)

    def _sent(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes | None
    ) -> http.client.HTTPResponse:
        self._connection.request(method, target, content, dict(headers))
        return self._connection.getresponse()

    def expect(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Any:
        """Send a request that prepares a run; returns its body. Raises :class:`ServiceFailed` unless it succeeds."""
        reply = self.send(method, path, headers, body)
        if not 200 <= reply.status < 300:
            raise ServiceFailed(f"{method} {path}: {reply.status} {str(reply.body)[:200]}")
        return reply.body

    # -- keys

    def headers(self, key: str, version: str = API_VERSION) -> dict[str, str]:
        """The headers of a request with a key."""
        return {"authorization": f"Bearer {key}", "content-type": "application/json", "x-api-version": version}

    def key_for(self, recorded: str) -> str:
        """The key to use in place of that of a recorded organisation's main key."""
        return self._key or recorded

    @property
    def has_recorded_keys(self) -> bool:
        """Whether every recorded key is valid."""
        return self._key is None

    # -- the queue and the clock

    def settle(self, headers: Mapping[str, str]) -> None:
        """Wait until the queue is empty."""
        if self.is_emulator:
            self.expect("POST", "/_mock/drain", headers, {"timeout": TIMEOUT_S})
        else:
            pause(_QUEUE_REST_S)

    def advance(self, headers: Mapping[str, str], ms: int) -> None:
        """Move the organisation's clock."""
        if not self.is_emulator:
            raise NotPlayable("a clock that moves")
        self.expect("POST", "/_mock/clock", headers, {"advance": f"{ms}ms"})

    def reset_clock(self, headers: Mapping[str, str]) -> None:
        """Return the organisation's clock to the server's time."""
        if self.is_emulator:
            self.expect("POST", "/_mock/clock", headers, {"reset": True})

    # -- organisations

    @contextmanager
    def organisation(self) -> Iterator[str]:
        """The key of an empty organisation, for one case."""
        if self._key is None:
            opened = self._control.post("/organisations", {"world": "empty"})
            key = str(opened["key"])
            yield key
            self.expect("DELETE", "/_mock/organisations", self.headers(key))
            return
        before = self.content(self._key)
        yield self._key
        self.clear(self._key, before)

    def content(self, key: str) -> dict[str, set[str]]:
        """The ids of the customers, plans and features of an organisation."""
        headers = self.headers(key)
        return {kind: {row[own] for row in self._rows(kind, headers)} for kind, own, _ in _CATALOGUE}

    def clear(self, key: str, keep: Mapping[str, set[str]]) -> None:
        """Delete the customers, plans and features of an organisation, except those to keep."""
        headers = self.headers(key)
        for kind, own, name in _CATALOGUE:
            for row in reversed(self._rows(kind, headers)):
                if row[own] not in keep[kind]:
                    more = {"all_versions": True} if kind == "plans" else {}
                    self.send("POST", f"/v1/{kind}.delete", headers, {name: row[own], **more})
        self.reset_clock(headers)

    def _rows(self, kind: str, headers: Mapping[str, str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        page: dict[str, Any] = {"limit": 100} if kind == "customers" else {}
        while True:
            body = self.expect("POST", f"/v1/{kind}.list", headers, page)
            rows += body["list"]
            if not body.get("next_cursor"):
                return rows
            page["start_cursor"] = body["next_cursor"]
