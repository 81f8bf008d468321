"""The endpoints of the API, by resource."""

from __future__ import annotations

from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.resources import (
    balances,
    billing,
    customers,
    entities,
    events,
    features,
    lists,
    organization,
    plans,
    unsupported,
    usage,
)

_MODULES = (usage, balances, customers, entities, features, plans, organization, billing, events, lists)

#: Every endpoint, in the order in which it is declared.
ENDPOINTS: tuple[Endpoint, ...] = (
    *(each for module in _MODULES for each in vars(module).values() if isinstance(each, Endpoint)),
    *unsupported.ENDPOINTS,
)

#: Every ``METHOD /path`` that is served, and what serves it.
ROUTES: dict[str, Endpoint] = {route: each for each in ENDPOINTS for route in each.routes}


def call_names() -> list[str]:
    """The names that a fault rule may use for its route, sorted."""
    return sorted({name for each in ENDPOINTS for name in each.names})
