"""Case files: scenarios whose requests are made by the client under test.

    title: A 503 that passes
    group: outages                     # one of GROUPS
    level: should                      # must, should or may
    reason: Why a client has to do this.
    charged: {customer: cus_456, feature: messages, amount: 5}   # by the real service; a list, or [] for nothing
    configure: {timeout: 500ms, version: "2.3.0", key: wrong, url: unreachable}
    steps:
      - fault: reply:status 503 retry-after=1 times=1    # also clear, drain, pause, resume, advance, freeze
      - track: {customer_id: cus_456, feature_id: messages, value: 5}
        count: 3                       # calls, with ${n} as their numbers
        together: true                 # all are given before the first answer is awaited
        expect: {outcome: returned, status: 409, value: {allowed: true}, made_up: false, within: 5s}
      - batch: [{...}]                 # with repeat: copies of the items, as in scenarios
      - check: {...}                   # and finalize: {...}; flush: client; close: client
      - wait: 1s                       # of real time
      - expect:                        # as in scenarios, and:
          usage: as_answered           # once, or none
          without: [retried_too_soon]  # findings that must not be there
          requests: {call: balances.track, count: 2, obeys_retry_after: true}   # or a list

A value of ``outcome`` may be a list of those that are allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, Struct

from autumn_mock.certification.usage import UsageRule
from autumn_mock.input_files import read_file
from autumn_mock.input_schema import Choice, NotEmpty, Read, parse_file
from autumn_mock.scenarios.action_schema import ActionSchema
from autumn_mock.scenarios.model import (
    Action,
    Advance,
    Arm,
    Clear,
    Drain,
    Freeze,
    Pause,
    Resume,
    StateExpectation,
    Step,
)
from autumn_mock.scenarios.template import TemplateBody
from autumn_mock.scenarios.values import Outcome, read_finding_code, read_outcome, read_wait_time
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
    record,
    string,
)

#: How binding a case is for clients.
CaseLevel = Literal["must", "should", "may"]
#: From the strictest on.
LEVELS: tuple[CaseLevel, ...] = ("must", "should", "may")
#: The groups of cases, in the order of lists and reports.
GROUPS = (
    "calls",
    "requests",
    "batches",
    "broken replies",
    "rate limits",
    "outages",
    "retries",
    "refusals",
    "concurrency",
    "payloads",
    "clock",
    "shutdown",
)
#: How long a client waits for a reply (ms), unless a case says something else.
DEFAULT_TIMEOUT_MS = 5000

# -- expectations


def _read_pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a regular expression")
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from None
    return value


_OUTCOME: Schema[str] = enum("returned", "raised", "buffered")
_OUTCOMES: Schema[str | list[str]] = Choice(
    "must be returned, raised or buffered, or a list of these", string=_OUTCOME, array=array(_OUTCOME)
)


class AnswerExpectation(Params):
    """The expected answers to an instruction; what is absent may have any value."""

    outcome: str | list[str] | None = field(_OUTCOMES, default=None)
    #: The status of an error.
    status: int | None = field(integer(min=100, max=599), default=None)
    #: A part of the value.
    value: Any = field(anything(), default=UNSET)
    made_up: bool | None = field(boolean(), default=None)
    #: The longest time until the answer, in ms.
    within: int | None = field(Read(read_wait_time), default=None)

    @property
    def outcomes(self) -> list[str]:
        """The allowed outcomes."""
        return self.outcome if isinstance(self.outcome, list) else [self.outcome] if self.outcome is not None else []


class RequestsExpectation(Params):
    """What the client's requests have to be like."""

    #: Only those of this call.
    call: str | None = field(string(min=1), default=None)
    count: int | None = field(integer(min=0), default=None)
    at_least: int | None = field(integer(min=0), default=None)
    at_most: int | None = field(integer(min=0), default=None)
    #: The statuses that were sent, in order; a reply that was withheld is ``reset``.
    statuses: list[Outcome] | None = field(array(Read(read_outcome)), default=None)
    #: The most items of one request.
    largest_batch: int | None = field(integer(min=1), default=None)
    #: Whether a request that follows a Retry-After waits that long.
    obeys_retry_after: bool | None = field(literal(True), default=None)
    #: The least time (ms) between a reply and the next request.
    pause: int | None = field(Read(read_wait_time), default=None)
    #: Patterns of headers that every request has.
    headers: dict[str, str] = field(record(Read(_read_pattern)), default={})
    #: Idempotency keys: every use has one; a use that is sent again has the one of the first time, if it has any.
    keys: str | None = field(enum("present", "stable"), default=None)
    #: A part of each of these items was sent.
    items: list[dict[str, Any]] = field(TemplateBody(array(record())), default=[])


_REQUESTS: Schema[RequestsExpectation | list[RequestsExpectation]] = Choice(
    "must be {count: 1}, or a list of these", object=obj(RequestsExpectation), array=array(obj(RequestsExpectation))
)


class CaseExpectation(StateExpectation):
    """The expected state of the organisation after what the client did."""

    usage: UsageRule | None = field(enum("as_answered", "once", "none"), default=None)
    #: Findings that must not be there.
    without: list[str] = field(array(Read(read_finding_code)), default=[])
    requests: RequestsExpectation | list[RequestsExpectation] | None = field(_REQUESTS, default=None)

    @property
    def request_rules(self) -> list[RequestsExpectation]:
        """What is expected of the requests, as a list."""
        if self.requests is None:
            return []
        return self.requests if isinstance(self.requests, list) else [self.requests]


