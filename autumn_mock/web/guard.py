"""Access to the control API: programs on this machine, and clients that send the token.

A page in a browser can send requests to loopback, and under a name that it points there (DNS rebinding) it can read the
replies, too. Browsers send the origin of a request and the name that it was meant for; both are checked, with a token
and without. Only a client with the token may use a name that a stranger could point here.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

from autumn_mock.operations.errors import ApiError

if TYPE_CHECKING:
    from autumn_mock.settings import Settings

#: The header with the token; ``Authorization`` names the organisation.
TOKEN_HEADER = "x-autumn-mock-token"  # noqa: S105  # its name
_TOKEN_VARIABLE = "HTTP_" + TOKEN_HEADER.upper().replace("-", "_")


class ExposedWithoutToken(ValueError):
    """The server would listen to other machines, and nothing would protect its control API."""

    def __init__(self, setting: str) -> None:
        super().__init__(
            f"{setting} lets other machines in, and /_mock can read and change everything; "
            "give --control-token TOKEN, which /_mock then demands, or listen on 127.0.0.1"
        )


class Guard:
    """Checks requests to the control API. Raises :class:`ExposedWithoutToken` for a public address without a token.

    ``public_url``: where clients reach the server through a proxy.
    """

    def __init__(self, host: str, token: str | None, public_url: str | None = None) -> None:
        public_host = urlsplit(public_url or "//localhost").hostname or ""
        if token is None and not is_loopback(host):
            raise ExposedWithoutToken(f"--host {host}")
        if token is None and not is_loopback(public_host) and not public_host.endswith(".localhost"):
            raise ExposedWithoutToken(f"--public-url {public_url}")
        self._public_origin = public_url
        self._hosts = ("localhost", host.lower(), public_host)
        self._token = token.encode() if token is not None else None

    def check(self) -> None:
        """Raises :class:`ApiError` (401, 403) when Flask's current request is not allowed."""
        self._check_origin("The control API answers no pages of other sites")
        if self._token is None or not self.has_token(request.environ):
            self._check_name()  # a client with the token may use any name: a page of another site does not have it
        if not self.has_token(request.environ):
            given = request.headers.get(TOKEN_HEADER)
            text = f"The token in {TOKEN_HEADER} is not that of this server's control API"
            raise ApiError(
                401,
                text if given else f"The control API of this server wants its token in {TOKEN_HEADER}",
                "no_control_token",
            )

    def check_page(self) -> None:
        """Raises :class:`ApiError` (403) when the current request is not allowed on a page that needs no token.

        Any page may lead to it, but only its own forms may change something.
        """
        self.check_host()
        if request.method not in ("GET", "HEAD"):
            self._check_origin("This page takes only what its own forms send")

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        """The guard of a server with these settings."""
        return cls(settings.host, settings.control_token, settings.public_url)

    def _check_origin(self, text: str) -> None:
        """The request comes from a program, or from a page of this server."""
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
        own = (request.host_url.rstrip("/").lower(), self._public_origin)
        is_own = origin is None or origin.lower() in own
        if not is_own or site not in ("none", "same-origin"):
            raise ApiError(403, text, "cross_site")

    def has_token(self, variables: Mapping[str, str]) -> bool:
        """Whether a request with these variables (``HTTP_X_…``) has the token, or needs none."""
        given = variables.get(_TOKEN_VARIABLE, "").encode("latin-1")
        return self._token is None or hmac.compare_digest(given, self._token)

    @property
    def needs_token(self) -> bool:
        """Whether requests have to have a token."""
        return self._token is not None

    def check_host(self) -> None:
        """Check the name of a request for what needs no token itself: any will do when calls need one."""
        if not self.needs_token:
            self._check_name()

    def _check_name(self) -> None:
        """Only names that a stranger cannot point at this machine are accepted."""
        name = (urlsplit(f"//{request.host}").hostname or "").lower()
        if name not in self._hosts and not name.endswith(".localhost") and _address(name) is None:
            raise ApiError(403, f"The control API does not answer to the name {name!r}", "unknown_host")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with suppress(ValueError):
        return ipaddress.ip_address(name)
    return None
