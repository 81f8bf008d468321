"""The values in scenario files: durations, outcomes, rules, paths and names."""

from __future__ import annotations

import re
from typing import Any, Literal

from autumn_mock.durations import parse_duration
from autumn_mock.faults.grammar import parse_rules
from autumn_mock.input_files import guess
from autumn_mock.input_schema import read_rule
from autumn_mock.journal.finding_kinds import FINDING_KINDS

#: Why there was no complete reply: none in time; the connection was closed; the body was cut off.
Failure = Literal["timeout", "reset", "truncated"]
#: The result of a request for a client: a status, or why there is none.
Outcome = int | Failure

FAILURES: tuple[Failure, ...] = ("timeout", "reset", "truncated")
#: What JSON Schema can say of :func:`read_outcome`.
OUTCOME_SCHEMA = {
    "anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"enum": [*FAILURES]}, {"pattern": "^[0-9]{3}$"}]
}
#: The longest wait of a step, in ms.
_MAX_WAIT = 600_000


def read_wait_time(value: Any) -> int:
    """Milliseconds, more than zero."""
    if not isinstance(value, str):
        raise ValueError("must be a duration like 400ms, 2s or 5m")
    length = parse_duration(value)
    if not 0 < length <= _MAX_WAIT:
        raise ValueError("must be a duration of at most 10m")
    return length


def read_retry_wait(value: Any) -> int | None:
    """Milliseconds; None for the time that the reply asks for."""
    if value in ("retry-after", "none"):
        return None if value == "retry-after" else 0
    try:
        return read_wait_time(value)
    except ValueError:
        raise ValueError("must be retry-after, none, or a duration like 100ms") from None


def read_outcome(value: Any) -> Outcome:
    """A status, or a failure by its name. The keys of maps are text."""
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if value in FAILURES or (isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599):
        return value  # type: ignore[no-any-return]  # one of those just tested for
    raise ValueError(f"must be a status like 503, or {', '.join(FAILURES[:-1])} or {FAILURES[-1]}")


def read_counts(value: Any) -> dict[Outcome, int]:
    """The number of each outcome."""
    counts = {read_outcome(key): count for key, count in value.items()}
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts.values()):
        raise ValueError('must be the number of each, like {"202": 10, "429": 2}')
    return counts


def read_header_rules(value: Any) -> str:
    """Rules that are sent in a header."""
    if isinstance(value, str) and not (value.isascii() and value.isprintable()):
        raise ValueError("must be one line of ASCII characters, because it is sent as a header")
    return read_rule(value, parse_rules)


def read_api_path(value: Any) -> str:
    """A path below /v1."""
    # No path that leads to another host, or out of the API.
    if not isinstance(value, str) or not re.fullmatch(r"/v1/[!-~]+", value) or ".." in value:
        raise ValueError("must be a path of the API, like /v1/customers.get")
    return value


def read_finding_code(value: Any) -> str:
    """The code of a finding."""
    if value not in FINDING_KINDS:
        raise ValueError(f"there is no finding {value!r}{guess(str(value), FINDING_KINDS)}")
    return str(value)
