"""Writes a database with something of everything, as a crash leaves it, and what has to be read from one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from tests.support.client import BATCH, DEFAULT_KEY, AppClient

FOLDER = Path(__file__).parent
#: The database and its log, and what they hold.
STATE, HOLDS = "state.json", "holds.json"
HOUR = 3_600_000
CUSTOMERS = ("cus_123", "cus_456", "cus_new", "cus_alice")
KEYS = (DEFAULT_KEY, "am_sk_live_autumn_mock", "am_sk_test_further", "am_sk_test_opened")


def write(folder: Path, scratch: Path) -> None:
    """A file at rest, and a log with what happened after it was written."""
    db = scratch / STATE
    engine = Engine(db=str(db), now=1_767_225_600_000, frozen=True, seed=1, key="am_sk_test_further")
    engine.start()
    client = AppClient(create_app(engine))
    _use(client)
    engine.drain()
    engine.state.checkpoint()
    _use_more(client, engine)
    engine.drain()
    folder.mkdir(exist_ok=True)
    for each in (db, db.with_name(f"{STATE}.wal")):
        shutil.copy(each, folder)
    engine.stop()
    (folder / HOLDS).write_text(json.dumps(read(folder / STATE, scratch / "copy"), indent=1, sort_keys=True) + "\n")


def _use(client: AppClient) -> None:
    _post(client, BATCH, [{"customer_id": "cus_123", "feature_id": "messages", "value": 2.5, "properties": {"a": 1}}])
    _post(client, "/v1/customers.get_or_create", {"customer_id": "cus_new", "name": "Ünë", "email": "a@example.com"})
    _post(client, "/v1/entities.create", {"customer_id": "cus_456", "entity_id": "seat_1", "feature_id": "seats"})
    _post(client, "/v1/billing.attach", {"customer_id": "cus_456", "plan_id": "pro"})  # leads to a page
    lock = {"enabled": True, "lock_id": "l"}
    locked = {"customer_id": "cus_123", "feature_id": "messages", "required_balance": 3, "lock": lock}
    _post(client, "/v1/balances.check", locked)


def _use_more(client: AppClient, engine: Engine) -> None:
    (checkout,) = client.get("/_mock/checkouts").body["list"]
    _post(client, f"/_mock/checkouts/{checkout['id']}", {"action": "pay"})
    key = {"customer_id": "cus_123", "feature_id": "messages", "value": 1, "idempotency_key": "once"}
    _post(client, "/v1/balances.track", key)
    _post(client, BATCH, [{"customer_id": "cus_alice", "feature_id": "messages", "value": 4}])
    _post(client, "/_mock/clock", {"advance": "1h"})
    _post(client, "/_mock/organisations", {"key": "am_sk_test_opened"})
    assert engine.state.clock_of("org_autumn_mock").offset == HOUR


def _post(client: AppClient, path: str, body: Any) -> None:
    reply = client.post(path, body)
    assert reply.status < 300, (path, reply)


def read(db: Path, scratch: Path) -> dict[str, Any]:
    """What a copy of a database holds, read twice: from these files, and from those that this version writes."""
    scratch.mkdir()
    for each in db.parent.glob(f"{db.name}*"):
        shutil.copy(each, scratch)
    found = [_held(scratch / db.name) for _ in range(2)]
    assert found[0] == found[1]
    return found[0]


def _held(db: Path) -> dict[str, Any]:
    engine = Engine(db=str(db))
    try:
        client = AppClient(create_app(engine))
        customer = client.post("/v1/customers.get", {"customer_id": "cus_456"}).body
        tables = {"/".join(each.name): each.tables.items() for each in engine.state.environments()}
        records = {env: {name: len(table) for name, table in each if len(table)} for env, each in tables.items()}
        return {
            "records": {env: each for env, each in records.items() if each},
            "stats": engine.stats(),
            "balances": {each: _numbers(client.get(f"/_mock/balances/{each}").body["balances"]) for each in CUSTOMERS},
            "subscriptions": [[each["plan_id"], each["status"]] for each in customer["subscriptions"]],
            "keys": [client.get("/_mock/stats", key=key).status for key in KEYS],
            "clock": engine.state.clock_of("org_autumn_mock").now(),
            "frozen": engine.state.clock.frozen,
        }
    finally:
        engine.stop()


def _numbers(balances: dict[str, Any]) -> dict[str, list[float]]:
    """What of balances no later version changes."""
    return {feature: [each["granted"], each["remaining"], each["usage"]] for feature, each in balances.items()}
