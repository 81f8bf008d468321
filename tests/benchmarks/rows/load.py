"""``load``: from starting a server with a file of a million events to the line that says that it is ready."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.children import server
from tests.benchmarks.results import Result, at_most, median
from tests.benchmarks.setting import Setting
from tests.benchmarks.stored import stored_events

_MILLION = 1_000_000


def measure(setting: Setting) -> Iterator[Result]:
    """One result. Quick, it is a tenth of the events in a tenth of the time."""
    count = setting.pick(_MILLION, _MILLION // 10)
    path = stored_events(setting.scratch, count)
    times = []
    for _ in range(setting.pick(3, 1)):
        started = time.monotonic()
        with server("--db", str(path)) as child:
            times.append(time.monotonic() - started)
            memory = child.memory
    details = {
        "events": count,
        "file_mb": round(path.stat().st_size / (1 << 20)),
        "rounds": [round(each, 2) for each in times],
        "memory_mb": memory,
    }
    yield Result("load", median(times), "s", at_most(5 * count / _MILLION), details)
