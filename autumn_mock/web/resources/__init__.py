"""The resources of the API, each a blueprint."""

from __future__ import annotations

from autumn_mock.web.resource import Resource
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

RESOURCES: tuple[Resource, ...] = (
    usage.resource,
    balances.resource,
    customers.resource,
    entities.resource,
    features.resource,
    plans.resource,
    organization.resource,
    billing.resource,
    events.resource,
    lists.resource,
    unsupported.resource,
)
