"""The calls of the customer and metering API, as bodies for the default world."""

from __future__ import annotations

from typing import Any, NamedTuple

#: Has a plan, a loose balance, entities (``seat_1``, ``seat_2``) and credits.
CUSTOMER = "cus_carol"


class Call(NamedTuple):
    """One request that succeeds on a fresh default world."""

    path: str
    body: Any
    headers: dict[str, str] = {}


_OF = {"customer_id": CUSTOMER, "feature_id": "ai_messages"}

#: Calls that change something, by name.
WRITES = {
    "batch": Call("/v1/balances.batch_track", [_OF, {**_OF, "value": 2}]),
    "batch with keys": Call("/v1/balances.batch_track", [{**_OF, "idempotency_key": f"batch-{n}"} for n in range(2)]),
    "batch with a key": Call("/v1/balances.batch_track", [_OF], {"Idempotency-Key": "header-1"}),
    "track": Call("/v1/balances.track", _OF),
    "track later": Call("/v1/balances.track", {**_OF, "async": True}),
    "track later with a key": Call("/v1/balances.track", {**_OF, "async": True, "idempotency_key": "later-1"}),
    "track with a key": Call("/v1/balances.track", {**_OF, "idempotency_key": "track-1"}),
    "track with a key in the header": Call("/v1/balances.track", _OF, {"Idempotency-Key": "header-2"}),
    "track with two keys": Call("/v1/balances.track", {**_OF, "idempotency_key": "t-2"}, {"Idempotency-Key": "h-3"}),
    "track for an entity": Call("/v1/balances.track", {**_OF, "feature_id": "api_calls", "entity_id": "seat_1"}),
    "check and use": Call("/v1/balances.check", {**_OF, "send_event": True}),
    "check and lock": Call("/v1/balances.check", {**_OF, "lock": {"lock_id": "lock-1", "enabled": True}}),
    "finalize": Call("/v1/balances.finalize", {"lock_id": "held", "action": "confirm", "override_value": 2}),
    "balances.create": Call("/v1/balances.create", {**_OF, "included_grant": 5}),
    "balances.update": Call("/v1/balances.update", {**_OF, "add_to_balance": 5}),
    "balances.delete": Call("/v1/balances.delete", _OF),
    "usage": Call("/v1/usage", {**_OF, "value": 3}),
    "customers.get_or_create": Call("/v1/customers.get_or_create", {"customer_id": "new", "name": "New"}),
    "customers.update": Call("/v1/customers.update", {"customer_id": CUSTOMER, "name": "Other"}),
    "customers.delete": Call("/v1/customers.delete", {"customer_id": CUSTOMER}),
    "entities.create": Call(
        "/v1/entities.create", {"customer_id": CUSTOMER, "entity_id": "seat_3", "feature_id": "seats"}
    ),
    "entities.delete": Call("/v1/entities.delete", {"customer_id": CUSTOMER, "entity_id": "seat_1"}),
    "attach": Call("/v1/billing.attach", {"customer_id": CUSTOMER, "plan_id": "free"}),
    "features.create": Call(
        "/v1/features.create", {"feature_id": "new", "name": "New", "type": "metered", "consumable": True}
    ),
    "features.update": Call("/v1/features.update", {"feature_id": "messages", "name": "Other"}),
    "plans.create": Call("/v1/plans.create", {"plan_id": "new", "name": "New"}),
}

#: Calls that only read, by name.
READS = {
    "customers.get": Call("/v1/customers.get", {"customer_id": CUSTOMER}),
    "customers.get_or_create": Call("/v1/customers.get_or_create", {"customer_id": CUSTOMER}),
    "customers.list": Call("/v1/customers.list", {}),
    "check": Call("/v1/balances.check", _OF),
    "balances.list": Call("/v1/balances.list", {"customer_id": CUSTOMER}),
    "entities.get": Call("/v1/entities.get", {"customer_id": CUSTOMER, "entity_id": "seat_1"}),
    "entities.list": Call("/v1/entities.list", {"customer_id": CUSTOMER}),
    "events.list": Call("/v1/events.list", {}),
    "events.aggregate": Call("/v1/events.aggregate", {"feature_id": "ai_messages", "range": "7d"}),
    "features.list": Call("/v1/features.list", {}),
    "plans.list": Call("/v1/plans.list", {}),
    "subscriptions.list": Call("/v1/subscriptions.list", {"customer_id": CUSTOMER}),
}
