"""``drain``: how long after the last deduction the answer is there.

A batch is accepted, ``drain`` is asked for on another connection, and its answer timed. The last deduction is what was
written to the log last: the server stamps the time of that into a file (:mod:`tests.benchmarks.stamped`), which is read
once the answer is there. Both times are of one monotonic clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.children import load, stamped
from tests.benchmarks.results import Result, at_most, median, percentile
from tests.benchmarks.setting import Setting
from tests.benchmarks.stamped import read_stamp
from tests.benchmarks.traffic import batches


def measure(setting: Setting) -> Iterator[Result]:
    """One result."""
    rounds = setting.pick(200, 40)
    stamp = setting.scratch / "stamp"
    times = []
    waits = []
    with stamped(*setting.options("--rate-limit", "off"), stamp=stamp) as child:
        for number in range(rounds):
            load(child, batches(), count=1 + number % 3, stamped=True, connections=1)
            asked = time.monotonic()
            child.drain()
            answered = time.monotonic()
            last = read_stamp(stamp)
            waits.append(last > asked)
            # When all was deducted before, it is the whole call that took so long.
            times.append((answered - max(last, asked)) * 1000)
    details = {
        "p50_ms": round(median(times), 2),
        "max_ms": round(max(times), 2),
        "rounds": rounds,
        "had_to_wait": sum(waits),
    }
    yield Result("drain", percentile(times, 0.99), "ms p99", at_most(5), details)
