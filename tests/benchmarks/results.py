"""A figure, what it has to reach, and how figures are shown."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Bound:
    """What a figure has to reach."""

    figure: float
    is_least: bool

    def holds(self, figure: float) -> bool:
        """Whether a figure reaches it."""
        return figure >= self.figure if self.is_least else figure <= self.figure

    def __str__(self) -> str:
        return f"{'>=' if self.is_least else '<='} {self.figure:g}"


def at_least(figure: float) -> Bound:
    """No less than that."""
    return Bound(figure, is_least=True)


def at_most(figure: float) -> Bound:
    """No more than that."""
    return Bound(figure, is_least=False)


@dataclass(frozen=True)
class Result:
    """One figure. Without a bound it is there to be known."""

    name: str
    figure: float
    unit: str
    bound: Bound | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        """Whether the bound holds; None without one."""
        return None if self.bound is None else self.bound.holds(self.figure)

    def document(self) -> dict[str, Any]:
        """What is written of it."""
        return {
            "name": self.name,
            "figure": shortened(self.figure),
            "unit": self.unit,
            "bound": str(self.bound) if self.bound is not None else None,
            "reached": self.reached,
            "details": self.details,
        }

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(self.document())


def shortened(figure: float) -> float:
    """A figure with four digits that say something, or all before the point."""
    return round(figure) if abs(figure) >= 1000 else float(f"{figure:.4g}")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def median(values: Sequence[float]) -> float:
    """The value in the middle."""
    return statistics.median(values)


def machine() -> dict[str, Any]:
    """What all of it ran on."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "cores": os.cpu_count(),
        "ram_gb": round(gigabytes, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
    }


def table(results: Sequence[Result], ran_on: dict[str, Any]) -> str:
    """All figures, for people."""
    rows = [("figure", "measured", "must reach", "")]
    for each in results:
        verdict = {True: "reached", False: "NOT reached", None: ""}[each.reached]
        bound = str(each.bound) if each.bound is not None else ""
        rows.append((each.name, f"{shortened(each.figure):g} {each.unit}", bound, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    size = "{cores} cores, {ram_gb} GB, Python {python}, {system}, load {load} at the start".format(**ran_on)
    return "\n".join([*lines, "", size])
