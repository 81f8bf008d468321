"""The page of the documentation that shows the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.measure import Figure
from tests.benchmarks.peers.servers import PEERS
from tests.benchmarks.results import shortened

PAGE = Path(__file__).parents[3] / "autumn_mock" / "docs" / "peers.md"

#: Row to its title, the unit of the figure, and what one unit of CPU time is for.
ROWS: Mapping[str, tuple[str, str, str]] = {
    "start": ("Start, to the first right answer", "ms", "start"),
    "batch": ("A batch of 1000 items, 112 801 bytes, validated and answered", "batches/s", "batch"),
    "single": ("A batch of one item, validated and answered", "requests/s", "request"),
    "memory": ("Memory after a million items", "MB", ""),
    "queue": ("Items through a queue, from the request to deducted or deleted", "items/s", "item"),
}


def page(figures: Sequence[Figure], ran_on: Mapping[str, Any], day: date) -> str:
    """The page, from the figures of one run."""
    machine = "{cores} cores, {ram_gb} GB, Python {python}, {system}, load {load} at the start".format(**ran_on)
    parts = [
        "# Figures beside other servers",
        "What this server and others need for work that both do, measured in one run, in turns, on the same machine. "
        "Rates differ between machines; CPU time is that of all processes of a server, for one unit of the work.",
        f"Made on {day.isoformat()} by `python -m tests.benchmarks --peers`: {machine}. The load comes from another "
        "process, with 8 connections.",
        "| server | what it does with a batch |\n|---|---|\n"
        + "\n".join(f"| {_name(peer.name, peer.package)} | {peer.does} |" for peer in PEERS),
    ]
    for row, (title, unit, of) in ROWS.items():
        parts += [f"## {title}", _table([each for each in figures if each.row == row], unit, of)]
    parts.append(
        "In the tables of batches this server also queues the items; they are deducted after the measurement, and that "
        "work is in the last table. Its events stay in memory, and the other mocks forget a request with its answer. "
        "The queue of fauxqs is filled, received and deleted in groups of ten, the most that its protocol allows; both "
        "queues are in memory."
    )
    return "\n\n".join(parts) + "\n"


def _name(name: str, package: str) -> str:
    return f"{name} {package.rpartition('@')[2]}" if package else name


def _table(figures: Sequence[Figure], unit: str, of: str) -> str:
    lines = [f"| server | {unit} |" + (f" CPU for one {of} |" if of else ""), "|---|---|" + ("---|" if of else "")]
    for each in figures:
        cells = [_name(each.peer.name, each.peer.package), f"{shortened(each.figure):,g}".replace(",", " ")]
        if each.cpu_us is not None:
            cells.append(_time(each.cpu_us))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _time(microseconds: float) -> str:
    if microseconds < 1000:
        return f"{shortened(microseconds):g} µs"
    return f"{shortened(microseconds / 1000):g} ms"
