"""This checkout beside another one, in one run: CPU time and rate of each hot path, and of the start.

    python -m tests.benchmarks --against DIR [NAME ...] [--quick] [--json FILE]

Both run in this interpreter with its installed packages. Their servers run at the same time and are measured in short
turns, so that both meet the same machine: database on, limiter off, 8 connections. CPU time is that of the server
process, which other load on the machine distorts little; a ratio below 1 means that this checkout needs less.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.children import Child, child_environment, load, server
from tests.benchmarks.results import median, shortened
from tests.benchmarks.setting import Setting
from tests.benchmarks.stored import stored_events
from tests.benchmarks.traffic import BATCH, SIZE, batches, checks, tracks

if sys.platform != "win32":
    import resource


@dataclass
class Side:
    """One checkout: where it is, and what was measured of it."""

    root: Path
    #: Seconds of a core, seconds of time, and things done, of each turn.
    turns: list[tuple[float, float, int]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a server that runs the code of this checkout."""
        return {**child_environment(), "PYTHONPATH": str(self.root)}

    @property
    def cpu(self) -> float:
        """Microseconds of a core for one thing, over all turns."""
        return sum(cpu for cpu, _, _ in self.turns) / sum(count for _, _, count in self.turns) * 1e6

    @property
    def rate(self) -> float:
        """Things a second, of the median turn."""
        return median([count / seconds for _, seconds, count in self.turns])


@dataclass(frozen=True)
class Comparison:
    """One figure of both sides."""

    name: str
    unit: str
    ours: Side
    theirs: Side

    def document(self) -> dict[str, object]:
        """The figures and their ratios, ours by theirs."""
        return {
            "name": self.name,
            "of": self.unit,
            "cpu_us": [shortened(self.ours.cpu), shortened(self.theirs.cpu)],
            "cpu_ratio": round(self.ours.cpu / self.theirs.cpu, 3),
            "per_s": [shortened(self.ours.rate), shortened(self.theirs.rate)],
            "rate_ratio": round(self.ours.rate / self.theirs.rate, 3),
            "turns": len(self.ours.turns),
        }


def single(name: str, requests: list[bytes]) -> Callable[[Setting, Path, Path], Iterator[Comparison]]:
    """Single calls, one customer after the other."""

    def measure(setting: Setting, ours: Path, theirs: Path) -> Iterator[Comparison]:
        count = setting.pick(800, 300)
        sides = Side(ours), Side(theirs)
        with _servers(setting, sides) as children:
            for child in children:
                load(child, requests, count=400)
            for side, child in _turns(setting.pick(16, 6), sides, children):
                used = child.cpu
                report = load(child, requests, count=count)
                side.turns.append((child.cpu - used, report.seconds, count))
        yield Comparison(name, "request", *sides)

    return measure


def queued(setting: Setting, ours: Path, theirs: Path) -> Iterator[Comparison]:
    """Batches of 1000 items: accepted with the workers paused, then deducted and durable."""
    count = setting.pick(40, 15)
    accept, deduct = (Side(ours), Side(theirs)), (Side(ours), Side(theirs))
    requests = batches()
    with _servers(setting, accept) as children:
        for child in children:
            load(child, requests, count=10, stamped=True)
            child.drain()
        for side, child in _turns(setting.pick(10, 4), accept, children):
            child.pause()
            used = child.cpu
            report = load(child, requests, count=count, stamped=True, answers=202)
            side.turns.append((child.cpu - used, report.seconds, count))
            used, began = child.cpu, time.monotonic()
            child.call("/_mock/queue", {"paused": False}, keyed=False)
            child.drain()
            turn = (child.cpu - used, time.monotonic() - began, count * SIZE)
            deduct[accept.index(side)].turns.append(turn)
    yield Comparison("accept", "batch", *accept)
    yield Comparison("deduct", "item", *deduct)


def start(setting: Setting, ours: Path, theirs: Path) -> Iterator[Comparison]:
    """From starting a server to its first accepted batch, with compiled modules."""
    sides = Side(ours), Side(theirs)
    environments = _compiling(setting, sides)
    for environment in environments:
        _first_answer(environment)
    for turn in range(setting.pick(15, 5)):
        for number in _order(turn):
            sides[number].turns.append(_first_answer(environments[number]))
    yield Comparison("start", "start", *sides)


