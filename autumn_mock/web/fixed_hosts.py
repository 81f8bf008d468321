"""URLs of this server in its answers that are not those of the requests.

Behind a proxy, and for requests to a host that this server stands in for, as the proxy of a client whose host cannot be
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from autumn_mock.web.context import BASE_URL

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class PublicAddress:
    """WSGI middleware: links lead to the URL at which clients reach the server, whatever name a request has."""

    def __init__(self, application: WSGIApplication, url: str) -> None:
        self._application = application
        self._url = url

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[BASE_URL] = self._url
        return self._application(environ, start_response)


class OwnAddress:
    """WSGI middleware: pages that such a request is answered with are at this server's own URL.

    Their reader, a browser, neither uses the proxy nor trusts its certificate.
    """

    def __init__(self, application: WSGIApplication, hosts: Collection[str], url: Callable[[], str]) -> None:
        self._application = application
        self._hosts = hosts
        self._url = url

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").partition(":")[0].lower() in self._hosts:
            environ[BASE_URL] = self._url()
        return self._application(environ, start_response)
