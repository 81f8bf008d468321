"""``documented_limit``: 10 batches of 1000 a second, as the documentation allows, and 50 checks a second beside them.

Database and limiter on. Three clients, each a process: one sends a batch every 101 ms, one a check every 20 ms, one
asks for ``/_mock/stats`` every 20 ms. All of them send when it is time, however long replies take.

A window of the limiter begins with its first request, so windows are a little longer than a second apart, and exactly
ten requests a second fall behind for ever. Hence the 101 ms. Still jitter may put an eleventh request into a window;
its 429 is not an answer, and it is sent again 5 ms later (``resent``).

Reply: from sending a request to its reply. ``since_due`` counts from when it was due, and so the waits for a window.

Queue lag, of each batch: from its 202 to the first reading of the stats that shows as many items deducted as were
accepted up to then. So it is that of the batch's last item, and up to 20 ms too long.

What the machine itself does to such times is shown by a fourth client, which asks an idle bare view 50 times a second
all the while: ``bare_p99_ms``.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.children import Generator, bare, server
from tests.benchmarks.generator import Plan, Report
from tests.benchmarks.results import Result, at_most, median, percentile
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import SIZE, batches, checks, http_request

BATCHES, CHECKS, READINGS = 9.9, 50, 50
#: Seconds for which the queue is read after the last batch.
_REST = 3


def measure(setting: Setting) -> Iterator[Result]:
    """Four results."""
    seconds = setting.pick(60, 10)
    with server(*setting.options()) as child, bare() as idle:
        memory = child.memory
        clients = [
            Generator(
                Plan(
                    child.port,
                    batches(),
                    connections=4,
                    count=int(seconds * BATCHES),
                    rate=BATCHES,
                    stamped=True,
                    again={429: 0.005},
                )
            ),
            Generator(Plan(child.port, checks(), connections=4, seconds=seconds, rate=CHECKS)),
            Generator(
                Plan(
                    child.port,
                    [http_request("/_mock/stats")],
                    connections=1,
                    seconds=seconds + _REST,
                    rate=READINGS,
                    keeps_bodies=True,
                )
            ),
        ]
        control = Generator(Plan(idle.port, checks(), connections=4, seconds=seconds, rate=CHECKS))
        sent, checked, readings = [each.report() for each in clients]
        noise = control.report().latencies
        stats = child.drain()
        details = {"seconds": seconds, "memory_mb": [memory, child.memory]}
    lags = _lags(sent, readings)
    refused = stats["refused"] + sum(n for status, n in sent.statuses.items() if status not in (202, 429))
    refused += sum(n for status, n in checked.statuses.items() if status != 200)
    details |= {"accepted": stats["accepted"], "deducted": stats["deducted"]}
    yield _times("documented_limit.reply", sent, {**details, "resent": sent.resent})
    yield _times("documented_limit.check", checked, {"bare_p99_ms": round(percentile(noise, 0.99), 2)})
    yield Result("documented_limit.lag", percentile(lags, 0.99), "ms p99", at_most(250), _spread(lags))
    yield Result("documented_limit.refused", refused, "refused", at_most(0), {"statuses": sent.statuses})


def _times(name: str, report: Report, details: dict[str, Any]) -> Result:
    times = report.latencies
    details = {**details, **_spread(times), "since_due_p99_ms": round(percentile(report.since_due, 0.99), 2)}
    return Result(name, percentile(times, 0.99), "ms p99", at_most(25), details)


def _spread(times: list[float]) -> dict[str, float]:
    return {"p50_ms": round(median(times), 2), "max_ms": round(max(times), 2), "count": len(times)}


def _lags(sent: Report, readings: Report) -> list[float]:
    """How long after each 202 its items were deducted (ms)."""
    deducted = [json.loads(body)["deducted"] for body in readings.bodies]
    lags = []
    for number, moment in enumerate(sorted(sent.moments), start=1):
        seen = bisect_left(deducted, number * SIZE)
        assert seen < len(deducted), f"batch {number} was not deducted while the stats were read"
        lags.append(max(readings.moments[seen] - moment, 0.0) * 1000)
    return lags
