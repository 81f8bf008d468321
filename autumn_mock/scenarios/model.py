"""Scenario files: each step is one class, which declares its keys, their checks and their types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import UNSET, Struct

from autumn_mock.input_files import read_file
from autumn_mock.input_schema import Choice, NotEmpty, Read, Shorthand, parse_file, read_rule
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.operations.clock_lengths import read_length
from autumn_mock.scenarios.action_schema import ActionSchema
from autumn_mock.scenarios.template import TemplateBody
from autumn_mock.scenarios.values import (
    OUTCOME_SCHEMA,
    Outcome,
    read_api_path,
    read_counts,
    read_finding_code,
    read_header_rules,
    read_outcome,
    read_retry_wait,
    read_wait_time,
)
from autumn_mock.scenarios.worlds import DEFAULT_WORLD, WorldSource, read_world_name, world_source
from autumn_mock.wire.schema import (
    Params,
    Schema,
    anything,
    array,
    boolean,
    enum,
    field,
    integer,
    literal,
    number,
    obj,
    optional,
    record,
    string,
)

# -- expectations; what is absent may have any value

_STATUS = integer(min=100, max=599)
_OUTCOMES: Schema[list[Outcome] | dict[Outcome, int]] = Choice(
    'must be a list in order, like [503, 202], or the number of each, like {"202": 10}',
    array=array(Read(read_outcome, OUTCOME_SCHEMA)),
    object=Read(read_counts, {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}),
)


class ReplyExpectation(Params):
    """The expected replies to a call."""

    #: Status, part of the body, and headers of the last reply to each call.
    status: int | None = field(_STATUS, default=None)
    body: Any = field(anything(), default=UNSET)
    headers: dict[str, str | float] = field(
        record(Choice("must be text or a number", string=string(), number=number())), default={}
    )
    #: Whether there is no reply at all.
    no_reply: bool | None = field(boolean(), default=None)
    #: The outcomes of all requests in order, or the number of each.
    statuses: list[Outcome] | dict[Outcome, int] | None = field(_OUTCOMES, default=None)


class BalanceExpectation(Params):
    """What a customer has left of a feature."""

    customer: str = field(string(min=1))
    feature: str = field(string(min=1))
    remaining: float = field(number())


_BALANCES: Schema[BalanceExpectation | list[BalanceExpectation]] = Choice(
    "must be {customer: cus_123, feature: messages, remaining: 97}, or a list of these",
    object=obj(BalanceExpectation),
    array=array(obj(BalanceExpectation), min=1),
)
_FINDING = obj(
    {
        "code": Read(read_finding_code, {"enum": list(FINDING_KINDS)}),
        "message": optional(string()),
        "items": optional(integer(min=0)),
        "amounts": optional(record(number())),
        "certain": optional(boolean()),
    }
)
_STATS = obj(
    {
        **dict.fromkeys(
            ("offered", "refused", "accepted", "ready", "in_flight", "deducted", "lost"), optional(integer(min=0))
        ),
        "lost_by_reason": optional(record(integer(min=0))),
    }
)
#: The number of rows, or a part of each.
Rows = int | list[dict[str, Any]]
_ROWS: Schema[Rows] = Choice(
    "must be a number, or a list with a part of each", number=integer(min=0), array=array(record())
)


class StateExpectation(Params):
    """The expected state of the organisation."""

    balance: BalanceExpectation | list[BalanceExpectation] | None = field(_BALANCES, default=None)
    #: Some of the counters.
    stats: dict[str, Any] | None = field(_STATS, default=None)
    #: A part of each finding, in order.
    findings: list[dict[str, Any]] | None = field(array(Shorthand("code", _FINDING)), default=None)
    lost: Rows | None = field(_ROWS, default=None)
    #: The batches with refused items.
    failures: Rows | None = field(_ROWS, default=None)
    #: A part of the report of every armed rule.
    faults: dict[str, Any] | None = field(record(), default=None)

    @property
    def balances(self) -> list[BalanceExpectation]:
        """The expected balances as a list."""
        return self.balance if isinstance(self.balance, list) else [self.balance] if self.balance is not None else []


# -- actions


class Action(Params):
    """What a step does. The main key of a step, its first one in ``_ACTIONS``, selects the class."""

    #: A comment that is shown instead of the ``headline``.
    say: str = field(string(), default="")
    headline = ""


class Retry(Params):
    """How a client retries."""

    #: The outcomes that are retried.
    on: list[Outcome] = field(array(Read(read_outcome, OUTCOME_SCHEMA), min=1))
    #: The maximum after the first attempt.
    times: int = field(integer(min=1, max=100), default=3)
    #: Milliseconds between two attempts; None: the reply's Retry-After, if it has one.
    wait: int | None = field(Read(read_retry_wait), default=None)


class Request(NamedTuple):
    """What is sent. The body has its placeholders; UNSET: no body."""

    method: str
    path: str
    body: Any


class Send(Action):
    """A request to the API."""

    #: How long the client waits for a reply (ms).
    timeout: int = field(Read(read_wait_time), default=10_000)
    #: The status that the client takes a timeout for, as fail-open SDKs do.
    timeout_is: int | None = field(_STATUS, default=None)
    #: Rules for these requests alone.
    with_fault: str | None = field(Read(read_header_rules), default=None)
    #: The number of calls, one after the other.
    count: int = field(integer(min=1, max=1000), default=1)
    retry: Retry | None = field(obj(Retry), default=None)
    expect: ReplyExpectation = field(obj(ReplyExpectation), default=ReplyExpectation())


class SendBatch(Send):
    batch: list[dict[str, Any]] = field(TemplateBody(array(record())))
    #: The number of copies of the items.
    repeat: int = field(integer(min=1, max=10_000), default=1)
    headline = "The client sends a batch."


class SendTrack(Send):
    track: dict[str, Any] = field(TemplateBody(record()))
    headline = "The client sends a track."


class SendCheck(Send):
    check: dict[str, Any] = field(TemplateBody(record()))
    headline = "The client sends a check."


class CallParams(Params):
    """Any request to the API."""

    path: str = field(Read(read_api_path))
    method: str = field(enum("POST", "GET", "PUT", "PATCH", "DELETE"), default="POST")
    body: Any = field(TemplateBody(anything()), default=UNSET)


class SendCall(Send):
    call: CallParams = field(obj(CallParams))
    headline = "The client makes a call."


def request_of(action: Send) -> Request:
    """The request that an action sends."""
    match action:
        case SendBatch(batch=body):
            return Request("POST", "/v1/balances.batch_track", body)
        case SendTrack(track=body):
            return Request("POST", "/v1/balances.track", body)
        case SendCheck(check=body):
            return Request("POST", "/v1/balances.check", body)
        case SendCall(call=call):
            return Request(call.method, call.path, call.body)
    raise AssertionError(action)


class Arm(Action):
    fault: str = field(Read(read_rule))
    headline = "A fault is armed."


class Clear(Action):
    clear: str = field(literal("faults"))
    headline = "All faults are cleared."


class DrainExpectation(Params):
    """Whether the queue becomes idle in time."""

    drained: bool = field(boolean())


class Drain(Action):
    """Wait until the queue is idle (ms at most)."""

    drain: int = field(Read(read_wait_time))
    expect: DrainExpectation = field(obj(DrainExpectation), default=DrainExpectation(drained=True))
    headline = "The queue is drained."


class Pause(Action):
    pause: str = field(literal("workers"))
    headline = "The workers are paused."


class Resume(Action):
    resume: str = field(literal("workers"))
    headline = "The workers are resumed."


class Advance(Action):
    """Move the organisation's clock: a duration, calendar months or years, or ``next-reset``."""

    advance: str = field(Read(read_length))
    headline = "Time passes."


