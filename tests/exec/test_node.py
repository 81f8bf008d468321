"""Suites in JavaScript under ``autumn-mock exec``: Node's own runner and Vitest, both driving the published client."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from autumn_mock.journal.finding_kinds import FINDING_KINDS
from tests.exec.running import Done, execute
from tests.support.node import Node

SOURCES = Path(__file__).with_name("node")
#: The first batch is refused: the client waits a second and retries.
OUTAGE = ("--fault", "queue:down times=1")
FIRST_TEST = "a batch is accepted"


class Suite(NamedTuple):
    """A suite in a directory of its own, and the command that runs it."""

    directory: Path
    command: list[str]
    #: The option with which one test alone is run, by its name.
    only: str

    def run(self, *options: str, bug: str = "", only: str | None = None) -> Done:
        """Run it, or one test of it, under ``autumn-mock exec`` with some options."""
        words = [*self.command[:2], *([f"{self.only}={only}"] if only is not None else []), *self.command[2:]]
        return execute(*options, "--", *words, cwd=self.directory, env={"METERING_BUG": bug, "NO_COLOR": "1"})


@pytest.fixture(params=["node", "vitest"])
def suite(request: pytest.FixtureRequest, node: Node, tmp_path: Path) -> Suite:
    """The suite of a runner."""
    directory = project(tmp_path / "a project", node)
    if request.param == "node":
        return Suite(directory, [node.executable, "--test", "metering.test.mjs"], "--test-name-pattern")
    vitest = shutil.which("vitest", path=directory / "node_modules" / ".bin")
    assert vitest is not None
    return Suite(directory, [vitest, "run"], "--testNamePattern")


def project(directory: Path, node: Node) -> Path:
    """A copy of the client and its suites, with the installed packages."""
    shutil.copytree(SOURCES, directory)
    node.link_packages(directory)
    return directory


def cases(report: Path) -> dict[str, str | None]:
    """The test cases of a JUnit report, each with the message of its failure."""
    tree = ElementTree.parse(report).getroot()
    found = [(case.get("name", ""), case.find("failure")) for case in tree.iter("testcase")]
    return {name: None if failure is None else failure.get("message") for name, failure in found}


def test_exec_passes_with_a_passing_suite(suite: Suite, tmp_path: Path) -> None:
    """Through an outage, with nothing against the contract."""
    report = tmp_path / "report.json"
    done = suite.run(*OUTAGE, "--check-findings", "--report", str(report))
    assert done.code == 0, done
    assert b"3" in done.out  # the runner's own words come through
    document = json.loads(report.read_text("utf-8"))
    assert (document["exit_code"], document["command"], document["findings"]) == (0, suite.command, [])
    stats = document["stats"]
    assert (stats["offered"], stats["refused"], stats["deducted"], stats["lost"]) == (4, 1, 3, 0)
    batches = [each["status"] for each in document["requests"] if each["call"] == "balances.batch_track"]
    assert batches == [503, 202, 202, 404]


def test_exec_fails_with_a_failing_suite(suite: Suite, tmp_path: Path) -> None:
    """Its own exit code is the run's, though the contract was kept."""
    report = tmp_path / "report.xml"
    done = suite.run("--check-findings", "--report", str(report), bug="forgets")
    assert done.code == 1, done
    failed = {name: message for name, message in cases(report).items() if message is not None}
    assert list(failed) == [next(iter(cases(report)))]  # the command, and no finding
    assert "exit code 1" in str(*failed.values())


def test_exec_fails_a_passing_suite_whose_client_retries_after_a_202(suite: Suite, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    done = suite.run("--check-findings", "--report", str(report), bug="retry-after-202", only=FIRST_TEST)
    assert done.code == 3, done
    assert FINDING_KINDS["resent_after_accepted"].instead in done.err
    found = cases(report)
    assert [name for name, message in found.items() if message is not None] == ["resent_after_accepted"]
    assert set(FINDING_KINDS) < set(found)
    assert len(found) == 1 + len(FINDING_KINDS)
