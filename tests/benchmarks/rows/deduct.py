"""``deduct``: items accepted, deducted and durable, from the first request to the answer of ``drain``.

Database on, limiter off, workers at work, 100 customers, 8 connections that send batches of 1000 as fast as they are
answered. Every item has to be deducted. The ratio is to the 86 items/s of the real server, run locally.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.children import load, server
from tests.benchmarks.results import Result, at_least, median
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import SIZE, batches

#: Items/s of the real server.
REAL = 86


def measure(setting: Setting) -> Iterator[Result]:
    """Two results."""
    count, rounds = setting.pick(400, 100), setting.pick(3, 1)
    rates, accepted, cpu = [], [], []
    for _ in range(rounds):
        with server(*setting.options("--rate-limit", "off")) as child:
            load(child, batches(), count=8, stamped=True)
            child.drain()
            used = child.cpu
            report = load(child, batches(), count=count, stamped=True)
            child.drain()
            rates.append(count * SIZE / (time.monotonic() - report.started))
            cpu.append((child.cpu - used) / (count * SIZE) * 1e6)
            accepted.append(report.per_second * SIZE)
            child.require_deducted(count + 8)
    details = {
        "batches": count,
        "rounds": [round(each) for each in rates],
        "accepted_per_s_meanwhile": round(median(accepted)),
        # Of a core: does not depend on what else the machine does.
        "cpu_us_per_item": round(median(cpu), 1),
    }
    yield Result("deduct", median(rates), "items/s", at_least(40_000), details)
    yield Result("deduct.ratio", median(rates) / REAL, "times the real server", at_least(400), {"real_per_s": REAL})
