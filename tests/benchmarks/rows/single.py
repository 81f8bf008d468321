"""``track`` and ``check``: single calls on 8 connections, beside a bare Flask view that is sent the same bytes.

Database on, limiter off, 100 customers in turn. Both sides are started anew for each round and measured in turns; the
figure is the ratio of the round in the middle.

The bound is out of reach: a request to the bare view costs 0.24 ms of a core, 0.09 ms of it in Flask. What it leaves
for authentication, version, limit, journal, validation and the call itself is a tenth of a millisecond; a check takes
0.2 ms for them, a track 0.3 ms.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.children import server
from tests.benchmarks.duel import Side, duel
from tests.benchmarks.results import Result, at_least
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import bytes_of, checks, tracks

#: The least share.
BOUND = 0.7


def track(setting: Setting) -> Iterator[Result]:
    """One result."""
    yield _measured("track", tracks(), setting)


def check(setting: Setting) -> Iterator[Result]:
    """One result."""
    yield _measured("check", checks(), setting)


def _measured(name: str, requests: list[bytes], setting: Setting) -> Result:
    ours = Side(lambda: server(*setting.options("--rate-limit", "off")), setting.pick(4000, 1000))
    outcome = duel(ours, requests, setting.pick(5, 2), bare_count=setting.pick(8000, 2000), warm=200)
    details = {"body_bytes": bytes_of(requests), **outcome.details()}
    return Result(name, outcome.ratio(), "of a bare view's requests/s", at_least(BOUND), details)
