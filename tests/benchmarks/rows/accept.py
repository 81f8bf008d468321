"""``accept``: batches of 1000 accepted, beside a bare Flask view on the same server.

Database on, limiter off, workers paused, 8 connections, bodies of 112 801 bytes. All sides are started anew for each
round and measured in turns; the figure is the ratio of the round in the middle. What is accepted stays in memory, so a
round is short: ``--max-queue`` would refuse what goes beyond half a million items.

``accept.parsed`` is the share of a view that also parses the JSON, without validating it.

The bound is out of reach for a view that parses the items: that view alone is at 0.34. The read-only view costs 0.5 ms
of a core for a batch, parsing 1 ms more, and checking, keeping and queueing a thousand items 2 ms, a third of which the
kernel needs for fresh memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.children import Child, bare, server
from tests.benchmarks.duel import BARE, OURS, Side, compare
from tests.benchmarks.results import Result, at_least
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import SIZE, batches

#: The least share.
BOUND = 0.6
_PARSING = "parsing"


def measure(setting: Setting) -> Iterator[Result]:
    """Two results."""
    count = setting.pick(300, 100)

    def start() -> Child:
        return server(*setting.options("--rate-limit", "off"))

    sides = {
        OURS: Side(start, count, Child.pause),
        BARE: Side(bare, setting.pick(1500, 500)),
        _PARSING: Side(lambda: bare("--parse"), count),
    }
    outcome = compare(sides, batches(), setting.pick(5, 2))
    details = {"batches": count, "max_queue": 500_000, **outcome.details(SIZE)}
    yield Result("accept", outcome.ratio(), "of a bare view's items/s", at_least(BOUND), details)
    yield Result("accept.parsed", outcome.ratio(_PARSING), "of those of a view that parses")
