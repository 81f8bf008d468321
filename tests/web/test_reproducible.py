"""With ``--seed``, ``--now`` and ``--frozen`` the same calls get the same bytes, from another process, too."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.server import ServerProcess

NOW = "2026-01-01T00:00:00Z"
Replies = list[tuple[str, int, dict[str, str], bytes]]

ITEM = {"customer_id": "cus_a", "feature_id": "tokens"}
TOKENS = {"feature_id": "tokens", "included": 500, "reset": {"interval": "month"}}
SEATS = {"feature_id": "places", "included": 3}
PRICE = {"amount": 20, "interval": "month"}
DRAIN: tuple[str, Any] = ("/_mock/drain", {})
#: The calls in order; several of each resource.
CALLS: Sequence[tuple[str, Any]] = [
    ("/v1/features.create", {"feature_id": "tokens", "name": "Tokens", "type": "metered", "consumable": True}),
    ("/v1/features.create", {"feature_id": "places", "name": "Places", "type": "metered", "consumable": False}),
    ("/v1/features.list", None),
    ("/v1/plans.create", {"plan_id": "basic", "name": "Basic", "items": [TOKENS, SEATS]}),
    ("/v1/plans.create", {"plan_id": "paid", "name": "Paid", "price": PRICE, "items": [TOKENS]}),
    ("/v1/plans.update", {"plan_id": "basic", "name": "Basis"}),
    ("/v1/plans.list", None),
    *[("/v1/customers.get_or_create", {"customer_id": f"cus_{name}", "name": name}) for name in "abcd"],
    ("/v1/customers.update", {"customer_id": "cus_b", "email": "b@example.com"}),
    ("/v1/billing.attach", {"customer_id": "cus_a", "plan_id": "basic"}),
    ("/v1/billing.attach", {"customer_id": "cus_b", "plan_id": "basic"}),
    ("/v1/billing.attach", {"customer_id": "cus_c", "plan_id": "paid", "no_billing_changes": True}),
    ("/v1/billing.preview_attach", {"customer_id": "cus_d", "plan_id": "paid"}),
    ("/v1/entities.create", {"customer_id": "cus_a", "entity_id": "seat_1", "feature_id": "places"}),
    ("/v1/entities.create", {"customer_id": "cus_a", "entity_id": "seat_2", "feature_id": "places"}),
    ("/v1/entities.get", {"customer_id": "cus_a", "entity_id": "seat_1"}),
    ("/v1/balances.create", {**ITEM, "included_grant": 70, "balance_id": "gift"}),
    ("/v1/balances.create", {"customer_id": "cus_d", "feature_id": "tokens", "included_grant": 10}),
    ("/v1/balances.batch_track", [{**ITEM, "value": value} for value in range(1, 15)]),
    *[("/v1/balances.track", {"customer_id": "cus_b", "feature_id": "tokens", "async": False}) for _ in range(3)],
    ("/v1/balances.batch_track", [{"customer_id": f"cus_{name}", "feature_id": "tokens"} for name in "abcdabcd"]),
    ("/v1/balances.track", {**ITEM, "entity_id": "seat_1", "async": True}),
    DRAIN,
    ("/v1/balances.check", {**ITEM, "required_balance": 4, "send_event": True}),
    ("/v1/balances.check", {**ITEM, "required_balance": 5, "lock": {"enabled": True, "lock_id": "job_1"}}),
    ("/v1/balances.finalize", {"lock_id": "job_1", "action": "confirm", "override_value": 2}),
    ("/v1/balances.update", {**ITEM, "add_to_balance": 8}),
    ("/v1/balances.list", {"customer_id": "cus_a"}),
    ("/v1/events.list", {"customer_id": "cus_a", "limit": 20}),
    ("/v1/events.list", {"limit": 100}),
    ("/v1/events.aggregate", {"customer_id": "cus_a", "feature_id": "tokens", "range": "30d"}),
    ("/v1/customers.list", {"limit": 3}),
    ("/v1/customers.get", {"customer_id": "cus_a", "expand": ["balances.feature"]}),
    ("/v1/subscriptions.list", {"customer_id": "cus_a"}),
    ("/_mock/clock", {"advance": "40d"}),
    *[("/v1/customers.get", {"customer_id": f"cus_{name}"}) for name in "abcd"],
    ("/v1/balances.track", {**ITEM, "feature_id": "nope"}),
    ("/v1/balances.batch_track", [{**ITEM, "value": "x"}]),
    ("/_mock/organisations", {}),
    ("/_mock/reset", {}),
    ("/v1/customers.get", {"customer_id": "cus_123"}),
    ("/v1/customers.get_or_create", {"customer_id": "cus_e"}),
]
REFUSED = {"/v1/balances.track": 404, "/v1/balances.batch_track": 400}


def whole_run(port: int, *options: str) -> Replies:
    """The replies of one server."""
    found: Replies = []
    with ServerProcess("--port", str(port), "--workers", "4", "--now", NOW, *options) as server:
        client = Client(server.url)
        for path, body in CALLS:
            sent = None if body is None else json.dumps(body).encode()
            status, headers, content = client.send("POST", path, sent, client.headers())
            found.append((path, status, headers, content))
    return found


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_whole_runs_send_the_same_bytes(port: int) -> None:
    one, two = (whole_run(port, "--seed", "7", "--frozen") for _ in range(2))
    refused = [(path, status, content) for path, status, _, content in one if status >= 400]
    assert {path: status for path, status, _ in refused} == REFUSED, refused
    for first, second in zip(one, two, strict=True):
        if not first[0].startswith("/_mock/"):
            assert first == second


def test_another_seed_makes_other_ids(port: int) -> None:
    one, two = (whole_run(port, "--seed", seed, "--frozen") for seed in ("7", "8"))
    different = {first[0] for first, second in zip(one, two, strict=True) if first[3] != second[3]}
    assert {"/v1/balances.list", "/v1/events.list"} <= different
