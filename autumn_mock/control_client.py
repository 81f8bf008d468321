"""The client of the control API (``/_mock``), used by the command line and by scenarios."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from autumn_mock.domain.organisation import ENVIRONMENT_HEADER, OPENED_HEADER

#: Seconds to wait for a reply.
REQUEST_TIMEOUT_S = 10.0
#: How OpenSSL says that a reply is not TLS, and that there is none; which of them depends on its version.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNEXPECTED_EOF_WHILE_READING")


class ControlError(Exception):
    """A call of the control API failed: no reply, or not one of the control API."""


class ServerUnreachable(ControlError):
    """No server is listening at the URL."""


class CallRefused(ControlError):
    """The server refused a call. The message is the server's; ``body`` is its whole answer."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body["message"]))
        self.status = status
        self.body = body


def why_no_tls(error: httpx.ConnectError, url: str) -> str | None:
    """What to do if a handshake failed because the server at a URL speaks no TLS; None for any other error."""
    if not url.startswith("https:") or not any(each in str(error) for each in _NOT_TLS):
        return None
    return f"the server at {url} does not speak https; give its URL with http://"


class ControlClient:
    """Calls of the control API of one server. Use it in a ``with`` block.

    ``key``: the secret key of the organisation that calls apply to; None: the whole server. ``token``: the server's
    ``--control-token``. ``trusted``: which certificates to trust, by default those that httpx does. Calls take a path
    below ``/_mock`` and return the decoded body; they raise :class:`ControlError`. Timeouts are in seconds.
    """

    def __init__(
        self, url: str, key: str | None = None, token: str | None = None, *, trusted: ssl.SSLContext | None = None
    ) -> None:
        self.url = url.rstrip("/")
        if trusted is None and self.url.startswith("https:"):
            trusted = httpx.create_ssl_context()  # knows the variables SSL_CERT_FILE and SSL_CERT_DIR
        # A proxy from the environment must not be used for a server on the same machine.
        self.http = httpx.Client(
            base_url=self.url,
            timeout=REQUEST_TIMEOUT_S,
            trust_env=False,
            verify=True if trusted is None else trusted,
        )
        if token is not None:
            self.http.headers["x-autumn-mock-token"] = token
        #: The slug of the organisation that a call opened for the key, which had none; None if none was opened.
        self.opened: str | None = None
        self.use_key(key)

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def use_key(self, key: str | None) -> None:
        """Let further calls apply to the organisation of a key."""
        self.key = key
        if key is not None:
            self.http.headers["Authorization"] = f"Bearer {key}"

    def use_organisation(self, name: str) -> None:
        """Let further calls apply to an organisation by its id or slug, whatever the key."""
        self.http.headers.pop("Authorization", None)
        self.http.headers[ENVIRONMENT_HEADER] = name

    def get(self, path: str, **query: Any) -> Any:
        """GET with a query string: ``get("/requests", after=3)``."""
        return self._call("GET", path, params=query)

    def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """GET a list."""
        return list(self.get(path, **query)["list"])

    def post(self, path: str, body: Any, timeout: float = REQUEST_TIMEOUT_S) -> Any:
        """POST a body as JSON."""
        return self._call("POST", path, json=body, timeout=timeout)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH a body as JSON."""
        return self._call("PATCH", path, json=body)

    def upload(self, path: str, pieces: Iterable[bytes], size: int | None, timeout: float = REQUEST_TIMEOUT_S) -> Any:
        """PUT a file of ``size`` bytes (None: not known), piece by piece."""
        headers = {"Content-Length": str(size)} if size is not None else {}
        return self._call("PUT", path, content=pieces, headers=headers, timeout=timeout)

    def delete(self, path: str) -> Any:
        """DELETE."""
        return self._call("DELETE", path)

    @contextmanager
    def download(self, path: str, timeout: float = REQUEST_TIMEOUT_S) -> Iterator[tuple[int, Iterator[bytes]]]:
        """GET a file, unchanged: its size in bytes, and its content in pieces. Decoding would round its amounts."""
        with self._errors("GET", path), self.http.stream("GET", f"/_mock{path}", timeout=timeout) as reply:
            if not reply.is_success or "content-length" not in reply.headers:
                reply.read()
                self._decoded(reply)
            yield int(reply.headers["content-length"]), reply.iter_bytes()

    def drain(self, timeout: float, **body: Any) -> dict[str, Any]:
        """Wait until the queue is idle; ``drained`` is false, with a ``message``, when it was not in time."""
        try:
            return dict(self.post("/drain", {"timeout": timeout, **body}, timeout + REQUEST_TIMEOUT_S))
        except CallRefused as error:
            if "drained" not in error.body:
                raise
            return error.body

    def _call(self, method: str, path: str, **sent: Any) -> Any:
        with self._errors(method, path):
            reply = self.http.request(method, f"/_mock{path}", **sent)
        self.opened = reply.headers.get(OPENED_HEADER, self.opened)
        return self._decoded(reply)

    @contextmanager
    def _errors(self, method: str, path: str) -> Iterator[None]:
        """Raise a :class:`ControlError` for what goes wrong on the way."""
        try:
            yield
        except httpx.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ControlError(
                    f"the certificate of {self.url} is not trusted; SSL_CERT_FILE names the file with its authority"
                ) from None
            no_tls = why_no_tls(error, self.url)
            if no_tls is not None:
                raise ControlError(no_tls) from None
            text = f"no server is listening at {self.url}; start one with `autumn-mock serve`"
            raise ServerUnreachable(text) from None
        except httpx.TimeoutException:
            raise self._error(method, path, "was not answered in time") from None
        except httpx.HTTPError as error:
            raise self._error(method, path, f"was not answered ({error or type(error).__name__})") from None

    def _decoded(self, reply: httpx.Response) -> Any:
        try:
            body = reply.json()
        except ValueError:
            body = None
        if isinstance(body, dict) and reply.is_success:
            return body
        if isinstance(body, dict) and "message" in body:
            raise CallRefused(reply.status_code, body)
        request = reply.request
        path = request.url.path.removeprefix("/_mock")
        raise self._error(request.method, path, f"was answered with status {reply.status_code} and no valid body")

    def _error(self, method: str, path: str, text: str) -> ControlError:
        return ControlError(f"{method} {self.url}/_mock{path} {text}; is another program listening there?")
