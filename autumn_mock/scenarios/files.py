"""Finding and reading scenario files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import UNSET

from autumn_mock.fixtures_dir import fixtures_directory
from autumn_mock.scenarios.model import (
    Action,
    Advance,
    Arm,
    BalanceExpectation,
    ClearFaults,
    Drain,
    Expect,
    Freeze,
    ReplyExpectation,
    Retry,
    Scenario,
    Send,
    SetWorkers,
    StateExpectation,
    Step,
)
from autumn_mock.scenarios.schema import SCENARIO
from autumn_mock.wire.schema import Issues
from autumn_mock.worlds import WorldError
from autumn_mock.worlds.document import report
from autumn_mock.worlds.files import find_file, read_document

#: How long a client waits for a reply unless the step says otherwise, in ms.
REQUEST_TIMEOUT_S = 10_000
#: How often a client tries again unless the step says otherwise.
_RETRIES = 3

_PATHS = {"batch": "/v1/balances.batch_track", "track": "/v1/balances.track", "check": "/v1/balances.check"}


class ScenarioError(Exception):
    """A scenario that cannot be played. The message says where, ``PATH:LINE: KEY: what is wrong``, for each mistake."""


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that come with the program, by name."""
    directory = fixtures_directory() / "scenarios"
    return {path.stem: path for path in sorted(directory.glob("*.yaml"))}


def find_scenario(name_or_path: str) -> Path:
    """A shipped scenario by its name, or else the file at a path. Raises :class:`ScenarioError`."""
    try:
        return find_file("scenario", shipped_scenarios(), name_or_path)
    except WorldError as error:
        raise ScenarioError(str(error)) from None


def read_scenario(path: Path) -> Scenario:
    """A scenario from its file, or :class:`ScenarioError` with all that is wrong with it."""
    try:
        document = read_document(path)
        issues = Issues(0)
        content = SCENARIO.check(document.data, (), issues)
        report(document.problem(issue.path, issue.text) for issue in issues)
    except WorldError as error:  # what files of ours have in common is told so
        raise ScenarioError(str(error)) from None
    return Scenario(
        name=path.stem,
        path=path,
        title=content["title"],
        story=" ".join(content.get("story", "").split()),
        world=content.get("world", "default"),
        steps=tuple(
            Step(
                number=index + 1,
                line=document.lines["steps", index],
                say=" ".join(given.get("say", "").split()),
                action=_action(given),
            )
            for index, given in enumerate(content["steps"])
        ),
    )


def _action(given: Mapping[str, Any]) -> Action:
    verb = given["verb"]
    value = given[verb]
    match verb:
        case "fault":
            return Arm(value)
        case "clear":
            return ClearFaults()
        case "drain":
            return Drain(value, **given.get("expect", {}))
        case "pause" | "resume":
            return SetWorkers(paused=verb == "pause")
        case "advance":
            return Advance(value)
        case "freeze":
            return Freeze()
        case "expect":
            return Expect(_state(value))
        case _:
            return _send(given)


def _send(given: Mapping[str, Any]) -> Send:
    verb = given["verb"]
    if verb == "call":
        call = given["call"]
    else:
        call = {"path": _PATHS[verb], "body": given[verb]}
    return Send(
        verb=verb,
        method=call.get("method", "POST"),
        path=call["path"],
        body=call.get("body", UNSET),
        repeat=given.get("repeat", 1),
        count=given.get("count", 1),
        timeout=given.get("timeout", REQUEST_TIMEOUT_S),
        timeout_is=given.get("timeout_is"),
        with_fault=given.get("with_fault"),
        retry=_retry(given["retry"]) if "retry" in given else None,
        expect=_reply(given.get("expect", {})),
    )


def _retry(given: Mapping[str, Any]) -> Retry:
    return Retry(on=frozenset(given["on"]), times=given.get("times", _RETRIES), wait=given.get("wait"))


def _reply(given: Mapping[str, Any]) -> ReplyExpectation:
    statuses = given.get("statuses")
    return ReplyExpectation(
        status=given.get("status"),
        body=given.get("body", UNSET),
        headers={name.lower(): str(value) for name, value in given.get("headers", {}).items()},
        no_reply=given.get("no_reply"),
        statuses=tuple(statuses) if isinstance(statuses, list) else statuses,
    )


def _state(given: Mapping[str, Any]) -> StateExpectation:
    balances = given.get("balance", [])
    findings = given.get("findings")
    return StateExpectation(
        balances=tuple(BalanceExpectation(**each) for each in (balances if isinstance(balances, list) else [balances])),
        stats=given.get("stats"),
        findings=None
        if findings is None
        else tuple({"code": each} if isinstance(each, str) else each for each in findings),
        lost=_count_or_parts(given.get("lost")),
        failures=_count_or_parts(given.get("failures")),
        faults=given.get("faults"),
    )


def _count_or_parts(given: Any) -> int | tuple[Mapping[str, Any], ...] | None:
    return tuple(given) if isinstance(given, list) else given
