"""The report cards of the official SDKs: which releases, in which configurations, and the page that shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from autumn_mock.certification.model import DEFAULT_TIMEOUT_MS, LEVELS, ConformanceCase, read_cases
from autumn_mock.certification.results import CaseResult, Certificate
from autumn_mock.certification.runner import certify
from autumn_mock.input_files import find_shipped, fixtures_directory, shipped_files
from autumn_mock.testing.embedded import Emulator
from tests.support import node as node_packages
from tests.support.old_sdk import NEWEST, OLD, python_with

PAGE = Path(__file__).parents[2] / "autumn_mock" / "docs" / "report-cards.md"
#: Cases at the same time. They mostly wait.
JOBS = 8


class Release(NamedTuple):
    """A release of an SDK; ``command`` and the working directory of its adapter are found when they are needed."""

    client: str
    version: str
    command: Callable[[], tuple[list[str], Path]]

    @property
    def name(self) -> str:
        """As the page names it."""
        return f"{self.client} {self.version}"


def _javascript(alias: str) -> Callable[[], tuple[list[str], Path]]:
    def command() -> tuple[list[str], Path]:
        node = node_packages.installed()
        heap = f"--initial-heap-size={HEAP_WITHOUT_COLLECTION}"
        return [node.executable, heap, str(find_shipped("adapter", "autumn-js")), alias], node.packages

    return command


def _python(version: str) -> Callable[[], tuple[list[str], Path]]:
    def command() -> tuple[list[str], Path]:
        adapter = str(find_shipped("adapter", "autumn-sdk"))
        return [str(python_with(version)), "-I", adapter], fixtures_directory()

    return command


RELEASES = (
    Release("autumn-js", "1.3.13", _javascript("autumn-js")),
    Release("autumn-js", "1.2.28", _javascript("autumn-js-1.2")),
    Release("autumn-sdk", NEWEST, _python(NEWEST)),
    Release("autumn-sdk", OLD, _python(OLD)),
)
#: Name to the settings of the adapter.
CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "as installed": {},
    "fail-open off": {"fail_open": False},
    "retries": {"fail_open": False, "retries": True},
    "retries and keys": {"fail_open": False, "retries": True, "keys": True},
}
#: What a configuration means, for the page.
MEANINGS = {
    "as installed": "the defaults: fail-open on, no retries",
    "fail-open off": "`failOpen: false`, `fail_open=False`",
    "retries": "fail-open off; `retryConfig` or `retry_config`: back-off up to 5 s, 10 s in all, connection errors too",
    "retries and keys": "the same, and a header `Idempotency-Key` that the caller makes for each call",
}

#: Node collects no garbage of the old generation below this heap, in MB: see :data:`LOST_TIMEOUTS`.
HEAP_WITHOUT_COLLECTION = 1024
LOST_TIMEOUTS = (
    "On Node 20, a call of autumn-js can outlast its `timeoutMs` for ever: the SDK combines the time-out's "
    "`AbortSignal` with others, and the garbage collector may drop the combination before it aborts the request. "
    "Measured with 1.3.13: 30 of 30 calls to a server that does not answer hang when a collection is forced each "
    "50 ms, none without. Measured with 1.2.28: 10 of 24 runs of the cases `hang-before` and `hang-after` hang, and "
    f"none of 36 with `node --initial-heap-size={HEAP_WITHOUT_COLLECTION}`, which leaves the collector little to do. "
    "The verdicts here are made with that option, and a case that hangs all the same is played once more."
)


def cases() -> list[ConformanceCase]:
    """All shipped cases."""
    return read_cases(shipped_files("case"))


def make(release: Release, configuration: str) -> Certificate:
    """Run the suite on a release in a configuration. Cases with a lost time-out are played once more."""
    certificate = _certify(release, configuration, cases())
    hung = [each.case for each in certificate.results if _lost_its_timeout(release, each)]
    if not hung:
        return certificate
    again = {each.case.name: each for each in _certify(release, configuration, hung).results}
    return structs.replace(certificate, results=tuple(again.get(each.case.name, each) for each in certificate.results))


def _certify(release: Release, configuration: str, chosen: Sequence[ConformanceCase]) -> Certificate:
    command, folder = release.command()
    settings = dict(CONFIGURATIONS[configuration])
    with Emulator() as mock:
        return certify(chosen, mock.url, command, settings=settings, jobs=JOBS, cwd=folder)


def _lost_its_timeout(release: Release, result: CaseResult) -> bool:
    """Whether a client never answered in a case that gives it a time-out: see :data:`LOST_TIMEOUTS`."""
    return (
        release.client == "autumn-js"
        and result.case.configure.timeout < DEFAULT_TIMEOUT_MS
        and any("adapter did not answer" in problem for problem in result.problems)
    )


# -- the page


def page(cards: Mapping[tuple[str, str], Certificate]) -> str:
    """The page, from the certificates by release and configuration."""
    some = next(iter(cards.values()))
    parts = [
        "# Report cards of the official SDKs",
        "What the official SDKs do in each case of `autumn-mock certify`, and which of their configurations does best.",
        f"Made on {some.date} with autumn-mock {some.version} by `python -m tests.certification`; a test of the suite "
        "compares the verdicts with those of the day. The cases are listed by `autumn-mock certify --list`, and what "
        "the levels mean is described in [certify.md](certify.md).",
        "## Passed cases",
        _summary(cards),
        "\n".join(f"- *{name}*: {meaning}." for name, meaning in MEANINGS.items()),
        "A case of the level must that *retries* fail and *retries and keys* pass charges usage twice. With keys "
        "the SDKs raise an error with status 409 when an earlier try was recorded; take it for a success.",
        f"autumn-sdk {OLD} registers none of its hooks, and so never fails open, whatever `fail_open` says.",
        LOST_TIMEOUTS,
    ]
    for release in RELEASES:
        parts += [f"## {release.name}", _best(cards, release), _table(cards, release)]
    return "\n\n".join(parts) + "\n"


def _summary(cards: Mapping[tuple[str, str], Certificate]) -> str:
    lines = [f"| | {' | '.join(CONFIGURATIONS)} |", f"|---|{'---|' * len(CONFIGURATIONS)}"]
    for release in RELEASES:
        found = [cards[release.name, name].summary for name in CONFIGURATIONS]
        lines.append(f"| {release.name} | {' | '.join(found)} |")
    return "\n".join(lines)


def _best(cards: Mapping[tuple[str, str], Certificate], release: Release) -> str:
    def passed(name: str) -> list[int]:
        return [cards[release.name, name].counts(level)["passed"] for level in LEVELS]

    best = max(CONFIGURATIONS, key=passed)
    return f"Best: *{best}* ({cards[release.name, best].summary})."


def _table(cards: Mapping[tuple[str, str], Certificate], release: Release) -> str:
    lines = [f"| case | level | {' | '.join(CONFIGURATIONS)} |", f"|---|---|{'---|' * len(CONFIGURATIONS)}"]
    found = {name: {each.case.name: each for each in cards[release.name, name].results} for name in CONFIGURATIONS}
    for case in cases():
        cells = [cell(found[name][case.name]) for name in CONFIGURATIONS]
        lines.append(f"| `{case.name}` | {case.level} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(result: CaseResult) -> str:
    """What a client did in a case: the verdict, its answers, and what was charged if that is not what it should be."""
    verdict = "**failed**" if result.verdict == "failed" else result.verdict
    text = f"{verdict}: {', '.join(result.answers)}" if result.answers else verdict
    wanted = {(each.customer, each.feature): each.amount for each in result.case.charged}
    if result.verdict == "failed":
        for meter in dict.fromkeys([*wanted, *result.charged]):
            actual, right = result.charged.get(meter, 0), wanted.get(meter, 0)
            if actual != right:
                text += f"; {actual:g} instead of {right:g} charged"
    return text


def verdicts(text: str) -> dict[tuple[str, str, str], str]:
    """The verdicts of a page, by release, configuration and case."""
    found: dict[tuple[str, str, str], str] = {}
    release = ""
    for line in text.splitlines():
        if line.startswith("## "):
            release = line.removeprefix("## ")
        row = re.match(r"\| `([^`]+)` \| (?:must|should|may) \| (.*) \|$", line)
        if row:
            words = [re.sub(r"\W.*", "", each.strip().strip("*")) for each in row[2].split(" | ")]
            for name, word in zip(CONFIGURATIONS, words, strict=True):
                found[release, name, row[1]] = word
    return found
