"""Notices when accepting a batch, or a single check, comes to cost twice what it did.

The server and the bare Flask view run side by side and are asked in turns, a little each time, so that whatever else
the machine does affects both: only the ratio of the two counts. The best of some tries counts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.children import Child, bare, load, server
from tests.benchmarks.results import median
from tests.benchmarks.rows import accept, single
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import batches, checks

#: The least share of the view's requests a second: half of what was reached when it was set last, and never more than
#: half of what has to be reached. Raise it with what is reached.
FLOORS = {"accept": min(0.075, accept.BOUND / 2), "check": min(0.23, single.BOUND / 2)}
_TRIES = 3
_TURNS = 3


def _share(ours: Child, theirs: Child, requests: list[bytes], count: int) -> float:
    """Our requests a second as a share of theirs, in the turn in the middle."""
    shares = []
    for _ in range(_TURNS):
        mine = load(ours, requests, count=count, stamped=True).per_second
        shares.append(mine / load(theirs, requests, count=2 * count, stamped=True).per_second)
    return median(shares)


@pytest.mark.parametrize(("name", "count"), [("accept", 30), ("check", 300)])
def test_request_rate_is_above_its_floor(name: str, count: int, tmp_path: Path) -> None:
    requests = batches() if name == "accept" else checks()
    with server(*Setting(tmp_path).options("--rate-limit", "off")) as ours, bare() as theirs:
        ours.pause()
        for each in (ours, theirs):
            load(each, requests, count=count // 3, stamped=True)
        shares: list[float] = []
        while len(shares) < _TRIES and max(shares, default=0.0) < FLOORS[name]:
            shares.append(_share(ours, theirs, requests, count))
    assert max(shares) >= FLOORS[name], f"{name}: the shares were {shares}"
