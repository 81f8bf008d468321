"""``ten_million``: ten million items through one server, as fast as it takes them.

Database on, limiter off, 8 connections. 100 batches are sent and drained, again and again, so that the queue never
holds more than they are. The time of a tenth is that of its batches, from the first request to the answer of ``drain``,
and what checkpoints cost meanwhile is in it. Memory and stored events are read after each tenth.

``--max-events`` is a tenth of the items (the default of a million, for ten million): the first tenth fills the table,
and from then on each event drops an old one. Quick, all of it is a twentieth.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from tests.benchmarks.children import Child, load, server
from tests.benchmarks.results import Result, at_most
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import SIZE, batches

_BATCH_SIZE = 100
_AGGREGATE = {"feature_id": "messages", "range": "30d", "bin_size": "month"}


def measure(setting: Setting) -> Iterator[Result]:
    """Four results."""
    count = setting.pick(10_000_000, 500_000) // SIZE
    most = count * SIZE // 10
    tenths: list[float] = []
    cpu: list[float] = []
    memory: list[float] = []
    events: list[int] = []
    with server(*setting.options("--rate-limit", "off", "--max-events", str(most))) as child:
        load(child, batches(), count=8, stamped=True)
        child.drain()
        memory.append(child.memory)
        for tenth in range(10):
            batches_at_once, used = min(_BATCH_SIZE, count // 10), child.cpu
            tenths.append(sum(_seconds(child, batches_at_once) for _ in range(count // 10 // batches_at_once)))
            cpu.append(child.cpu - used)
            memory.append(child.memory)
            events.append(_stored(child))
            print(f"ten_million: {tenth + 1} of 10 tenths", file=sys.stderr)
        child.require_deducted(count + 8)
        journal = len(child.call("/_mock/requests", keyed=False)["list"])
    per_batch = [round(each / (count // 10) * 1000, 2) for each in tenths]
    details = {
        "items": count * SIZE,
        "ms_per_batch_by_tenth": per_batch,
        # Of a core: does not depend on what else the machine does.
        "cpu_ms_per_batch_by_tenth": [round(each / (count // 10) * 1000, 2) for each in cpu],
        "items_per_s": round(count * SIZE / sum(tenths)),
    }
    yield Result("ten_million", per_batch[-1] / per_batch[0], "times the first tenth", at_most(1.15), details)
    # From the second tenth on no more is stored than before; a leak of each item would still show.
    grown = {"memory_mb_by_tenth": memory, "max_events": most}
    yield Result("ten_million.memory", memory[-1] / memory[5], "times that after five tenths", at_most(1.15), grown)
    # Housekeeping comes once a second, and events come meanwhile.
    rate = round(count * SIZE / 10 / min(tenths))
    beyond = max(events) - most
    yield Result("ten_million.events", beyond, "beyond --max-events", at_most(2 * rate), {"by_tenth": events})
    yield Result("ten_million.journal", journal, "entries", at_most(1000))


def _seconds(child: Child, count: int) -> float:
    report = load(child, batches(), count=count, stamped=True, answers=202)
    child.drain()
    return time.monotonic() - report.started


def _stored(child: Child) -> int:
    totals = child.call("/v1/events.aggregate", _AGGREGATE)["total"]
    return int(totals["messages"]["count"])
