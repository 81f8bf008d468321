"""Prints a scenario while it is played, and the state at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autumn_mock.counting import count_of
from autumn_mock.scenarios.events import Event, StepBegins
from autumn_mock.scenarios.lines import StepLines
from autumn_mock.scenarios.model import Scenario, Step
from autumn_mock.scenarios.phrases import figure
from autumn_mock.scenarios.player import Summary
from autumn_mock.scenarios.target import BalanceReading, Place

#: Wider lines are hard to read.
_MAX_WIDTH = 100
#: The width of the label of an event.
_LABEL = 9
#: The width of the words and numbers beside a bar.
_FIGURES = 32


class Report:
    """Prints the events of a player."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, _MAX_WIDTH)
        self._lines = StepLines(is_ascii=console.options.ascii_only)

    def begin(self, scenario: Scenario, url: str, server_faults: Sequence[str] = ()) -> None:
        """Print the title, where it is played, and the faults of the whole server."""
        self._put()
        self._put(Text(scenario.title, "bold"))
        if scenario.story:
            self._put(Text(scenario.story))
        self._put(Text(f"In a new organisation on {url}, world {scenario.world}.", "dim"))
        for rule in server_faults:
            self._put(Text(f"Armed on the whole server, so it applies here too: {rule}", "bold yellow"))

    def end(self, scenario: Scenario, failed: Step | None, unmet: Sequence[str]) -> None:
        """Print the result."""
        count = len(scenario.steps)
        self._put()
        if failed is None:
            self._put(Text(f"{count_of(count, 'step')}, all as expected", "bold green"))
            return
        self._put(Text(f"Step {failed.number} of {count} is not as expected:", "bold red"))
        for sentence in unmet:
            self._put(Text(f"{scenario.path}:{failed.line}: {sentence}"))

    # -- steps

    def show(self, event: Event) -> None:
        """Print one event."""
        if isinstance(event, StepBegins):
            step = event.step
            self._put()
            title = Text(step.say or step.action.headline, "bold")
            self._put(_row(2, f"{step.number:>2}", title, "bold cyan", gap=2))
        for label, text, style in self._lines.of(event):
            self._put(Padding(_row(_LABEL, label, Text(text, style), style or "dim"), (0, 0, 0, 4)))

    # -- at the end

    def summarise(self, summary: Summary) -> None:
        """Print balances before and after, the counters, and the findings."""
        if summary.balances:
            self._title("Balances")
            self._put(_balances_table(summary.balances, self._width))
        self._title("Counters")
        self._put(_counters_table(summary.stats))
        self._title("Findings")
        if not summary.findings:
            self._put(Text("  None: the client kept to the contract."))
        cases: dict[str, list[Mapping[str, Any]]] = {}
        for finding in summary.findings:
            cases.setdefault(finding["code"], []).append(finding)
        for group in cases.values():
            self._put(_findings_table(group))

    def _title(self, title: str) -> None:
        self._put()
        self._put(Text(title, "bold underline" if self._console.is_terminal else "bold"))

    # -- printing

    def _put(self, what: RenderableType = "") -> None:
        """Print; without colours also without the blanks at the end of a table's lines."""
        if self._console.is_terminal:
            self._console.print(what, width=self._width)
            return
        with self._console.capture() as captured:
            self._console.print(what, width=self._width)
        text = "\n".join(line.rstrip() for line in captured.get().split("\n"))
        self._console.file.write(text)


def _row(width: int, label: str, text: Text, style: str, gap: int = 1) -> Table:
    row = Table.grid(padding=(0, gap, 0, 0))
    row.add_column(width=width, no_wrap=True, style=style)
    row.add_column(overflow="fold")
    row.add_row(label, text)
    return row


def _balances_table(balances: Mapping[Place, tuple[BalanceReading, BalanceReading]], width: int) -> Table:
    """Two bars for each balance, before and after, on one scale."""
    names = 2 + max(len(name) for place in balances for name in place)
    length = max(width - names - _FIGURES, 10)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=names)
    table.add_column(style="dim")
    table.add_column(width=length)
    table.add_column(justify="right")
    table.add_column(justify="right", style="bold")

    def bar(value: float, total: float, style: str) -> ProgressBar:
        return ProgressBar(max(total, 1), max(value, 0), length, complete_style=style, finished_style=style)

    for (customer, feature), (before, after) in balances.items():
        total = max(before.granted, before.remaining, after.granted, after.remaining)
        change = after.remaining - before.remaining
        name, left = Text(f"  {customer}", "bold"), figure(before.remaining)
        table.add_row(name, "before", bar(before.remaining, total, "cyan"), left)
        difference = figure(change, sign=True) if change else "no change"
        after_bar = bar(after.remaining, total, "magenta")
        table.add_row(f"  {feature}", "after", after_bar, figure(after.remaining), difference)
    return table


def _counters_table(stats: Mapping[str, Any]) -> Table:
    """The sums that always balance."""
    sums = {"offered": ("refused", "accepted"), "accepted": ("ready", "in_flight", "deducted", "lost")}
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


def _findings_table(cases: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Findings of one code: each case, and once why it matters."""
    first = cases[0]
    lines = Table.grid(padding=(0, 1, 0, 0))
    lines.add_column(width=8, style="dim")
    lines.add_column()
    for case in cases:
        lines.add_row("what" if case["certain"] else "probable", case["message"])
    lines.add_row("why", first["why"])
    lines.add_row("instead", Text(first["instead"], "green"))
    head = Text.assemble((f"  {first['title']}", "bold yellow"), (f"  {first['code']}", "dim"))
    return Group(head, Padding(lines, (0, 0, 0, 4)))
