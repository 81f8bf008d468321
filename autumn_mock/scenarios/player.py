"""Plays a scenario on a stage, and tells step by step what happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from msgspec import Struct

from autumn_mock.scenarios import client
from autumn_mock.scenarios.events import (
    BalanceChanged,
    Done,
    Event,
    ExpectationResult,
    Happening,
    ReplyReceived,
    StepBegins,
    StepEnds,
)
from autumn_mock.scenarios.expectations import judge_replies, judge_state
from autumn_mock.scenarios.model import (
    Advance,
    Arm,
    ClearFaults,
    Drain,
    Expect,
    Freeze,
    Scenario,
    Send,
    SetWorkers,
    Step,
)
from autumn_mock.scenarios.target import BalanceReading, Place, Refused, ScenarioTarget


class Summary(Struct, frozen=True, kw_only=True):
    """How things stand when a scenario is over."""

    #: Of the customers that it names: what changed, and what it speaks of.
    balances: dict[Place, tuple[BalanceReading, BalanceReading]]
    #: The books.
    stats: Mapping[str, Any]
    findings: Sequence[Mapping[str, Any]]


class Player:
    """Plays one scenario once."""

    def __init__(self, scenario: Scenario, stage: ScenarioTarget) -> None:
        self.scenario = scenario
        self._stage = stage
        #: The first step that was not as expected, and in which way.
        self.failed: Step | None = None
        self.unmet: list[str] = []
        #: The findings whose messages were told.
        self._told: set[str] = set()
        #: What strikes this scenario although it is none of its own.
        self.server_faults = stage.server_faults()
        self._first = stage.balances(scenario.customers)
        self._last = dict(self._first)
        #: What ``${now}`` is: the organisation's time at the begin, and after it was moved. Standing still meanwhile,
        #: it makes items that read the same the same items.
        self._now = stage.now()

    def play(self) -> Iterator[Event]:
        """Do the steps, up to the first that is not as expected.

        Raises :class:`~autumn_mock.scenarios.target.TargetError` when the server is gone.
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
        """How things stand now."""
        last = self._stage.balances(self.scenario.customers)
        spoken_of = self.scenario.expected_balances
        return Summary(
            balances={
                place: (before, last[place])
                for place, before in self._first.items()
                if before.remaining != last[place].remaining or place in spoken_of
            },
            stats=self._stage.stats(),
            findings=self._stage.findings(),
        )

    def _play(self, step: Step) -> Iterator[Happening]:
        try:
            yield from self._do(step)
        except Refused as error:
            yield ExpectationResult(False, f"the server refuses it: {error}")

    def _do(self, step: Step) -> Iterator[Happening]:
        action, stage = step.action, self._stage
        if isinstance(action, Send):
            yield from self._send(action)
        elif isinstance(action, Arm):
            yield Done("fault", stage.arm(action.rule))
        elif isinstance(action, ClearFaults):
            yield Done("faults", f"{stage.clear_faults()} cleared")
        elif isinstance(action, Drain):
            yield from self._drain(action)
        elif isinstance(action, SetWorkers):
            books = stage.pause(action.paused)
            waiting = books["ready"] + books["in_flight"]
            yield Done("workers", f"{'paused' if action.paused else 'resumed'}, {waiting} items wait")
        elif isinstance(action, Advance):
            self._now = stage.advance(action.by)
            yield Done("clock", f"{_moment(self._now)}, moved by {action.by / 1000:g} s")
            yield from self._changes()
        elif isinstance(action, Freeze):
            self._now = stage.freeze()
            yield Done("clock", f"stands at {_moment(self._now)}")
        elif isinstance(action, Expect):
            yield from judge_state(stage, action.state, self._told)

    def _send(self, action: Send) -> Iterator[Happening]:
        attempts: list[ReplyReceived] = []
        for event in client.send(self._stage, action, self._now):
            if isinstance(event, ReplyReceived):
                attempts.append(event)
            yield event
        if action.verb != "batch":  # when the items of a batch are deducted is the workers' affair
            yield from self._changes()
        yield from judge_replies(action.expect, attempts)

    def _drain(self, action: Drain) -> Iterator[Happening]:
        told = self._stage.drain(action.timeout / 1000)
        if told["drained"]:
            yield Done("queue", "empty")
            yield from self._changes()
        else:
            yield Done("queue", told["message"])
        if told["drained"] != action.drained:
            after = f"{action.timeout / 1000:g} s"
            if action.drained:
                yield ExpectationResult(False, f"expected the queue to be idle within {after}, but {told['message']}")
            else:
                yield ExpectationResult(False, f"expected something to wait still after {after}, but nothing does")
        elif not action.drained:
            yield ExpectationResult(True, "not idle, as expected")

    def _changes(self) -> Iterator[BalanceChanged]:
        """The balances that are others than at the last look."""
        last, self._last = self._last, self._stage.balances(self.scenario.customers)
        for (customer, feature), balance in self._last.items():
            before = last.get((customer, feature))
            if before is not None and before.remaining != balance.remaining:
                yield BalanceChanged(
                    customer=customer, feature=feature, before=before.remaining, after=balance.remaining
                )


def _moment(instant: int) -> str:
    try:
        return f"{datetime.fromtimestamp(instant / 1000, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # before or after all calendars
        return f"{instant} ms"
