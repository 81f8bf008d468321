"""Asking a running server, through its control API."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import click
import httpx

#: Seconds that an answer may take.
REQUEST_TIMEOUT_S = 10.0


class AnswerError(click.ClickException):
    """An answer that does not come, or is not what was asked for. Ends a command with code 1."""


class ServerError(AnswerError):
    """What a server refused, in its own words."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body["message"]))
        self.status = status
        self.body = body


class Client:
    """Asks one server. Use it in a ``with`` block.

    Calls return the decoded body. They raise :class:`ServerError` when the server says no, :class:`AnswerError` when
    it says nothing that makes sense, and :class:`click.ClickException` when nobody is there.
    """

    def __init__(self, url: str, key: str | None = None, control_token: str | None = None) -> None:
        self.url = url.rstrip("/")
        #: None: the whole server is meant.
        self.key = key
        # No proxy stands between a developer and a server beside them, whatever the environment says.
        headers = {"x-autumn-mock-token": control_token} if control_token is not None else {}
        self._http = httpx.Client(timeout=REQUEST_TIMEOUT_S, trust_env=False, headers=headers)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Ask the control API: ``get("/requests", after=3)``."""
        return self._ask("GET", f"/_mock{path}", self.key, params=query)

    def post(self, path: str, body: Any, parking: float = REQUEST_TIMEOUT_S) -> Any:
        """Tell the control API something that may take so long (s)."""
        return self._ask("POST", f"/_mock{path}", self.key, json=body, timeout=parking)

    def download(self, path: str, parking: float = REQUEST_TIMEOUT_S) -> bytes:
        """What the control API gives out as a file, byte for byte: decoding would round its amounts."""
        method, path = "GET", f"/_mock{path}"
        reply = self._send(method, path, self.key, timeout=parking)
        if not reply.is_success:
            self._read(reply, method, path)
        return reply.content

    def put(self, path: str, content: bytes, parking: float = REQUEST_TIMEOUT_S) -> Any:
        """Give the control API a file, which may take so long (s)."""
        return self._ask("PUT", f"/_mock{path}", self.key, content=content, timeout=parking)

    def delete(self, path: str) -> Any:
        """Have the control API undo something."""
        return self._ask("DELETE", f"/_mock{path}", self.key)

    def _ask(self, method: str, path: str, key: str | None, **sent: Any) -> Any:
        return self._read(self._send(method, path, key, **sent), method, path)

    def _send(self, method: str, path: str, key: str | None, **sent: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        try:
            return self._http.request(method, f"{self.url}{path}", headers=headers, **sent)
        except httpx.ConnectError:
            raise click.ClickException(
                f"no autumn-mock answers at {self.url}; start one with: autumn-mock serve"
            ) from None
        except httpx.TimeoutException:
            raise AnswerError(f"{self.url} has not answered {method} {path} in time; {_perhaps(path)}") from None
        except httpx.HTTPError as error:
            raise AnswerError(
                f"{self.url} broke off its answer to {method} {path} ({error}); {_perhaps(path)}"
            ) from None

    def _read(self, reply: httpx.Response, method: str, path: str) -> Any:
        try:
            body = reply.json()
        except ValueError:
            body = None
        if reply.is_success and isinstance(body, dict):
            return body
        if isinstance(body, dict) and "message" in body:
            if reply.status_code == 401 and self.key is not None and path.startswith("/_mock"):
                # Variables hold keys, too, and are easily forgotten.
                body["message"] = f"{body['message']}; --key '' asks about the whole server"
            raise ServerError(reply.status_code, body)
        raise AnswerError(
            f"{self.url} answered {method} {path} with {reply.status_code} and not as an autumn-mock does; "
            f"{_perhaps(path)}"
        )


def _perhaps(path: str) -> str:
    if path.startswith("/_mock"):
        return "is it another program that listens there?"
    return "perhaps a fault did that: autumn-mock fault list"
