"""How things stand at the end of a scenario: balances as bars, the books as sums, findings with what to do instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autumn_mock.scenarios.phrases import figure
from autumn_mock.scenarios.target import BalanceReading, Place

#: Of the words and figures beside a bar.
_FIGURES = 32


def balances_table(balances: Mapping[Place, tuple[BalanceReading, BalanceReading]], width: int) -> Table:
    """Two bars for each balance, one above the other, on the scale of what was granted."""
    names = 2 + max(len(name) for place in balances for name in place)
    length = max(width - names - _FIGURES, 10)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=names)
    table.add_column(style="dim")
    table.add_column(width=length)
    table.add_column(justify="right")
    table.add_column(justify="right", style="bold")
    for (customer, feature), (before, after) in balances.items():
        total = max(before.granted, before.remaining, after.granted, after.remaining)
        change = after.remaining - before.remaining
        table.add_row(
            Text(f"  {customer}", "bold"),
            "before",
            _bar(before.remaining, total, length, "cyan"),
            figure(before.remaining),
        )
        table.add_row(
            f"  {feature}",
            "after",
            _bar(after.remaining, total, length, "magenta"),
            figure(after.remaining),
            figure(change, sign=True) if change else "no change",
        )
    return table


def _bar(value: float, total: float, length: int, style: str) -> ProgressBar:
    return ProgressBar(
        total=max(total, 1), completed=max(value, 0), width=length, complete_style=style, finished_style=style
    )


def books_table(stats: Mapping[str, Any]) -> Table:
    """The sums that always balance."""
    sums = {
        "offered": ("refused", "accepted"),
        "accepted": ("ready", "in_flight", "deducted", "lost"),
    }
    rows = [(each, {part.replace("_", " "): stats[part] for part in parts}) for each, parts in sums.items()]
    if stats["lost"]:
        rows.append(("lost", stats["lost_by_reason"]))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(min_width=7, justify="right")
    table.add_column()
    table.add_column()
    for name, parts in rows:
        table.add_row(str(stats[name]), name, "= " + " + ".join(f"{count} {part}" for part, count in parts.items()))
    return table


def finding_table(cases: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Findings of one code: each case, and once why it matters."""
    first = cases[0]
    lines = Table.grid(padding=(0, 1, 0, 0))
    lines.add_column(width=8, style="dim")
    lines.add_column()
    for case in cases:
        lines.add_row("what" if case["certain"] else "perhaps", case["message"])
    lines.add_row("why", first["why"])
    lines.add_row("instead", Text(first["instead"], "green"))
    head = Text.assemble((f"  {first['title']}", "bold yellow"), (f"  {first['code']}", "dim"))
    return Group(head, Padding(lines, (0, 0, 0, 4)))
