"""Every example of the README, run as it stands against a server."""

from __future__ import annotations

import os
import re
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
from tests.support.node import Node
from tests.support.server import ServerProcess

README = (Path(autumn_mock.__file__).parents[1] / "README.md").read_text("utf-8")
#: The address of the examples.
URL = "http://127.0.0.1:2886"
#: Seconds for one example.
TIMEOUT_S = 120
#: What the examples call the client of the reader.
MY_CLIENT = """
import time
import httpx
from autumn_mock import Emulator

class MyClient:
    def __init__(self, base_url, secret_key):
        self.http = httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {secret_key}"})

    def track(self, customer, feature, value):
        body = [{"customer_id": customer, "feature_id": feature, "value": value}]
        while self.http.post("/v1/balances.batch_track", json=body).status_code == 503:
            time.sleep(1.05)
"""


def blocks(language: str) -> list[str]:
    """The examples in a language, without the two commands at the top, which install."""
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [each for each in found if "pip install" not in each]


def commands() -> list[str]:
    """The lines of the examples that are commands of autumn-mock, without their comments."""
    lines = "\n".join(blocks("sh")).splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.startswith("autumn-mock ")]


def run(command: list[str], cwd: Path, url: str, text: str | None = None) -> str:
    """The output of a command, which has to succeed."""
    environment = {**os.environ, "AUTUMN_MOCK_URL": url, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


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


@pytest.mark.parametrize("command", commands())
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
    (script,) = [each for each in blocks("sh") if each.startswith("curl")]
    shown = run(["sh", "-ec", script.replace(URL, running.url)], directory, running.url)
    assert shown.startswith('{"success":true}')
    assert '"feature_id": "messages"' in shown or '"feature_id":"messages"' in shown


def test_javascript(running: ServerProcess, node: Node) -> None:
    (script,) = blocks("js")
    command = [node.executable, "--input-type=module", "-"]
    assert float(run(command, node.packages, running.url, script.replace(URL, running.url)))


def test_python(running: ServerProcess, tmp_path: Path) -> None:
    (script,) = [each for each in blocks("python") if "autumn_sdk" in each]
    run([sys.executable, "-c", script.replace(URL, running.url)], tmp_path, running.url)


def test_pytest_fixture(tmp_path: Path) -> None:
    (example,) = [each for each in blocks("python") if "def test_" in each]
    (tmp_path / "test_example.py").write_text(f"{MY_CLIENT}\n\n{example}", "utf-8")
    assert "1 passed" in run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], tmp_path, "")


def test_emulator(tmp_path: Path) -> None:
    (example,) = [each for each in blocks("python") if "with Emulator" in each]
    example += "    client.track('cus_123', 'messages', 3)\n    mock.assert_deducted('cus_123', 'messages', 3)\n"
    run([sys.executable, "-c", f"{MY_CLIENT}\n{example}"], tmp_path, "")


def test_unittest(tmp_path: Path) -> None:
    (example,) = [each for each in blocks("python") if "unittest.TestCase" in each]
    method = "def test_it(self):\n    MyClient(self.mock.url, self.mock.key).track('cus_123', 'messages', 3)\n"
    text = f"import unittest\n{MY_CLIENT}\n{example}\n{textwrap.indent(method, '    ')}"
    (tmp_path / "test_example.py").write_text(text, "utf-8")
    assert "OK" in run([sys.executable, "-m", "unittest", "test_example"], tmp_path, "")
