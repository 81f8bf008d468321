"""What a scenario file may hold.

Everything that is wrong is an issue with the place where it is; a value that is read (a length of time, say) comes out
as what it means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from autumn_mock.durations import parse_duration
from autumn_mock.faults.grammar import RuleError, parse_rule, parse_rules
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.scenarios.kinds import Body, Choice, Closed, Read, StepSchema
from autumn_mock.scenarios.model import FAILURES, Outcome
from autumn_mock.wire.schema import (
    anything,
    array,
    boolean,
    enum,
    integer,
    literal,
    number,
    optional,
    record,
    string,
)
from autumn_mock.worlds import WorldError, find_shipped_world
from autumn_mock.worlds.document import guess

_MAX_COPIES = 10_000
_MAX_CALLS = 1000
_MAX_RETRIES = 100
#: Nobody watches a step for longer than this, in ms.
_MAX_WAIT = 600_000

# -- readers


def _length(value: Any) -> int:
    """Milliseconds, more than none."""
    length = _duration(value)
    if not 0 < length <= _MAX_WAIT:
        raise ValueError("must be a length of time of at most 10m")
    return length


def _duration(value: Any) -> int:
    """Milliseconds, also less than none."""
    if not isinstance(value, str):
        raise ValueError("must be a length of time, like 400ms, 2s or 5m")
    return parse_duration(value)


def _wait(value: Any) -> int | None:
    """Milliseconds, or None for what the reply says."""
    if value == "retry-after":
        return None
    if value == "none":
        return 0
    try:
        return _length(value)
    except ValueError:
        raise ValueError("must be retry-after, none, or a length of time like 100ms") from None


def _outcome(value: Any) -> Outcome:
    if isinstance(value, str) and value.isdigit():
        value = int(value)  # the key of a map is text
    if value in FAILURES or (isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599):
        return value  # type: ignore[no-any-return]  # one of those just tested for
    raise ValueError(f"must be a status like 503, or {', '.join(FAILURES[:-1])} or {FAILURES[-1]}")


def _counts(value: Any) -> dict[Outcome, int]:
    counts = {_outcome(key): count for key, count in value.items()}
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts.values()):
        raise ValueError('must be how many there are of each, like {"202": 10, "429": 2}')
    return counts


def _rule(value: Any) -> str:
    return _written_rule(value, parse_rule)


def _rules(value: Any) -> str:
    if isinstance(value, str) and not (value.isascii() and value.isprintable()):
        raise ValueError("goes into a header, which holds plain characters on one line")
    return _written_rule(value, parse_rules)


def _written_rule(value: Any, parse: Callable[[str], object]) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a rule, like queue:down times=2")
    try:
        parse(value)
    except RuleError as error:
        raise ValueError(error.line) from None
    return value


def _path(value: Any) -> str:
    # Nothing that leads to another host, or out of the API.
    if not isinstance(value, str) or not re.fullmatch(r"/v1/[!-~]+", value) or ".." in value:
        raise ValueError("must be a path of the API, like /v1/customers.get")
    return value


def _world(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be the name of a shipped world")
    try:
        find_shipped_world(value)
    except WorldError as error:
        raise ValueError(str(error)) from None
    return value


def _code(value: Any) -> str:
    if value not in FINDING_KINDS:
        raise ValueError(f"there is no finding {value!r}{guess(str(value), FINDING_KINDS)}")
    return str(value)


# -- the file

_STATUS = Read(_outcome)
_ONE_STATUS = integer(min=100, max=599)

_REPLY = Closed(
    {
        "status": optional(_ONE_STATUS),
        "body": optional(anything()),
        "headers": optional(record(Choice("must be text, or a number", string=string(), number=number()))),
        "no_reply": optional(boolean()),
        "statuses": optional(
            Choice(
                'must be a list in order, like [503, 202], or how many of each, like {"202": 10}',
                array=array(_STATUS),
                object=Read(_counts),
            )
        ),
    }
)

_RETRY = Closed(
    {
        "on": array(_STATUS, min=1),
        "times": optional(integer(min=1, max=_MAX_RETRIES)),
        "wait": optional(Read(_wait)),
    }
)

_BALANCE = Closed({"customer": string(min=1), "feature": string(min=1), "remaining": number()})

_FINDING = Closed(
    {
        "code": Read(_code),
        "message": optional(string()),
        "items": optional(integer(min=0)),
        "amounts": optional(record(number())),
        "certain": optional(boolean()),
    }
)

_COUNT_OR_PARTS = Choice(
    "must be how many there are, or a list with what each of them holds",
    number=integer(min=0),
    array=array(record()),
)

_SUMS = ("offered", "refused", "accepted", "ready", "in_flight", "deducted", "lost")

_STATE = Closed(
    {
        "balance": optional(
            Choice(
                "must be {customer: cus_123, feature: messages, remaining: 97}, or a list of such",
                object=_BALANCE,
                array=array(_BALANCE, min=1),
            )
        ),
        "stats": optional(
            Closed(
                {
                    **{name: optional(integer(min=0)) for name in _SUMS},
                    "lost_by_reason": optional(record(integer(min=0))),
                }
            )
        ),
        "findings": optional(
            array(Choice("must be the code of a finding, or a map with its code", string=Read(_code), object=_FINDING))
        ),
        "lost": optional(_COUNT_OR_PARTS),
        "failures": optional(_COUNT_OR_PARTS),
        "faults": optional(record()),
    },
    empty="expects nothing; name balance, stats, findings, lost, failures or faults",
)

_SAY = {"say": optional(string())}
_CALL = {
    **_SAY,
    "timeout": optional(Read(_length)),
    "timeout_is": optional(_ONE_STATUS),
    "with_fault": optional(Read(_rules)),
    "count": optional(integer(min=1, max=_MAX_CALLS)),
    "retry": optional(_RETRY),
    "expect": optional(_REPLY),
}

_VERBS = {
    "fault": Closed({**_SAY, "fault": Read(_rule)}),
    "clear": Closed({**_SAY, "clear": literal("faults")}),
    "batch": Closed({**_CALL, "batch": Body(array(record())), "repeat": optional(integer(min=1, max=_MAX_COPIES))}),
    "track": Closed({**_CALL, "track": Body(record())}),
    "check": Closed({**_CALL, "check": Body(record())}),
    "call": Closed(
        {
            **_CALL,
            "call": Closed(
                {
                    "path": Read(_path),
                    "method": optional(enum("POST", "GET", "PUT", "PATCH", "DELETE")),
                    "body": optional(Body(anything())),
                }
            ),
        }
    ),
    "drain": Closed({**_SAY, "drain": Read(_length), "expect": optional(Closed({"drained": boolean()}))}),
    "pause": Closed({**_SAY, "pause": literal("workers")}),
    "resume": Closed({**_SAY, "resume": literal("workers")}),
    "advance": Closed({**_SAY, "advance": Read(_duration)}),
    "freeze": Closed({**_SAY, "freeze": literal("clock")}),
    "expect": Closed({**_SAY, "expect": _STATE}),
}

SCENARIO = Closed(
    {
        "title": string(min=1),
        "story": optional(string()),
        "world": optional(Read(_world)),
        "steps": array(StepSchema(_VERBS), min=1),
    }
)
