"""What happens in a step, in lines: a label, a text and a style."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

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
from autumn_mock.scenarios.model import Action, Send
from autumn_mock.scenarios.phrases import (
    client_settings,
    content_of,
    figure,
    outcome_of,
    request,
    sequence_of,
    style_of,
    wait_of,
)


class Line(NamedTuple):
    """One line; ``style`` is one of Rich's, or empty."""

    label: str
    text: str
    style: str = ""


class StepLines:
    """The lines of a player's events. ``is_ascii``: without the signs that some terminals lack."""

    def __init__(self, *, is_ascii: bool = False) -> None:
        self._met, self._unmet = ("ok", "FAIL") if is_ascii else ("✓", "✗")
        self._arrow = "->" if is_ascii else "→"
        #: The action of the current step.
        self._action: Action | None = None
        #: The requests of a step with several calls, shown together when it ends.
        self._burst: list[ReplyReceived | Waited] = []

    def of(self, event: Event) -> Iterator[Line]:
        """The lines that an event adds."""
        if isinstance(event, StepBegins):
            self._action = action = event.step.action
            if isinstance(action, Send):
                yield Line(*request(action))
                yield from (Line("", words, "dim") for words in client_settings(action))
        elif isinstance(event, StepEnds):
            yield from self._flush()
        elif isinstance(self._action, Send) and self._action.count > 1 and isinstance(event, ReplyReceived | Waited):
            self._burst.append(event)
        else:
            yield from self._flush()
            yield self._line(event)

    def _line(self, event: Happening) -> Line:
        if isinstance(event, ReplyReceived):
            action = self._action
            assert isinstance(action, Send)
            label = "reply" if action.retry is None else f"try {event.number}"
            return Line(label, f"{outcome_of(event, action)} {content_of(event)}".rstrip(), style_of(event.outcome))
        if isinstance(event, Waited):
            return Line("wait", wait_of(event), "dim")
        if isinstance(event, Done):
            return Line(event.what, event.text)
        if isinstance(event, BalanceChanged):
            change = f"{figure(event.before)} {self._arrow} {figure(event.after)}"
            difference = figure(event.after - event.before, sign=True)
            return Line("balance", f"{event.customer} {event.feature} {change} ({difference})", "magenta")
        return Line(self._met if event.met else self._unmet, event.text, "green" if event.met else "bold red")

    def _flush(self) -> Iterator[Line]:
        """The calls of a burst; consecutive calls with the same outcomes are one line."""
        calls: dict[int, list[ReplyReceived | Waited]] = {}
        for event in self._burst:
            if isinstance(event, ReplyReceived):
                calls.setdefault(event.call, []).append(event)
            else:
                calls[max(calls)].append(event)
        self._burst = []
        for sequence, group in groupby(calls.items(), key=lambda call: sequence_of(call[1])):
            numbers = [number for number, _ in group]
            label = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
            last = [event for event in calls[numbers[0]] if isinstance(event, ReplyReceived)][-1]
            yield Line(label, f"{sequence} {content_of(last)}", style_of(last.outcome))
