"""Plays a scenario and reports step by step what happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from autumn_mock.control_client import CallRefused
from autumn_mock.scenarios import client
from autumn_mock.scenarios.arranging import arrange
from autumn_mock.scenarios.events import (
    BalanceChanged,
    Event,
    ExpectationResult,
    Happening,
    ReplyReceived,
    StepBegins,
    StepEnds,
)
from autumn_mock.scenarios.expectations import judge_replies, judge_state
from autumn_mock.scenarios.model import (
    Action,
    Advance,
    Drain,
    Expect,
    Freeze,
    Scenario,
    Send,
    SendBatch,
    Step,
)
from autumn_mock.scenarios.target import BalanceReading, Place, ScenarioTarget


class Summary(Struct, frozen=True, kw_only=True):
    """The state at the end of a scenario."""

    #: Before and after, of the balances that changed or that the scenario expects.
    balances: dict[Place, tuple[BalanceReading, BalanceReading]]
    #: The counters.
    stats: Mapping[str, Any]
    findings: Sequence[Mapping[str, Any]]


class Player:
    """Plays one scenario once."""

    def __init__(self, scenario: Scenario, target: ScenarioTarget) -> None:
        self.scenario = scenario
        self.target = target
        #: The first step with an unmet expectation, and its results.
        self.failed: Step | None = None
        self.unmet: list[str] = []
        #: The messages of findings that were reported.
        self._shown: set[str] = set()
        #: Rules of the whole server, which apply to the scenario too.
        self.server_faults = target.server_faults()
        self._first = target.balances(scenario.customers)
        self._last = dict(self._first)
        #: The value of ``${now}``: the time at the start, or when the clock was moved last. It is constant in between,
        #: so that equal items are identical.
        self._now = target.now()

    def play(self) -> Iterator[Event]:
        """Play the steps, up to the first with an unmet expectation.

        Raises :class:`~autumn_mock.control_client.ControlError` when the server fails.
        """
        for step in self.scenario.steps:
            yield StepBegins(step)
            for happening in self._play(step):
                if isinstance(happening, ExpectationResult) and not happening.met:
                    self.failed = step
                    self.unmet.append(happening.text)
                yield happening
            yield StepEnds(step)
            if self.failed is not None:
                return

    def summary(self) -> Summary:
        """The state now."""
        last = self.target.balances(self.scenario.customers)
        expected = self.scenario.expected_balances
        return Summary(
            balances={
                place: (before, last[place])
                for place, before in self._first.items()
                if before.remaining != last[place].remaining or place in expected
            },
            stats=self.target.control.get("/stats"),
            findings=self.target.control.rows("/findings"),
        )

    def _play(self, step: Step) -> Iterator[Happening]:
        try:
            yield from self._do(step.action)
        except CallRefused as error:
            yield ExpectationResult(False, f"refused by the server: {error}")

    def _do(self, action: Action) -> Iterator[Happening]:
        target = self.target
        if isinstance(action, Send):
            yield from self._send(action)
        elif isinstance(action, Expect):
            yield from judge_state(target, action.expect, self._shown)
        else:
            yield from arrange(target, action)
            if isinstance(action, Freeze | Advance):
                self._now = target.now()
            if isinstance(action, Advance | Drain):
                yield from self._changes()

    def _send(self, action: Send) -> Iterator[Happening]:
        attempts: list[ReplyReceived] = []
        for event in client.send(self.target, action, self._now):
            if isinstance(event, ReplyReceived):
                attempts.append(event)
            yield event
        if not isinstance(action, SendBatch):  # the workers decide when the items of a batch are deducted
            yield from self._changes()
        yield from judge_replies(action.expect, attempts)

    def _changes(self) -> Iterator[BalanceChanged]:
        """The balances that changed since the last call."""
        last, self._last = self._last, self.target.balances(self.scenario.customers)
        for (customer, feature), balance in self._last.items():
            before = last.get((customer, feature))
            if before is not None and before.remaining != balance.remaining:
                yield BalanceChanged(
                    customer=customer, feature=feature, before=before.remaining, after=balance.remaining
                )
