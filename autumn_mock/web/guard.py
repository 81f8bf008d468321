"""Who may use the control API: programs of this machine, and whoever knows the token.

A page in a browser can send requests to loopback, and with a name that it points there (DNS rebinding) it can read the
answers, too. Browsers say where a request comes from and which name it was meant for; that is what is checked.
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from flask import request

from autumn_mock.operations.errors import ApiError

#: The header that carries the token; ``Authorization`` names the organisation.
TOKEN_HEADER = "x-autumn-mock-token"  # noqa: S105  # its name


class ExposedWithoutToken(ValueError):
    """The server would listen to other machines, and nothing would keep them from its control API."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"--host {host} lets other machines in, and /_mock can read and change everything; "
            "give --control-token TOKEN, which /_mock then demands, or listen on 127.0.0.1"
        )


class Guard:
    """Checks each request to the control API. Raises :class:`ExposedWithoutToken` for an address that others reach."""

    def __init__(self, host: str, token: str | None) -> None:
        if token is None and not is_loopback(host):
            raise ExposedWithoutToken(host)
        self._host = host.lower()
        self._token = token.encode() if token is not None else None

    def check(self) -> None:
        """Raises :class:`ApiError` (401, 403) for a request that may not pass."""
        self._check_origin()
        if self._token is None:
            self._check_host()
        elif not hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self._token):
            raise ApiError(401, f"The control API of this server wants its token in {TOKEN_HEADER}", "no_control_token")

    def _check_origin(self) -> None:
        """A page of another origin may not even try."""
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
        is_own = origin is None or origin.lower() == request.host_url.rstrip("/").lower()
        if not is_own or site not in ("none", "same-origin"):
            raise ApiError(403, "The control API answers no pages of other sites", "cross_site")

    def _check_host(self) -> None:
        """The name that a request was meant for has to be one that nobody else can point at this machine."""
        name = (urlsplit(f"//{request.host}").hostname or "").lower()
        if name not in ("localhost", self._host) and not name.endswith(".localhost") and not _is_address(name):
            raise ApiError(403, f"The control API does not answer to the name {name!r}", "unknown_host")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
