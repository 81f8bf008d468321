"""``-`` wherever a file is taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autumn_mock.cli import main
from autumn_mock.input_files import shipped_files

PROGRAM = (sys.executable, "-m", "autumn_mock")


def main_with(text: str | bytes, *words: str) -> Result:
    """Run a command in this process, with standard input."""
    return CliRunner().invoke(main, words, input=text)


def world_text() -> str:
    return shipped_files("world")["default"].read_text("utf-8")


def test_exec_reads_the_world_from_standard_input() -> None:
    code = (
        "import os, urllib.request as r; print(r.urlopen(os.environ['AUTUMN_MOCK_URL'] + '/_mock/quickstart').read())"
    )
    done = subprocess.run(
        [*PROGRAM, "exec", "--world", "-", "--ready-file", "-", "--", sys.executable, "-c", code],
        input=world_text().replace("cus_123", "cus_piped"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://127.0.0.1:")
    assert "cus_piped" in done.stdout


@pytest.mark.parametrize("command", ["serve", "exec"])
def test_errors_in_a_world_from_standard_input_name_it(command: str) -> None:
    end = ("--", "true") if command == "exec" else ()
    refused = main_with("organisations: 3\n", command, "--port", "0", "--world", "-", *end)
    assert refused.exit_code == 2
    assert "standard input:1:1: organisations: " in refused.output


def test_serve_reads_the_world_from_standard_input_and_says_so() -> None:
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--world", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(world_text())
        process.stdin.close()
        assert process.stdout.readline().startswith("autumn-mock ready http://")
    finally:
        process.terminate()
        process.wait(30)
    assert process.stderr is not None
    with process.stderr as log, process.stdout:
        assert "world        standard input\n" in log.read()


def test_a_database_cannot_be_standard_input() -> None:
    for command in (("serve",), ("exec", "--", "true")):
        refused = main_with("", command[0], "--db", "-", *command[1:])
        assert refused.exit_code == 2
        assert "a database must be a file" in refused.output


def test_world_and_scenario_commands_read_standard_input() -> None:
    assert main_with(world_text(), "world", "check", "-").output.startswith("- is valid: ")
    assert main_with(world_text(), "world", "show", "-").output == world_text()
    assert main_with("organisations: 3\n", "world", "check", "-").output.count("standard input:1:1") == 1
    scenario = shipped_files("scenario")["duplicate-delivery"].read_text("utf-8")
    assert main_with(scenario, "scenario", "check", "-").exit_code == 0
    assert "standard input:1:1" in main_with("steps: 3\n", "scenario", "check", "-").output


def test_audit_reads_a_snapshot_from_standard_input(tmp_path: Path) -> None:
    from autumn_mock.engine import Engine

    with Engine() as engine:
        content = engine.snapshot()
    found = main_with(content, "audit", "--db", "-", "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.output)["balanced"] is True
    assert list(tmp_path.iterdir()) == []
