"""The recipes for test runners of other languages, each run as its users run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autumn_mock
from tests.docs.generated import FILES
from tests.support.examples import blocks
from tests.support.node import Node, installed
from tests.web.test_reproducible import port

__all__ = ["port"]

EXAMPLES = Path(autumn_mock.__file__).parents[1] / "fixtures" / "examples"
EXEC = [sys.executable, "-m", "autumn_mock", "exec", "--check-findings", "--"]
#: Seconds for a run, the compiler of Go included.
TIMEOUT_S = 240


@pytest.fixture(scope="module")
def packages() -> Node:
    """The packages of the examples."""
    return installed(EXAMPLES)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples, with a command that runs this checkout."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder)
    command = folder / "autumn-mock"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m autumn_mock "$@"\n', "utf-8")
    command.chmod(0o755)
    return folder


def run(folder: Path, *command: str, **variables: str) -> str:
    """The output of a run, which has to succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTUMN_", "PYTEST_"))}
    source = str(EXAMPLES.parents[1])
    environment = {**kept, "PYTHONPATH": source, "AUTUMN_MOCK_COMMAND": str(folder.parent / "autumn-mock"), **variables}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tool(packages: Node, name: str) -> str:
    return str(packages.packages / "node_modules" / ".bin" / name)


unix = pytest.mark.skipif(sys.platform == "win32", reason="the command of the test is a shell script")


@unix
@pytest.mark.node
@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "command", "passed"),
    [
        ("vitest", ["vitest", "run"], "2 passed"),
        ("jest", ["jest"], "2 passed"),
        ("playwright", ["playwright", "test"], "2 passed"),
    ],
)
def test_runner_starts_a_server(
    packages: Node, examples: Path, port: int, runner: str, command: list[str], passed: str
) -> None:
    packages.link_packages(examples)
    name, *words = command
    settings = {"NO_COLOR": "1", "CI": "1", "AUTUMN_MOCK_PORT": str(port)}
    assert passed in run(examples / runner, tool(packages, name), *words, **settings)


@pytest.mark.node
@pytest.mark.slow
def test_they_compile_in_strict_typescript(packages: Node, examples: Path) -> None:
    """The recipes, and what JavaScript the README and the pages show."""
    packages.link_packages(examples)
    shown = [script for path in FILES.values() for script in blocks(path.read_text("utf-8"), "js")]
    assert len(shown) > 2
    for number, script in enumerate(shown):
        (examples / f"shown{number}.mts").write_text(script, "utf-8")
    sources = [str(path) for path in (*examples.glob("*.mts"), *examples.glob("*/*.ts"))]
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"]
    run(examples, tool(packages, "tsc"), *options, *sources)


@unix
@pytest.mark.node
@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "command"), [("node", ["node", "--test"]), ("vitest", ["vitest", "run"]), ("jest", ["jest"])]
)
def test_runner_under_exec(packages: Node, examples: Path, runner: str, command: list[str]) -> None:
    packages.link_packages(examples)
    name, *words = command
    program = packages.executable if name == "node" else tool(packages, name)
    options = ["--auto-org"] if runner != "node" else []
    run(examples / runner, *EXEC[:4], *options, *EXEC[4:], program, *words, NO_COLOR="1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "command"), [("go", ["go", "test", "./..."]), ("rspec", ["rspec", "usage_spec.rb"])]
)
def test_runner_of_another_language(examples: Path, runner: str, command: list[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"there is no {command[0]} on the PATH")
    run(examples / runner, *EXEC, program, *command[1:], GOFLAGS="-count=1", GOTOOLCHAIN="local")
