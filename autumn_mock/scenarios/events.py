"""What is told of a scenario while it is played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from autumn_mock.scenarios.model import Failure, Outcome, Step


class StepBegins(Struct, frozen=True):
    """What follows belongs to this step."""

    step: Step


class StepEnds(Struct, frozen=True):
    """The step is done."""

    step: Step


class ReplyReceived(Struct, frozen=True, kw_only=True, tag_field="event", tag="attempt"):
    """One request of the scenario's client, and what came of it."""

    #: Which call of the step, and which try of that call, both counted from 1.
    call: int
    number: int
    #: What the client takes it for.
    outcome: Outcome
    #: Why there was no reply, or not all of it.
    failure: Failure | None = None
    #: Decoded if it is JSON, and else as text.
    body: Any = None
    #: With names in lower case.
    headers: Mapping[str, str] = {}
    #: In milliseconds.
    took: float


class Waited(Struct, frozen=True, kw_only=True, tag_field="event", tag="waited"):
    """The client let so many ms pass before it tried again."""

    length: int
    #: Whether a reply's Retry-After asked for it.
    was_asked: bool
    #: Whether the clock was moved instead.
    on_clock: bool


class Done(Struct, frozen=True, tag_field="event", tag="done"):
    """Something was done: to what, and in a few words how it stands now."""

    what: str
    text: str


class BalanceChanged(Struct, frozen=True, kw_only=True, tag_field="event", tag="balance"):
    """A customer has more or less of a feature than at the last look."""

    customer: str
    feature: str
    before: float
    after: float


class ExpectationResult(Struct, frozen=True, tag_field="event", tag="verdict"):
    """Whether an expectation was met, in a sentence."""

    met: bool
    text: str


#: What happens within a step.
Happening = ReplyReceived | Waited | Done | BalanceChanged | ExpectationResult
Event = StepBegins | StepEnds | Happening