# -- actions


class Instruct(Action):
    """An instruction to the client, given ``count`` times."""

    count: int = field(integer(min=1, max=1000), default=1)
    #: Whether all are given before the first answer is awaited.
    together: bool = field(boolean(), default=False)
    expect: AnswerExpectation = field(obj(AnswerExpectation), default=AnswerExpectation())


class InstructTrack(Instruct):
    track: dict[str, Any] = field(TemplateBody(record()))


class InstructBatch(Instruct):
    batch: list[dict[str, Any]] = field(TemplateBody(array(record())))
    #: The number of copies of the items.
    repeat: int = field(integer(min=1, max=10_000), default=1)


class InstructCheck(Instruct):
    check: dict[str, Any] = field(TemplateBody(record()))


class InstructFinalize(Instruct):
    finalize: dict[str, Any] = field(TemplateBody(record()))


class InstructFlush(Instruct):
    flush: str = field(literal("client"))


class InstructClose(Instruct):
    close: str = field(literal("client"))


class RealWait(Action):
    """Let real time pass (ms)."""

    wait: int = field(Read(read_wait_time))


class ExpectOfCase(Action):
    expect: CaseExpectation = field(NotEmpty("is empty; name usage, requests, balance or others", obj(CaseExpectation)))


_ACTIONS: dict[str, type[Action]] = {
    "fault": Arm,
    "clear": Clear,
    "drain": Drain,
    "pause": Pause,
    "resume": Resume,
    "advance": Advance,
    "freeze": Freeze,
    "wait": RealWait,
    "track": InstructTrack,
    "batch": InstructBatch,
    "check": InstructCheck,
    "finalize": InstructFinalize,
    "flush": InstructFlush,
    "close": InstructClose,
    "expect": ExpectOfCase,
}


# -- the file


class ChargeOfCase(Params):
    """What the real service charges."""

    customer: str = field(string(min=1))
    feature: str = field(string(min=1))
    amount: float = field(number())


_CHARGES: Schema[ChargeOfCase | list[ChargeOfCase]] = Choice(
    "must be {customer: cus_456, feature: messages, amount: 5}, or a list of these",
    object=obj(ChargeOfCase),
    array=array(obj(ChargeOfCase)),
)


class ClientSettings(Params):
    """What the client is configured with."""

    #: How long it waits for a reply (ms).
    timeout: int = field(Read(read_wait_time), default=DEFAULT_TIMEOUT_MS)
    #: The API version; None: the client's own.
    version: str | None = field(string(min=1), default=None)
    key: str = field(enum("right", "wrong"), default="right")
    url: str = field(enum("server", "unreachable"), default="server")


class CaseEntries(Params):
    """A whole file."""

    title: str = field(string(min=1))
    group: str = field(enum(*GROUPS))
    level: CaseLevel = field(enum(*LEVELS))
    reason: str = field(string(min=1))
    charged: ChargeOfCase | list[ChargeOfCase] = field(_CHARGES)
    world: str = field(Read(read_world_name), default=DEFAULT_WORLD)
    configure: ClientSettings = field(obj(ClientSettings), default=ClientSettings())
    steps: list[Action] = field(array(ActionSchema(_ACTIONS), min=1))


class ConformanceCase(Struct, frozen=True, kw_only=True):
    """One case of the suite."""

    name: str
    path: Path
    title: str
    group: str
    level: CaseLevel
    #: Why a client has to pass it.
    reason: str
    charged: tuple[ChargeOfCase, ...]
    world: str
    #: What the server opens the organisation of the case with.
    source: WorldSource
    configure: ClientSettings
    steps: tuple[Step, ...]

    @property
    def charge(self) -> str:
        """What the real service charges, in words."""
        return ", ".join(f"{each.amount:g} {each.feature} of {each.customer}" for each in self.charged) or "nothing"


def read_case(path: Path) -> ConformanceCase:
    """Read a case file. Raises :class:`~autumn_mock.input_files.InputFileError` with every error of the file."""
    file = read_file(path)
    entries = parse_file(file, obj(CaseEntries))
    charged = entries.charged if isinstance(entries.charged, list) else [entries.charged]
    return ConformanceCase(
        name=path.stem,
        path=path,
        title=entries.title,
        group=entries.group,
        level=entries.level,
        reason=" ".join(entries.reason.split()),
        charged=tuple(charged),
        world=entries.world,
        source=world_source(file, entries.world),
        configure=entries.configure,
        steps=tuple(
            Step(
                number=index + 1,
                line=file.positions["steps", index].line,
                say=" ".join(action.say.split()),
                action=action,
            )
            for index, action in enumerate(entries.steps)
        ),
    )


def read_cases(paths: Mapping[str, Path]) -> list[ConformanceCase]:
    """Cases in the order of their groups, levels and names. Raises as :func:`read_case`."""
    cases = [read_case(path) for path in paths.values()]
    return sorted(cases, key=lambda case: (GROUPS.index(case.group), LEVELS.index(case.level), case.name))
