"""Every example of the README, run as it stands against a server."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import autumn_mock
from autumn_mock.input_files import shipped_files
from tests.support.client import Client
from tests.support.examples import MY_CLIENT, URL, blocks, commands, run
from tests.support.node import Node
from tests.support.server import ServerProcess

README = (Path(autumn_mock.__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def running() -> Iterator[ServerProcess]:
    """A server that has served some requests."""
    with ServerProcess("--rate-limit", "off") as server:
        client = Client(server.url)
        for _ in range(12):
            client.post("/v1/balances.track", {"customer_id": "cus_456", "feature_id": "nope"})
        yield server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the files that the examples name."""
    (tmp_path / "reply.json").write_text('{"allowed": true}', "utf-8")
    shutil.copy(shipped_files("scenario")["unknown-customers"], tmp_path / "my-failure.yaml")
    (tmp_path / "package.json").write_text('{"scripts": {"test": "node --version"}}', "utf-8")
    (tmp_path / "one.test.mjs").write_text('import test from "node:test";\ntest("one", () => {});\n', "utf-8")
    return tmp_path


@pytest.mark.parametrize("command", commands(README))
def test_commands(running: ServerProcess, directory: Path, request: pytest.FixtureRequest, command: str) -> None:
    words = shlex.split(command)
    if words[1] == "exec":
        request.getfixturevalue("node")
        words[words.index("--") + 1] = shutil.which(words[words.index("--") + 1]) or ""
    program = [sys.executable, "-m", "autumn_mock", *words[1:]]
    if "--follow" in words:
        environment = {**os.environ, "AUTUMN_MOCK_URL": running.url}
        with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE) as following:
            assert following.stdout is not None
            assert following.stdout.readline()
            following.kill()
        return
    assert run(program, directory, running.url)
    for each in ("fault clear", "queue resume"):
        run([sys.executable, "-m", "autumn_mock", *each.split()], directory, running.url)


@pytest.mark.skipif(sys.platform == "win32", reason="the example is for a Unix shell")
def test_curl(running: ServerProcess, directory: Path) -> None:
    (script,) = [each for each in blocks(README, "sh") if each.startswith("curl")]
    shown = run(["sh", "-ec", script.replace(URL, running.url)], directory, running.url)
    assert shown.startswith('{"success":true}')
    assert '"feature_id": "messages"' in shown or '"feature_id":"messages"' in shown


def test_javascript(running: ServerProcess, node: Node) -> None:
    (script,) = blocks(README, "js")
    command = [node.executable, "--input-type=module", "-"]
    assert float(run(command, node.packages, running.url, script.replace(URL, running.url)))


def test_python(running: ServerProcess, tmp_path: Path) -> None:
    (script,) = [each for each in blocks(README, "python") if "autumn_sdk" in each]
    run([sys.executable, "-c", script.replace(URL, running.url)], tmp_path, running.url)


def test_pytest_fixture(tmp_path: Path) -> None:
    (example,) = [each for each in blocks(README, "python") if "def test_" in each]
    (tmp_path / "test_example.py").write_text(f"{MY_CLIENT}\n\n{example}", "utf-8")
    assert "1 passed" in run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], tmp_path, "")


def test_emulator(tmp_path: Path) -> None:
    (example,) = [each for each in blocks(README, "python") if "with Emulator" in each]
    example += "    client.track('cus_123', 'messages', 3)\n    mock.assert_deducted('cus_123', 'messages', 3)\n"
    run([sys.executable, "-c", f"{MY_CLIENT}\n{example}"], tmp_path, "")


def test_unittest(tmp_path: Path) -> None:
    (example,) = [each for each in blocks(README, "python") if "unittest.TestCase" in each]
    method = "def test_it(self):\n    MyClient(self.mock.url, self.mock.key).track('cus_123', 'messages', 3)\n"
    text = f"import unittest\n{MY_CLIENT}\n{example}\n{textwrap.indent(method, '    ')}"
    (tmp_path / "test_example.py").write_text(text, "utf-8")
    assert "OK" in run([sys.executable, "-m", "unittest", "test_example"], tmp_path, "")
