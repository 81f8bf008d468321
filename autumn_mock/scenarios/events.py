"""What a player reports while it plays a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from autumn_mock.scenarios.model import Step
from autumn_mock.scenarios.values import Failure, Outcome


class StepBegins(Struct, frozen=True):
    """The following events belong to this step."""

    step: Step


class StepEnds(Struct, frozen=True):
    """The step is done."""

    step: Step


class ReplyReceived(Struct, frozen=True, kw_only=True, tag_field="event", tag="attempt"):
    """One request of the scenario's client, and its result."""

    #: The number of the call in the step, and of the attempt for that call, both counted from 1.
    call: int
    number: int
    #: The result as the client takes it.
    outcome: Outcome
    #: Why there was no complete reply.
    failure: Failure | None = None
    #: Decoded JSON, otherwise text.
    body: Any = None
    #: With names in lower case.
    headers: Mapping[str, str] = {}
    #: In milliseconds.
    took: float


class Waited(Struct, frozen=True, kw_only=True, tag_field="event", tag="waited"):
    """The client waited (ms) before it retried."""

    length: int
    #: Whether a reply's Retry-After asked for it.
    was_asked: bool
    #: Whether the clock was moved instead.
    on_clock: bool


class Done(Struct, frozen=True, tag_field="event", tag="done"):
    """An action on ``what``, and its result."""

    what: str
    text: str


class BalanceChanged(Struct, frozen=True, kw_only=True, tag_field="event", tag="balance"):
    """A balance differs from its last reading."""

    customer: str
    feature: str
    before: float
    after: float


class ExpectationResult(Struct, frozen=True, tag_field="event", tag="verdict"):
    """Whether an expectation was met, with a sentence."""

    met: bool
    text: str


#: The events within a step.
Happening = ReplyReceived | Waited | Done | BalanceChanged | ExpectationResult
Event = StepBegins | StepEnds | Happening
