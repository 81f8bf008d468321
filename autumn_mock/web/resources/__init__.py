"""The endpoints of the API, by resource, and which one serves a request.

The calls that record and check usage are imported at the start. All are listed in
:mod:`autumn_mock.web.resources.registry`, which is imported when the first of the others is requested, because that
takes a fifth of the start.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from autumn_mock.interpreter import gc_paused
from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.resources import usage

_USAGE = [each for each in vars(usage).values() if isinstance(each, Endpoint)]
_USAGE_ROUTES = {route: each for each in _USAGE for route in each.routes if "<" not in route}


class Match(NamedTuple):
    """The declared route of a request, what serves it (None: nothing), and the values of its parameters."""

    route: str
    endpoint: Endpoint | None
    path: dict[str, Any]


def find_route(method: str, path: str) -> Match:
    """What serves a request. A path that is served by another method, or without its trailing slash, is not served."""
    method = "GET" if method == "HEAD" else method
    route = f"{method} {path}"
    endpoint = _USAGE_ROUTES.get(route)
    if endpoint is not None:
        return Match(route, endpoint, {})
    return _find_in_all(route, method, path)


def _find_in_all(route: str, method: str, path: str) -> Match:
    with gc_paused():
        from autumn_mock.web.resources import registry

    endpoint = registry.EXACT.get(route)
    if endpoint is not None:
        return Match(route, endpoint, {})
    found = registry.match_parameterised(method, path)
    return Match(route, None, {}) if found is None else Match(found[0], registry.ROUTES[found[0]], found[1])
