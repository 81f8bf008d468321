"""Public calls of a server, a real one or another emulator: paged lists, repetition after limits and failures."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from autumn_mock.clock import wall_clock
from autumn_mock.control_client import why_no_tls
from autumn_mock.domain.version import Version

Json = dict[str, Any]

#: Seconds to wait for a reply.
_TIMEOUT_S = 30.0
#: How often a call is made before it is given up, and the longest wait (s) between two attempts.
_ATTEMPTS, _LONGEST_WAIT_S = 8, 120.0
#: The largest page that every list has.
_PAGE = 200
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class PublicCallError(Exception):
    """A call failed for good. The message names the call and never the key.

    ``status``: that of the reply; None when there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class PublicClient:
    """The public API at a URL, with a secret key. Use it in a ``with`` block.

    A call that was limited is repeated when ``Retry-After`` says so; one that the server failed to answer (5xx, a lost
    connection) is repeated with growing waits. Calls raise :class:`PublicCallError`. ``transport`` None: the network.
    """

    def __init__(self, url: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        parts = urlsplit(url)
        #: Without what precedes an @.
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/').removesuffix('/v1')}"
        self._was_reached = False
        self._http = httpx.Client(
            base_url=f"{self.url}/v1",
            timeout=_TIMEOUT_S,
            transport=transport,
            trust_env=parts.hostname not in _LOOPBACK,
            headers={"Authorization": f"Bearer {key}", "x-api-version": Version.NEWEST.value},
        )

    def __enter__(self) -> PublicClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> Json:
        """GET a path below ``/v1``."""
        return self._call("GET", path, None)

    def post(self, path: str, **body: Any) -> Json:
        """POST a body to a path below ``/v1``."""
        return self._call("POST", path, body)

    def rows(self, path: str, **body: Any) -> Iterator[Json]:
        """All rows of a list, page by page."""
        cursor = ""
        while True:
            page = self.post(path, **body, limit=_PAGE, start_cursor=cursor)
            yield from page["list"]
            following = page.get("next_cursor")
            if not following or following == cursor:
                return
            cursor = following

    def _call(self, method: str, path: str, body: Json | None) -> Json:
        problem, status = "", None
        for attempt in range(_ATTEMPTS):
            wait = min(2.0**attempt / 2, _LONGEST_WAIT_S)
            try:
                reply = self._http.request(method, path, json=body)
            except httpx.HTTPError as error:
                problem, status = f"was not answered ({error or type(error).__name__})", None
                if isinstance(error, httpx.ConnectError) and not self._was_reached:
                    no_tls = why_no_tls(error, self.url)
                    problem = f"was not answered: {no_tls}" if no_tls is not None else problem
                    break
            else:
                self._was_reached = True
                if reply.is_success:
                    return _decoded(reply, f"{method} {self.url}/v1{path}")
                status = reply.status_code
                problem = f"was answered with {status}: {_message(reply)}"
                if status == 429:
                    wait = min(_asked_wait(reply, wait), _LONGEST_WAIT_S)
                elif status < 500:
                    break
            if attempt + 1 < _ATTEMPTS:
                time.sleep(wait)
        raise PublicCallError(f"{method} {self.url}/v1{path} {problem}", status)


def _decoded(reply: httpx.Response, call: str) -> Json:
    try:
        body = reply.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise PublicCallError(
            f"{call} was answered with {reply.status_code} and no JSON object; is it the URL of an API?"
        )
    return body


def _message(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["message"])
    except (ValueError, KeyError, TypeError):
        return reply.reason_phrase or "no message"


def _asked_wait(reply: httpx.Response, otherwise: float) -> float:
    """The seconds that ``Retry-After`` asks for, as a number or as a date."""
    asked = reply.headers.get("retry-after", "")
    if asked.replace(".", "", 1).isdigit():
        return float(asked)
    try:
        return max(email.utils.parsedate_to_datetime(asked).timestamp() - wall_clock() / 1000, 0)
    except ValueError:
        return otherwise
