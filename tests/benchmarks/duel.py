"""Several servers asked the same, in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.benchmarks.children import Child, bare, load
from tests.benchmarks.generator import Report
from tests.benchmarks.results import median, shortened

#: The sides of a duel: the server, and a view that only reads the body.
OURS, BARE = "ours", "bare"


@dataclass(frozen=True)
class Side:
    """One of those that are compared: how to start it, and how many requests it is sent in one round."""

    start: Callable[[], AbstractContextManager[Child]]
    count: int
    prepare: Callable[[Child], None] = lambda _: None


@dataclass(frozen=True)
class Outcome:
    """What every side did, round by round."""

    rounds: Mapping[str, list[Report]]
    #: Milliseconds of a core for one request, on the server's side.
    cpu: Mapping[str, list[float]]

    def ratios(self, than: str = BARE) -> list[float]:
        """Our replies a second as a share of another side's."""
        return [a.per_second / b.per_second for a, b in zip(self.rounds[OURS], self.rounds[than], strict=True)]

    def ratio(self, than: str = BARE) -> float:
        """That of the round in the middle."""
        return median(self.ratios(than))

    def details(self, scale: int = 1) -> dict[str, object]:
        """What was measured; ``scale``: things in a request."""
        rates = {
            f"{name}_per_s": round(median([each.per_second for each in reports]) * scale)
            for name, reports in self.rounds.items()
        }
        against = self.rounds[BARE]
        cpu = {name: median(each) for name, each in self.cpu.items()}
        return {
            **rates,
            # What a request costs the server of a core, which does not depend on what else the machine does.
            "cpu_ms": {name: shortened(each) for name, each in cpu.items()},
            "cpu_ratio": shortened(cpu[BARE] / cpu[OURS]) if cpu[OURS] else None,
            "rounds": [round(each, 3) for each in self.ratios()],
            "ours_p50_ms": round(median([time for each in self.rounds[OURS] for time in each.latencies]), 2),
            # The generator against the bare view: how much of a core it took, and what it could do with a whole one.
            "generator_share_of_core": round(median([each.share_of_core for each in against]), 2),
            "generator_ceiling_per_s": round(median([each.ceiling for each in against]) * scale),
        }


def duel(ours: Side, requests: list[bytes], rounds: int, *, bare_count: int, warm: int = 16) -> Outcome:
    """The server and the bare view, ``rounds`` times in turns; see :func:`compare`."""
    return compare({OURS: ours, BARE: Side(bare, bare_count)}, requests, rounds, warm)


def compare(sides: Mapping[str, Side], requests: list[bytes], rounds: int, warm: int = 16) -> Outcome:
    """Each side, started anew for each round and alone while it runs; its first ``warm`` requests do not count."""
    found: dict[str, list[Report]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            with side.start() as child:
                side.prepare(child)
                load(child, requests, count=warm, stamped=True)
                used = child.cpu
                found[name].append(load(child, requests, count=side.count, stamped=True))
                cpu[name].append((child.cpu - used) * 1000 / side.count)
    return Outcome(found, cpu)
