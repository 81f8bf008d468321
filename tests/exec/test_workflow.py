"""The commands of the documentation for other languages, and its workflow, taken from there and run."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from autumn_mock.docs import topics
from tests.exec.running import SOURCE, Done, environment, run
from tests.exec.test_node import cases, project
from tests.support.node import Node

PAGE = topics()["testing-other"].text
#: Of a checkout beside the package: it is on no index.
INSTALL = "pip install ./autumn-mock"


def blocks(language: str) -> list[str]:
    """The blocks in a language of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def steps() -> list[dict[str, Any]]:
    """The steps of the workflow."""
    [block] = blocks("yaml")
    found = yaml.safe_load(block)
    assert isinstance(found, list)
    return found


def commands() -> list[str]:
    """The commands with ``exec``: those of the workflow, and those before it."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in (*lines, *(step.get("run", "") for step in steps())) if "autumn-mock exec" in line]


@pytest.fixture
def package(node: Node, tmp_path: Path) -> Path:
    """A tiny package whose tests drive the client, in a directory where nothing else is."""
    directory = project(tmp_path / "a package", node)
    for name in ("metering.test.ts", "vitest.config.mjs"):
        (directory / name).unlink()  # newer releases of Node would run it, too
    manifest = {"name": "a-package", "version": "1.0.0", "private": True, "scripts": {"test": "node --test"}}
    (directory / "package.json").write_text(json.dumps(manifest), "utf-8")
    return directory


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which ``autumn-mock`` is found, as it is where it was installed."""
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / "autumn-mock"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m autumn_mock "$@"\n', "utf-8")
    program.chmod(stat.S_IRWXU)
    return os.pathsep.join([str(directory), environment().get("PATH", "")])


def step(command: str, package: Path, path: str, bug: str = "") -> Done:
    """Run a command as a step of a workflow is: by a shell, in the package, and ended by the first that fails."""
    variables = {"PATH": path, "METERING_BUG": bug, "NO_COLOR": "1", "CI": "true"}
    return run(command, program=["sh", "-e", "-c"], cwd=package, env=variables)


def report_of(command: str) -> str | None:
    """The file that a command writes its report to."""
    words = shlex.split(command)
    return words[words.index("--report") + 1] if "--report" in words else None


def test_workflow_has_the_known_steps() -> None:
    """Its steps install this package, for a Python that it supports, and run its command."""
    found = steps()
    assert [step["uses"].split("@")[0] for step in found if "uses" in step] == ["actions/setup-python"]
    [version] = [step["with"]["python-version"] for step in found if "with" in step]
    assert (SOURCE / "pyproject.toml").read_text("utf-8").count('requires-python = ">=3.10"') == 1
    assert tuple(map(int, str(version).split("."))) >= (3, 10)
    runs = [step["run"] for step in found if "run" in step]
    assert runs[0] == INSTALL
    assert len(runs) == 2
    assert runs[1].startswith("autumn-mock exec ")
    assert "npm test" in runs[1]


@pytest.mark.skipif(sys.platform == "win32", reason="the steps are for sh")
@pytest.mark.parametrize("command", commands())
def test_command_of_the_page_runs_the_tests_of_a_package(command: str, package: Path, path: str) -> None:
    done = step(command, package, path)
    assert done.code == 0, done
    assert b"what was recorded is deducted once" in done.out
    report = report_of(command)
    if report is not None:
        found = cases(package / report)
        assert set(found.values()) == {None}
        assert next(iter(found)) == command.partition(" -- ")[2]


@pytest.mark.skipif(sys.platform == "win32", reason="the steps are for sh")
@pytest.mark.parametrize(
    ("bug", "code", "failed"), [("forgets", 1, "npm test"), ("retry-after-202", 3, "resent_after_accepted")]
)
def test_workflow_step_fails_for_failed_tests_and_violations(
    bug: str, code: int, failed: str, package: Path, path: str
) -> None:
    [command] = [each["run"] for each in steps() if "autumn-mock exec" in each.get("run", "")]
    if code == 3:  # a suite that does not check the balance does not notice
        suite = package / "metering.test.mjs"
        suite.write_text(suite.read_text("utf-8").replace("before - 3.5", "before - 7"), "utf-8")
    done = step(command, package, path, bug)
    assert done.code == code, done
    report = report_of(command)
    assert report is not None
    assert [name for name, message in cases(package / report).items() if message is not None] == [failed]
