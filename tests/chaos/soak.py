"""A long life: days of clock with traffic, renewals and checkpoints, and memory that stays the same."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.chaos.scripts import Effort, Figures, require_linux, script
from tests.chaos.victim import Victim
from tests.chaos.watching import memory
from tests.support.client import BATCH, CHECK, DEFAULT_KEY, TRACK, Client

_CUSTOMERS = [f"soak-{number}" for number in range(20)]
#: Dollars of a month.
_PRICE = 20
_DAYS_OF_A_MONTH = 31
#: Events and requests that are kept: reached within the first days.
_MOST_EVENTS = 20_000
_MOST_REQUESTS = 500
#: MB by which the memory of the last days may exceed that of the days when all limits had been reached.
_MORE_MEMORY = 25


@script(brief=Effort(rounds=33, seconds=3), long=Effort(rounds=365, seconds=3600))
def year(effort: Effort, place: Path) -> Figures:
    """Days of clock (a year in the long form) with traffic, renewals and file: memory stays flat, the books balance."""
    require_linux("reading memory from /proc")
    world = place / "world.json"
    world.write_text(json.dumps(_world()))
    limits = ["--max-events", str(_MOST_EVENTS), "--journal-requests", str(_MOST_REQUESTS)]
    measured, days, sent = [], effort.rounds, 0
    options = ["--world", str(world), "--db", str(place / "db.json"), *limits]
    rng = random.Random(effort.seed)
    with Victim(place, *options).ready() as victim, victim.client() as client:
        began = time.monotonic()
        for day in range(1, days + 1):
            sent += _day(client, rng, until=began + effort.seconds * day / days)
            victim.drain()
            client.advance("1d")
            measured.append(memory(victim))
        stats = victim.stats()
        assert stats["deducted"] == stats["offered"] == sent, stats
        client.audit()
        for customer in _CUSTOMERS:
            _require_renewed(client, customer, days)
        victim.stop()
    settled, last = statistics.median(measured[days // 3 : days // 2]), statistics.median(measured[-days // 6 :])
    assert last - settled < _MORE_MEMORY, f"{settled:.0f} MB became {last:.0f}"
    size = (place / "db.json").stat().st_size / (1 << 20)
    return {
        "days": days,
        "items": sent,
        "settled_mb": round(settled),
        "last_mb": round(last),
        "file_mb": round(size, 1),
    }


_ONE_TEST = """
import pytest
from pathlib import Path


def memory():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("number", range({count}))
def test_usage(autumn_mock, number, record_property):
    autumn_mock.set_payment_method("cus_123", "ok")
    autumn_mock.assert_deducted("cus_123", "messages", 0)
    if number in ({first}, {count} - 1):
        with open({file!r}, "a") as written:
            print(memory(), file=written)
"""


@script(brief=Effort(rounds=300), long=Effort(rounds=1500))
def fixture(effort: Effort, place: Path) -> Figures:
    """Tests of one process with the fixture, each with an organisation of its own: memory stays flat."""
    require_linux("reading memory from /proc")
    written = place / "memory"
    text = _ONE_TEST.format(count=effort.rounds, first=effort.rounds // 3, file=str(written))
    (place / "test_many.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_many.py"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout
    early, late = map(float, written.read_text().split())
    assert late - early < _MORE_MEMORY, f"{early:.0f} MB became {late:.0f}"
    return {"tests": effort.rounds, "early_mb": round(early), "late_mb": round(late)}


def _world() -> dict[str, Any]:
    """Customers who pay for a plan each month."""
    plan = {
        "plan_id": "pro",
        "name": "Pro",
        "price": {"amount": _PRICE, "interval": "month"},
        "items": [{"feature_id": "messages", "included": 10**9, "reset": {"interval": "month"}}],
    }
    customers = [
        {
            "customer_id": customer,
            "payment_method": "ok",
            "plans": [{"plan_id": "pro", "no_billing_changes": False}],
        }
        for customer in _CUSTOMERS
    ]
    feature = {"feature_id": "messages", "name": "Messages", "type": "metered", "consumable": True}
    sandbox = {"features": [feature], "plans": [plan], "customers": customers}
    return {"organisations": [{"id": "org_soak", "slug": "soak", "keys": [DEFAULT_KEY], "sandbox": sandbox}]}


def _day(client: Client, rng: random.Random, until: float) -> int:
    """Use balances until a moment of the monotonic clock, a little at least; the number of items in the queue."""
    sent = 0
    while True:
        items = [{"customer_id": rng.choice(_CUSTOMERS), "feature_id": "messages", "value": 2} for _ in range(200)]
        assert client.post(BATCH, items).status == 202
        sent += len(items)
        one = {"customer_id": rng.choice(_CUSTOMERS), "feature_id": "messages"}
        assert client.post(TRACK, one).status == 200
        assert client.ask(CHECK, one)["allowed"] is True
        if time.monotonic() >= until:
            return sent
        time.sleep(0.1)


def _require_renewed(client: Client, customer: str, days: int) -> None:
    """Each month that passed was paid."""
    invoices = client.ask("/v1/invoices.list", {"customer_id": customer})["list"]
    assert {(each["status"], each["total"]) for each in invoices} == {("paid", _PRICE)}, invoices
    assert days // _DAYS_OF_A_MONTH + 1 <= len(invoices) <= days // 28 + 1, f"{len(invoices)} invoices"
