"""Every endpoint of the API, by resource. Importing this module imports all of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter, Rule

from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.resources import (
    balances,
    billing,
    checkouts,
    customers,
    entities,
    events,
    features,
    licenses,
    lists,
    older,
    organization,
    plans,
    rewards,
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
    rewards,
    organization,
    billing,
    checkouts,
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

#: Those without parameters. Werkzeug has only the others: a rule for each of these takes a tenth of a millisecond.
EXACT = {route: each for route, each in ROUTES.items() if "<" not in route}


@cache
def _parameterised() -> MapAdapter:
    """The routes with parameters."""
    parts = [(route, *route.split(" ")) for route in ROUTES if "<" in route]
    rules = [Rule(path, methods=[method], endpoint=route) for route, method, path in parts]
    return Map(rules, strict_slashes=True, merge_slashes=False, redirect_defaults=False).bind("localhost")


def match_parameterised(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """The declared route with parameters that a request matches, and their values; None if there is none."""
    try:
        declared, values = _parameterised().match(path, method)
    except HTTPException:
        return None
    return declared, dict(values)


def call_names() -> list[str]:
    """The names that a fault rule may use for its route, sorted."""
    return sorted({name for each in ENDPOINTS for name in each.names})


def names_by_call() -> dict[str, frozenset[str]]:
    """All names of each call by its canonical one."""
    return {each.name: each.names for each in ENDPOINTS}
