"""A WSGI application that is made when it is first called.

The control API and the pages are such an application: importing them takes as long as importing Flask, and neither the
start of a server nor the first batch waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from autumn_mock.interpreter import gc_paused
from autumn_mock.locks import Level, new_lock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class DeferredApplication:
    """Calls the application that ``make`` returns. ``make`` is called once, by the first request."""

    def __init__(self, make: Callable[[], WSGIApplication]) -> None:
        self._make = make
        self._lock = new_lock(Level.CONTROL_APP)
        self._made: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return (self._made or self._make_once())(environ, start_response)

    def _make_once(self) -> WSGIApplication:
        with self._lock:
            if self._made is None:
                with gc_paused():
                    self._made = self._make()
            return self._made


class PathMiddleware:
    """WSGI middleware that gives the paths which begin with a prefix to another application."""

    def __init__(self, application: WSGIApplication, prefixes: tuple[str, ...], other: WSGIApplication) -> None:
        self._application = application
        self._prefixes = prefixes
        self._other = other

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        application = self._other if environ["PATH_INFO"].startswith(self._prefixes) else self._application
        return application(environ, start_response)
