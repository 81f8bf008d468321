"""The endpoints of the API, by resource, and which one serves a request."""

from __future__ import annotations

from typing import Any, NamedTuple

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.resources import (
    balances,
    billing,
    customers,
    entities,
    events,
    features,
    licenses,
    lists,
    older,
    organization,
    plans,
    unsupported,
    usage,
)

_MODULES = (
    usage,
    balances,
    customers,
    entities,
    features,
    plans,
    organization,
    billing,
    events,
    lists,
    licenses,
    older,
)

#: Every endpoint, in the order in which it is declared.
ENDPOINTS: tuple[Endpoint, ...] = (
    *(each for module in _MODULES for each in vars(module).values() if isinstance(each, Endpoint)),
    *unsupported.ENDPOINTS,
)

#: Every ``METHOD /path`` that is served, and what serves it.
ROUTES: dict[str, Endpoint] = {route: each for each in ENDPOINTS for route in each.routes}


class Match(NamedTuple):
    """The declared route of a request, what serves it (None: nothing), and the values of its parameters."""

    route: str
    endpoint: Endpoint | None
    path: dict[str, Any]


def _map() -> Map:
    """The routes with parameters."""
    parts = [(route, *route.split(" ")) for route in ROUTES if "<" in route]
    rules = [Rule(path, methods=[method], endpoint=route) for route, method, path in parts]
    return Map(rules, strict_slashes=True, merge_slashes=False, redirect_defaults=False)


_PARAMETERISED = _map().bind("localhost")


def find_route(method: str, path: str) -> Match:
    """What serves a request. A path that is served by another method, or without its trailing slash, is not served.

    Only routes with parameters need Werkzeug: a rule for each of the others would take a twentieth of the start.
    """
    method = "GET" if method == "HEAD" else method
    route = f"{method} {path}"
    endpoint = ROUTES.get(route)
    if endpoint is not None:
        return Match(route, endpoint, {})
    try:
        declared, values = _PARAMETERISED.match(path, method)
    except HTTPException:
        return Match(route, None, {})
    return Match(declared, ROUTES[declared], dict(values))


def call_names() -> list[str]:
    """The names that a fault rule may use for its route, sorted."""
    return sorted({name for each in ENDPOINTS for name in each.names})