def loading(setting: Setting, ours: Path, theirs: Path) -> Iterator[Comparison]:
    """From starting a server with a database of many events to its first accepted batch, with compiled modules.

    The database is one that the other checkout has written: an older one may not read what this one writes.
    """
    sides = Side(ours), Side(theirs)
    path = stored_events(setting.scratch, setting.pick(1_000_000, 100_000), sides[1].environment)
    environments = _compiling(setting, sides)
    for environment in environments:
        _first_answer(environment, path)
    for turn in range(setting.pick(8, 10)):
        for number in _order(turn):
            sides[number].turns.append(_first_answer(environments[number], path))
    yield Comparison("load", "start", *sides)


def _compiling(setting: Setting, sides: tuple[Side, Side]) -> list[dict[str, str]]:
    """The environments of servers that leave compiled modules for the next start, whatever this process does."""
    return [
        {
            **side.environment,
            "PYTHONPYCACHEPREFIX": str(setting.scratch / f"compiled-{number}"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        for number, side in enumerate(sides)
    ]


def _first_answer(environment: dict[str, str], database: Path | None = None) -> tuple[float, float, int]:
    """What a start takes: CPU seconds of the whole process, seconds, and 1.

    ``database``: with a copy of this file.
    """
    with tempfile.TemporaryDirectory(prefix="autumn-mock-bench-") as folder:
        options = ["--db", shutil.copy(database, folder)] if database is not None else []
        used, began = _children_cpu(), time.monotonic()
        with server(*options, env=environment) as child:
            child.call(BATCH, [{"customer_id": "cus_123", "feature_id": "messages"}])
            seconds = time.monotonic() - began
    return _children_cpu() - used, seconds, 1


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _servers(setting: Setting, sides: tuple[Side, Side]) -> Iterator[list[Child]]:
    """A server of each side, all running for the block."""
    with ExitStack() as stack:
        options = (setting.options("--rate-limit", "off") for _ in sides)
        yield [
            stack.enter_context(server(*each, env=side.environment)) for side, each in zip(sides, options, strict=True)
        ]


def _order(turn: int) -> tuple[int, int]:
    """Who is first alternates."""
    return (0, 1) if turn % 2 == 0 else (1, 0)


def _turns(count: int, sides: tuple[Side, Side], children: list[Child]) -> Iterator[tuple[Side, Child]]:
    for turn in range(count):
        for number in _order(turn):
            yield sides[number], children[number]


MEASUREMENTS: dict[str, Callable[[Setting, Path, Path], Iterator[Comparison]]] = {
    "track": single("track", tracks()),
    "check": single("check", checks()),
    "accept": queued,
    "deduct": queued,
    "start": start,
    "load": loading,
}


def run(names: list[str], other: Path, setting: Setting) -> list[Comparison]:
    """Measure, print a line of JSON for each figure and a table at the end."""
    assert (other / "autumn_mock" / "__init__.py").is_file(), f"{other} is not a checkout of autumn-mock"
    ours = Path(__file__).parents[2]
    found = []
    for measure in dict.fromkeys(MEASUREMENTS[name] for name in names or MEASUREMENTS):
        for comparison in measure(setting, ours, other.resolve()):
            if not names or comparison.name in names:
                found.append(comparison)
                print(json.dumps(comparison.document()), flush=True)
    print(f"\n{'':8}{'CPU us, ours / theirs':>26}{'ratio':>8}{'per second':>24}{'ratio':>8}")
    for each in found:
        cpu = f"{shortened(each.ours.cpu):g} / {shortened(each.theirs.cpu):g}"
        rate = f"{shortened(each.ours.rate):g} / {shortened(each.theirs.rate):g}"
        cpu_ratio, rate_ratio = each.ours.cpu / each.theirs.cpu, each.ours.rate / each.theirs.rate
        print(f"{each.name:8}{cpu:>26}{cpu_ratio:>8.3f}{rate:>24}{rate_ratio:>8.3f}")
    return found
