"""How a scenario looks on a screen while it is played, and how things stand at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autumn_mock.scenarios.events import (
    BalanceChanged,
    Done,
    Event,
    Happening,
    ReplyReceived,
    StepBegins,
    StepEnds,
    Waited,
)
from autumn_mock.scenarios.model import Action, Scenario, Send, Step
from autumn_mock.scenarios.phrases import (
    content_of,
    figure,
    headline,
    manners,
    outcome_of,
    request,
    tone_of,
    wait_of,
    way_of,
)
from autumn_mock.scenarios.player import Summary
from autumn_mock.scenarios.tables import balances_table, books_table, finding_table

#: Wider is hard to read.
_WIDEST = 100
#: Of the words in front of what happens.
_LABEL = 9


class Report:
    """Prints events as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, _WIDEST)
        is_plain = console.options.ascii_only
        self._met, self._unmet = ("ok", "FAIL") if is_plain else ("✓", "✗")
        self._arrow = "->" if is_plain else "→"
        #: What the present step does.
        self._action: Action | None = None
        #: The requests of a step that makes many calls: they are told together when it ends.
        self._burst: list[ReplyReceived | Waited] = []

    # -- the frame

    def begin(self, scenario: Scenario, url: str, server_faults: Sequence[str] = ()) -> None:
        """Say what is played, where, and which faults of the whole server strike it, too."""
        self._put()
        self._put(Text(scenario.title, "bold"))
        if scenario.story:
            self._put(Text(scenario.story))
        self._put(Text(f"In an organisation of its own on {url}, world {scenario.world}.", "dim"))
        for rule in server_faults:
            self._put(Text(f"Armed on the whole server, and so here as well: {rule}", "bold yellow"))

    def end(self, scenario: Scenario, failed: Step | None, unmet: Sequence[str]) -> None:
        """Say how it went."""
        count = len(scenario.steps)
        self._put()
        if failed is None:
            self._put(Text(f"{count} {'step' if count == 1 else 'steps'}, all as expected", "bold green"))
            return
        self._put(Text(f"Step {failed.number} of {count} is not as expected:", "bold red"))
        for sentence in unmet:
            self._put(Text(f"{scenario.path}:{failed.line}: {sentence}"))

    # -- steps

    def show(self, event: Event) -> None:
        """Print one event."""
        if isinstance(event, StepBegins):
            self._begin(event.step)
        elif isinstance(event, StepEnds):
            self._flush()
        elif isinstance(self._action, Send) and self._action.count > 1 and isinstance(event, ReplyReceived | Waited):
            self._burst.append(event)
        else:
            self._flush()
            self._happening(event)

    def _begin(self, step: Step) -> None:
        self._action = action = step.action
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=2, justify="right", style="bold cyan")
        line.add_column()
        line.add_row(str(step.number), Text(step.say or headline(action), "bold"))
        self._put()
        self._put(line)
        if isinstance(action, Send):
            self._line(action.verb if action.verb != "call" else action.method, request(action))
            for word in manners(action):
                self._line("", word, "dim")

    def _happening(self, event: Happening) -> None:
        if isinstance(event, ReplyReceived):
            action = self._action
            assert isinstance(action, Send)
            label = "reply" if action.retry is None else f"try {event.number}"
            self._line(label, f"{outcome_of(event, action)} {content_of(event)}".rstrip(), tone_of(event.outcome))
        elif isinstance(event, Waited):
            self._line("wait", wait_of(event), "dim")
        elif isinstance(event, Done):
            self._line(event.what, event.text)
        elif isinstance(event, BalanceChanged):
            self._line("balance", self._change(event), "magenta")
        else:
            self._line(self._met if event.met else self._unmet, event.text, "green" if event.met else "bold red")

    def _change(self, event: BalanceChanged) -> str:
        difference = event.after - event.before
        return (
            f"{event.customer} {event.feature} {figure(event.before)} {self._arrow} {figure(event.after)} "
            f"({figure(difference, sign=True)})"
        )

    def _flush(self) -> None:
        """Print the calls of a burst, those that went the same way in one line."""
        calls: dict[int, list[ReplyReceived | Waited]] = {}
        for event in self._burst:
            if isinstance(event, ReplyReceived):
                calls.setdefault(event.call, []).append(event)
            else:
                calls[max(calls)].append(event)
        self._burst = []
        for way, group in groupby(calls.items(), key=lambda call: way_of(call[1])):
            numbers = [number for number, _ in group]
            label = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
            last = [event for event in calls[numbers[0]] if isinstance(event, ReplyReceived)][-1]
            self._line(label, f"{way} {content_of(last)}", tone_of(last.outcome))

    # -- at the end

    def summarise(self, summary: Summary) -> None:
        """Print balances before and after, the books, and the findings."""
        if summary.balances:
            self._title("Balances")
            self._put(balances_table(summary.balances, self._width))
        self._title("Books")
        self._put(books_table(summary.stats))
        self._title("Findings")
        if not summary.findings:
            self._put(Text("  None: the client kept to the contract."))
        cases: dict[str, list[Mapping[str, Any]]] = {}
        for finding in summary.findings:
            cases.setdefault(finding["code"], []).append(finding)
        for group in cases.values():
            self._put(finding_table(group))

    def _title(self, title: str) -> None:
        self._put()
        self._put(Text(title, "bold underline" if self._console.is_terminal else "bold"))

    # -- printing

    def _line(self, label: str, text: str, style: str = "") -> None:
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_column(width=_LABEL, no_wrap=True, style=style or "dim")
        line.add_column(overflow="fold")
        line.add_row(label, Text(text, style))
        self._put(Padding(line, (0, 0, 0, 4)))

    def _put(self, what: RenderableType = "") -> None:
        """Print, without the blanks that tables are filled up with when nobody sees colours."""
        if self._console.is_terminal:
            self._console.print(what, width=self._width)
            return
        with self._console.capture() as captured:
            self._console.print(what, width=self._width)
        text = "\n".join(line.rstrip() for line in captured.get().split("\n"))
        self._console.file.write(text)
