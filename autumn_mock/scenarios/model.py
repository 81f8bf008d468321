"""A scenario as the program sees it: steps, each of which does one thing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, Struct

#: Why there was no reply, or not all of it: none in time; the connection was reset or closed; it was cut off.
Failure = Literal["timeout", "reset", "truncated"]
#: What a client sees of a request: a status, or why there is none.
Outcome = int | Failure

FAILURES: tuple[Failure, ...] = ("timeout", "reset", "truncated")


# -- expectations


class ReplyExpectation(Struct, frozen=True, kw_only=True):
    """What a call is expected to bring. What is left out (None, or UNSET where None is a value) may be anything."""

    #: Of the last reply to each call.
    status: int | None = None
    #: Part of its body.
    body: Any = UNSET
    #: Some of its headers.
    headers: Mapping[str, str] = {}
    #: Whether no reply came at all.
    no_reply: bool | None = None
    #: The outcomes of all requests in their order, or how many there are of each.
    statuses: tuple[Outcome, ...] | Mapping[Outcome, int] | None = None


class BalanceExpectation(Struct, frozen=True, kw_only=True):
    """What a customer has left of a feature."""

    customer: str
    feature: str
    remaining: float


class StateExpectation(Struct, frozen=True, kw_only=True):
    """What is expected of the organisation."""

    balances: tuple[BalanceExpectation, ...] = ()
    #: Some of the books' sums.
    stats: Mapping[str, Any] | None = None
    #: Parts of the findings, in the order in which they appear: of all there are.
    findings: tuple[Mapping[str, Any], ...] | None = None
    #: How many items were lost, or parts of each.
    lost: int | tuple[Mapping[str, Any], ...] | None = None
    #: How many batches had items refused, or parts of what is known of each.
    failures: int | tuple[Mapping[str, Any], ...] | None = None
    #: What every armed rule is to report.
    faults: Mapping[str, Any] | None = None


# -- actions


class Retry(Struct, frozen=True, kw_only=True):
    """How a client tries again."""

    #: The outcomes after which it does.
    on: frozenset[Outcome]
    #: How often at most, after the first try.
    times: int
    #: Milliseconds between two tries; None: as long as the reply's Retry-After says, if it says anything.
    wait: int | None


class Send(Struct, frozen=True, kw_only=True):
    """A request to the API."""

    #: How the file calls it: ``batch``, ``track``, ``check`` or ``call``.
    verb: str
    method: str
    path: str
    #: With its ``${...}`` not yet filled in; UNSET: none.
    body: Any
    #: How many copies of its items a batch holds.
    repeat: int = 1
    #: How often the call is made, one after the other.
    count: int = 1
    #: How long the client waits for a reply (ms).
    timeout: int
    #: What status the client makes of a timeout; None: it stays a timeout.
    timeout_is: int | None = None
    #: Rules for each of its requests alone.
    with_fault: str | None = None
    retry: Retry | None = None
    expect: ReplyExpectation = ReplyExpectation()


class Arm(Struct, frozen=True):
    """Arm a fault."""

    rule: str


class ClearFaults(Struct, frozen=True):
    """Clear all faults."""


class Drain(Struct, frozen=True):
    """Wait until nothing is queued, at most so long (ms)."""

    timeout: int
    #: Whether it is expected to come about.
    drained: bool = True


class SetWorkers(Struct, frozen=True):
    """Stop or start the deduction."""

    paused: bool


class Advance(Struct, frozen=True):
    """Move the organisation's clock (ms)."""

    by: int


class Freeze(Struct, frozen=True):
    """Let the organisation's clock stand still."""


class Expect(Struct, frozen=True):
    """Look, and do nothing."""

    state: StateExpectation


Action = Send | Arm | ClearFaults | Drain | SetWorkers | Advance | Freeze | Expect


# -- the whole


class Step(Struct, frozen=True, kw_only=True):
    """One step: what it does, and what there is to say about it."""

    #: Counted from 1.
    number: int
    #: Where it begins in the file.
    line: int
    say: str
    action: Action


class Scenario(Struct, frozen=True, kw_only=True):
    """A failure mode, step by step."""

    name: str
    path: Path
    title: str
    story: str
    #: The shipped world that it starts from.
    world: str
    steps: tuple[Step, ...]

    @property
    def customers(self) -> list[str]:
        """Everybody whom it names, in the order in which they appear."""
        found: dict[str, None] = {}
        for step in self.steps:
            if isinstance(step.action, Send):
                found |= dict.fromkeys(_customers_in(step.action.body))
            elif isinstance(step.action, Expect):
                found |= dict.fromkeys(each.customer for each in step.action.state.balances)
        return list(found)

    @property
    def expected_balances(self) -> list[tuple[str, str]]:
        """The customers and features whose balances it speaks of, in the order in which they appear."""
        found: dict[tuple[str, str], None] = {}
        for step in self.steps:
            if isinstance(step.action, Expect):
                found |= dict.fromkeys((each.customer, each.feature) for each in step.action.state.balances)
        return list(found)


def _customers_in(body: Any) -> list[str]:
    if isinstance(body, list):
        return [customer for each in body for customer in _customers_in(each)]
    if not isinstance(body, dict):
        return []
    found = [customer for each in body.values() for customer in _customers_in(each)]
    named = body.get("customer_id")
    return [named, *found] if isinstance(named, str) else found
