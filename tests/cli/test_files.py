"""``-`` wherever a file is taken."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
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


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
@pytest.mark.parametrize(
    ("words", "text", "code", "shown"),
    [
        (("world", "check", "PIPE"), world_text(), 0, "PIPE"),
        (("world", "check", "PIPE"), "organisations: 3\n", 2, "PIPE:1:1: organisations: "),
        (("exec", "--world", "PIPE", "--", "true"), world_text(), 0, ""),
        (("import", "events", "PIPE", "--check"), "customer_id,nmae\n", 2, "PIPE:1:2: nmae: unknown column"),
    ],
)
def test_a_pipe_is_read_once_and_named(
    tmp_path: Path, words: tuple[str, ...], text: str, code: int, shown: str
) -> None:
    """As a shell makes it for ``<(command)``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
    writer.start()
    nowhere = {"AUTUMN_MOCK_URL": "http://127.0.0.1:9"}
    result = CliRunner().invoke(main, [each.replace("PIPE", str(pipe)) for each in words], env=nowhere)
    writer.join(10)
    assert (result.exit_code, writer.is_alive()) == (code, False), result.output
    assert shown.replace("PIPE", str(pipe)) in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="device files")
@pytest.mark.parametrize(
    "words",
    [("world", "check", "DEVICE"), ("serve", "--port", "0", "--world", "DEVICE"), ("serve", "--config", "DEVICE")],
    ids=["world check", "serve --world", "serve --config"],
)
def test_a_device_without_end_is_refused(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [each.replace("DEVICE", "/dev/zero") for each in words])
    assert result.exit_code == 2
    assert re.search("/dev/zero: (it is not a regular file|larger than the limit)", result.output), result.output


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


@pytest.mark.parametrize(
    ("words", "name", "kind"),
    [
        (["world", "check", "empty"], "empty", "world"),
        (["world", "show", "empty"], "empty", "world"),
        (["generate", "--world", "empty", "out.json"], "empty", "world"),
        (["exec", "--world", "empty", "true"], "empty", "world"),
        (["serve", "--world", "empty", "--host", "192.0.2.1", "--control-token", "x"], "empty", "world"),
        (["scenario", "check", "partial-failure"], "partial-failure", "scenario"),
        (["certify", "--list", "--case", "burst"], "burst", "case"),
    ],
    ids=" ".join,
)
def test_a_shipped_name_that_is_a_folder_here_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], name: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    warning = f"{name} is the shipped {kind}; for the file or folder of that name here, write .{os.sep}{name}"
    assert warning not in CliRunner().invoke(main, words).stderr
    (tmp_path / name).mkdir()
    assert CliRunner().invoke(main, words).stderr.count(warning) == 1


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
