"""``million_events``: questions about a million stored events of 1000 customers and thirty days.

One connection, one question at a time, the same again and again; the first answer does not count, and stands in the
details. The events are in the file that the server is started with, and nothing else goes on. Each question is asked
about all customers, and about one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.benchmarks.children import load, server
from tests.benchmarks.results import Result, at_most, median, percentile
from tests.benchmarks.setting import Setting
from tests.benchmarks.stored import CUSTOMERS, stored_events
from tests.benchmarks.traffic import compact, customer, http_request

LIST, AGGREGATE = "/v1/events.list", "/v1/events.aggregate"
_MONTH = {"feature_id": "messages", "range": "30d"}
QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "list": (LIST, {}),
    "list_filtered": (LIST, {"feature_id": "calls", "limit": 1000}),
    "aggregate": (AGGREGATE, _MONTH),
    "aggregate_grouped": (AGGREGATE, {**_MONTH, "group_by": "properties.model"}),
    "aggregate_by_customer": (AGGREGATE, {**_MONTH, "group_by": "$customer_id"}),
    "aggregate_filtered": (AGGREGATE, {**_MONTH, "filter_by": {"region": "eu"}}),
}


def measure(setting: Setting) -> Iterator[Result]:
    """A result for each question, about all customers and about one."""
    count = setting.pick(1_000_000, 100_000)
    path = stored_events(setting.scratch, count)
    world = str(setting.scratch / "stored-world.json")
    with server("--db", str(path), "--world", world, "--rate-limit", "off") as child:
        memory = child.memory
        for name, (call, asked) in QUESTIONS.items():
            for who, whose in (("", {}), (".one_customer", {"customer_id": customer(CUSTOMERS // 2)})):
                requests = [http_request(call, compact({**asked, **whose}))]
                first = load(child, requests, count=1, connections=1).latencies[0]
                times = load(child, requests, seconds=setting.pick(10.0, 1.5), connections=1).latencies
                details = {
                    "events": count,
                    "first_ms": round(first, 2),
                    "p50_ms": round(median(times), 2),
                    "asked": len(times),
                    "memory_mb": memory,
                }
                yield Result(f"million_events.{name}{who}", percentile(times, 0.99), "ms p99", at_most(50), details)
