"""The worked example: its suite passes on its own, and each planted bug fails the tests that are meant to find it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import pytest

import autumn_mock

METERING = Path(__file__).with_name("metering")
SOURCE = Path(autumn_mock.__file__).parents[1]
TIMEOUT = 120

#: Planted bug to the tests that find it, and no others.
FOUND_BY = {
    "retry-after-202": {"test_a_batch_that_was_accepted_is_never_sent_again"},
    "no-retry-on-503": {"test_an_outage_loses_nothing"},
    "no-back-off-on-429": {
        "test_a_full_rate_limit_is_waited_out",
        "test_a_429_is_not_repeated_before_its_time[7]",
        "test_a_429_is_not_repeated_before_its_time[date+7s]",
    },
}


class Outcome(NamedTuple):
    """How a run ended."""

    code: int
    tests: int
    failed: set[str]
    output: str


def run(directory: Path, bug: str | None = None) -> Outcome:
    """Run the suite as a user would who copied it: from another directory, without this project's settings."""
    project = directory / "my project"
    shutil.copytree(METERING, project / METERING.name, ignore=shutil.ignore_patterns("__pycache__"))
    env = {name: value for name, value in os.environ.items() if name not in ("METER_BUG", "PYTEST_ADDOPTS")}
    env |= {"PYTHONPATH": str(SOURCE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if bug is not None:
        env["METER_BUG"] = bug
    command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "autumn-mock", "--junitxml=report.xml"]
    done = subprocess.run(
        command, cwd=project, env=env, capture_output=True, encoding="utf-8", timeout=TIMEOUT, check=False
    )
    cases = list(ElementTree.parse(project / "report.xml").iter("testcase"))
    failed = {case.get("name", "") for case in cases if len(case)}
    return Outcome(done.returncode, len(cases), failed, done.stdout + done.stderr)


def test_the_suite_of_the_example_passes_wherever_it_is_copied_to(tmp_path: Path) -> None:
    outcome = run(tmp_path)
    assert (outcome.code, outcome.failed) == (0, set()), outcome.output
    assert outcome.tests >= 15


@pytest.mark.parametrize("bug", FOUND_BY)
def test_a_planted_bug_fails_the_tests_that_are_meant_to_find_it(tmp_path: Path, bug: str) -> None:
    outcome = run(tmp_path, bug)
    assert outcome.failed == FOUND_BY[bug], outcome.output
    assert outcome.code == 1


def test_each_planted_bug_is_in_the_table_and_in_the_readme() -> None:
    source = (METERING / "planted_bugs.py").read_text("utf-8")
    readme = (METERING / "README.md").read_text("utf-8")
    for bug in FOUND_BY:
        assert f'"{bug}":' in source
        assert bug in readme
    assert source.count('": ') == len(FOUND_BY)
