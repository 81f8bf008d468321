"""``fsync``: what waiting for the disk costs, with and without ``--fsync`` in turns.

Batches/s accepted with the workers paused, items/s accepted and deducted, and single tracks/s; all on 8 connections.
The figure is the share that is left with ``--fsync``. There is nothing to reach: it depends on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from tests.benchmarks.children import Child, load, server
from tests.benchmarks.results import Result, median
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import SIZE, batches, tracks


def measure(setting: Setting) -> Iterator[Result]:
    """Three results."""
    rounds = setting.pick(3, 1)
    batched, single = setting.pick(100, 30), setting.pick(1000, 300)

    def accepted(child: Child) -> float:
        child.pause()
        return load(child, batches(), count=batched, stamped=True).per_second

    def deducted(child: Child) -> float:
        report = load(child, batches(), count=batched, stamped=True)
        child.drain()
        return batched * SIZE / (time.monotonic() - report.started)

    def tracked(child: Child) -> float:
        return load(child, tracks(), count=single).per_second

    kinds: dict[str, tuple[str, Callable[[Child], float]]] = {
        "accept": ("batches/s", accepted),
        "deduct": ("items/s", deducted),
        "track": ("tracks/s", tracked),
    }
    for name, (unit, rate) in kinds.items():
        found: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(rounds):
            for waits in (False, True):
                flags = ["--fsync"] if waits else []
                with server(*setting.options("--rate-limit", "off", *flags)) as child:
                    found[waits].append(rate(child))
        without, with_it = median(found[False]), median(found[True])
        details = {"with": round(with_it, 1), "without": round(without, 1), "of": unit}
        yield Result(f"fsync.{name}", with_it / without, f"of the {unit} without", None, details)
