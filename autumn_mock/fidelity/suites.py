"""The suites of the fidelity check, and how they are played: against an emulator of its own, or another server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import yaml

from autumn_mock.fidelity.cases import play_cases
from autumn_mock.fidelity.recordings import Played, directory, lines, play_exchanges, play_runs
from autumn_mock.fidelity.service import Service


class Suite(NamedTuple):
    """Some recordings of one form."""

    name: str
    file: str
    play: Callable[[Service, str], Iterator[Played]]
    #: The settings of the emulator to play it against.
    settings: dict[str, Any]

    @property
    def size(self) -> int:
        """How many exchanges, runs or cases it has, at most."""
        return sum(1 for _ in lines(self.file))


_CALL = re.compile(r"/v1/[\w.]+")
_KINDS = {"status": "status", "field missing": ": missing", "field added": ": not recorded", "entries": " entries "}
_RECORDED = {"world": "recordings"}
SUITES = (
    Suite("exchanges", "exchanges.jsonl", play_exchanges, _RECORDED),
    Suite("scenarios", "scenarios.jsonl", play_runs, _RECORDED),
    Suite("scenarios in time", "scenarios-time.jsonl", play_runs, _RECORDED),
    Suite("random walks", "walks.jsonl", play_runs, _RECORDED),
    Suite("cases", "cases.jsonl", play_cases, {"world": "empty", "rate_limit": "off"}),
)


@cache
def known() -> dict[str, str]:
    """Recorded answers that an emulator does not give, each with the reason: artefacts of the recorded server."""
    found: dict[str, str] = yaml.safe_load((directory() / "known.yaml").read_text("utf-8"))
    return found


@contextmanager
def own_service(suite: Suite) -> Iterator[Service]:
    """A new emulator for a suite, in this process."""
    from autumn_mock.testing.embedded import Emulator  # the public `autumn_mock.Emulator`, as any program uses it

    with Emulator(**suite.settings) as mock, Service(mock.url) as service:
        yield service


@contextmanager
def given_service(url: str, key: str, token: str | None = None) -> Iterator[Service]:
    """A server for a suite. What the suite makes in the organisation of ``key`` is deleted afterwards."""
    with Service(url, key, token) as service:
        before = service.content(key)
        try:
            yield service
        finally:
            service.clear(key, before)


class Result(NamedTuple):
    """What a suite found, each list in the order of its file."""

    suite: Suite
    matched: list[Played]
    differing: list[Played]
    #: Those that differ for a reason that is known.
    known: list[Played]
    skipped: list[Played]


def run(suite: Suite, service: Service, progress: Callable[[], None] = lambda: None) -> Result:
    """Play a suite; ``progress`` is called after each exchange, run or case."""
    result = Result(suite, [], [], [], [])
    for played in suite.play(service, suite.file):
        if played.skipped is not None:
            result.skipped.append(played)
        elif not played.problems:
            result.matched.append(played)
        else:
            (result.known if played.name in known() else result.differing).append(played)
        progress()
    return result


def kind_of(problem: str) -> str:
    """The call and the kind of a difference, to count alike ones: ``/v1/balances.check: status``."""
    found = _CALL.search(problem)
    what = next((kind for kind, words in _KINDS.items() if words in problem), "value")
    return f"{found[0] if found else 'final read'}: {what}"