class Freeze(Action):
    freeze: str = field(literal("clock"))
    headline = "The clock is frozen."


class Expect(Action):
    expect: StateExpectation = field(
        NotEmpty("is empty; name balance, stats, findings, lost, failures or faults", obj(StateExpectation))
    )
    headline = "The state is checked."


#: ``expect`` is last: it belongs to most other actions, and is an action of its own without them.
_ACTIONS: dict[str, type[Action]] = {
    "fault": Arm,
    "clear": Clear,
    "batch": SendBatch,
    "track": SendTrack,
    "check": SendCheck,
    "call": SendCall,
    "drain": Drain,
    "pause": Pause,
    "resume": Resume,
    "advance": Advance,
    "freeze": Freeze,
    "expect": Expect,
}


# -- the file


class ScenarioEntries(Params):
    """A whole file."""

    title: str = field(string(min=1))
    story: str = field(string(), default="")
    world: str = field(Read(read_world_name), default=DEFAULT_WORLD)
    steps: list[Action] = field(array(ActionSchema(_ACTIONS), min=1))


class Step(Struct, frozen=True, kw_only=True):
    """A step with its place in the file."""

    #: Counted from 1.
    number: int
    line: int
    say: str
    action: Action


class Scenario(Struct, frozen=True, kw_only=True):
    """A failure mode, step by step."""

    name: str
    path: Path
    title: str
    story: str
    #: The world that the organisation is a copy of, as the file names it.
    world: str
    #: What the server opens the organisation with.
    source: WorldSource
    steps: tuple[Step, ...]

    @property
    def expected_balances(self) -> list[tuple[str, str]]:
        """The customers and features whose balances are expected, in the order of the file."""
        expected = [step.action.expect.balances for step in self.steps if isinstance(step.action, Expect)]
        return list(dict.fromkeys((each.customer, each.feature) for some in expected for each in some))

    @property
    def customers(self) -> list[str]:
        """The customers that the scenario names, in the order of the file."""
        found: dict[str, None] = {}
        for step in self.steps:
            if isinstance(step.action, Send):
                found |= dict.fromkeys(_customers_in(request_of(step.action).body))
            elif isinstance(step.action, Expect):
                found |= dict.fromkeys(each.customer for each in step.action.expect.balances)
        return list(found)


def _customers_in(body: Any) -> Iterator[str]:
    if isinstance(body, dict) and isinstance(body.get("customer_id"), str):
        yield body["customer_id"]
    if isinstance(body, (dict, list)):
        for each in body.values() if isinstance(body, dict) else body:
            yield from _customers_in(each)


def read_scenario(path: Path, folder: Path | None = None) -> Scenario:
    """Read a scenario file, and its world, whose path is relative to ``folder``, by default that of the file.

    Raises :class:`~autumn_mock.input_files.InputFileError` with every error of it.
    """
    file = read_file(path)
    entries = parse_file(file, obj(ScenarioEntries))
    lines = [file.positions["steps", index].line for index in range(len(entries.steps))]
    return Scenario(
        name=path.stem,
        path=path,
        title=entries.title,
        story=" ".join(entries.story.split()),
        world=entries.world,
        source=world_source(file, entries.world, folder),
        steps=tuple(
            Step(number=index + 1, line=line, say=" ".join(action.say.split()), action=action)
            for index, (line, action) in enumerate(zip(lines, entries.steps, strict=True))
        ),
    )
