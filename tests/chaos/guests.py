"""A client that asks for anything, in any order, and remembers what it granted and how it was answered."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.support.client import BATCH, CHECK, FINALIZE, TRACK, UPDATE, Client

Steps = list[tuple[str, Any]]


class Guest:
    """One of a crowd. The customers are there for all; what else it uses it makes for itself, and takes away again."""

    def __init__(self, number: int, customers: list[str], rng: random.Random) -> None:
        self._number = number
        self._customers = customers
        self._rng = rng
        self._made = 0
        #: By customer: what it added to the balances of messages.
        self.granted: Counter[str] = Counter()
        #: Calls by path and status.
        self.counted: Counter[str] = Counter()

    def stay(self, client: Client, until: float) -> None:
        """Go on until a moment of the monotonic clock."""
        habits: list[Callable[[], Steps]] = [
            self._batch,
            self._track,
            self._check,
            self._lock,
            self._edit,
            self._grant,
            self._customer,
            self._catalogue,
            self._read,
        ]
        while time.monotonic() < until:
            for path, body in self._rng.choice(habits)():
                status = client.post(path, body).status
                self.counted[f"{path.removeprefix('/v1/')} {status}"] += 1

    def _use(self) -> dict[str, Any]:
        rng = self._rng
        customer = rng.choice(self._customers)
        entity = {"entity_id": f"{customer}-seat"} if rng.random() < 0.2 else {}
        return {"customer_id": customer, "feature_id": "messages", "value": rng.choice((1, 2, 0.5)), **entity}

    def _new(self) -> str:
        self._made += 1
        return f"guest-{self._number}-{self._made}"

    def _batch(self) -> Steps:
        return [(BATCH, [self._use() for _ in range(self._rng.choice((1, 10, 200)))])]

    def _track(self) -> Steps:
        return [(TRACK, self._use())]

    def _check(self) -> Steps:
        use = self._use()
        del use["value"]
        return [(CHECK, {**use, "send_event": self._rng.random() < 0.5})]

    def _lock(self) -> Steps:
        lock_id = self._new()
        wanted = {"feature_id": "messages", "required_balance": 3, "lock": {"lock_id": lock_id, "enabled": True}}
        finals: list[dict[str, Any]] = [
            {"action": "release"},
            {"action": "confirm"},
            {"action": "confirm", "override_value": 1},
            {"action": "confirm", "override_value": 7},
        ]
        return [
            (CHECK, {"customer_id": self._rng.choice(self._customers), **wanted}),
            (FINALIZE, {"lock_id": lock_id, **self._rng.choice(finals)}),
        ]

    def _edit(self) -> Steps:
        customer, value = self._rng.choice(self._customers), self._rng.choice((1, 100, -5))
        self.granted[customer] += value
        return [(UPDATE, {"customer_id": customer, "feature_id": "messages", "add_to_balance": value})]

    def _grant(self) -> Steps:
        customer, value = self._rng.choice(self._customers), self._rng.choice((1, 50))
        self.granted[customer] += value
        grant = {"customer_id": customer, "feature_id": "messages", "included_grant": value}
        return [("/v1/balances.create", grant)]

    def _customer(self) -> Steps:
        customer = {"customer_id": self._new()}
        seat = {**customer, "entity_id": "seat"}
        return [
            ("/v1/customers.get_or_create", customer),
            ("/v1/billing.attach", {**customer, "plan_id": "free"}),
            ("/v1/entities.create", {**seat, "feature_id": "seats"}),
            (TRACK, {**customer, "feature_id": "messages", "value": 3}),
            (BATCH, [{**customer, "event_name": "message.sent"}, {**customer, "feature_id": "api_calls", "value": 5}]),
            ("/v1/customers.update", {**customer, "name": "Guest"}),
            ("/v1/entities.get", seat),
            ("/v1/entities.delete", seat),
            ("/v1/customers.delete", customer),
        ]

    def _catalogue(self) -> Steps:
        feature, plan = {"feature_id": self._new()}, {"plan_id": self._new()}
        return [
            ("/v1/features.create", {**feature, "name": "Guest", "type": "metered", "consumable": True}),
            ("/v1/plans.create", {**plan, "name": "Guest"}),
            ("/v1/features.delete", feature),
            ("/v1/plans.delete", plan),
        ]

    def _read(self) -> Steps:
        customer = {"customer_id": self._rng.choice(self._customers)}
        reads: Steps = [
            ("/v1/customers.get", customer),
            ("/v1/customers.list", {"limit": 10}),
            ("/v1/balances.list", customer),
            ("/v1/entities.list", customer),
            ("/v1/events.list", {**customer, "limit": 20}),
            ("/v1/events.aggregate", {**customer, "feature_id": "messages", "range": "24h"}),
            ("/v1/features.list", {}),
            ("/v1/plans.list", {}),
            ("/v1/subscriptions.list", customer),
        ]
        return [self._rng.choice(reads)]
