"""Every example of the documentation and of the README's commands, run as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from autumn_mock.cli import main
from autumn_mock.cli.settings_file import defaults_of
from autumn_mock.engine import Engine
from autumn_mock.input_files import shipped_files
from tests.docs.generated import FILES, FOLDER
from tests.support.client import Client
from tests.support.examples import MY_CLIENT, URL, blocks, commands, files, run
from tests.support.node import Node
from tests.support.server import ServerProcess

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: What follows an example that only begins something.
_THEN = {
    "with Emulator": "    client.track('cus_123', 'messages', 3)\n    mock.assert_deducted('cus_123', 'messages', 3)\n",
    "unittest.TestCase": (
        "\n    def test_it(self):\n"
        "        MyClient(self.mock.url, self.mock.key).track('cus_123', 'messages', 3)\n"
        "        self.mock.assert_deducted('cus_123', 'messages', 3)\n"
    ),
}
#: A line that is a command of autumn-mock, perhaps with variables before it, or in an environment.
_COMMAND = re.compile(r"(?:\w+=\S+ )*(?:\S+/)?autumn-mock (.*)")
#: What the JavaScript of a page prints.
_SHOWN = {
    "getting-started": r"^\d+$",
    "idempotency": "^409$",
    "webhooks": r"^400\nbalances.limit_reached cus_123$",
    "purchases": r"^true\npaid 20 usd\npro active 20",
}
#: Pages whose examples other tests run: a README, whose clients are in ``tests/test_readme.py``.
_OTHERS = ("README",)


def examples(language: str) -> list[tuple[str, str]]:
    """(page, text) of every example in a language."""
    return [
        (name, block)
        for name, path in FILES.items()
        if name not in _OTHERS
        for block in blocks(path.read_text("utf-8"), language)
    ]


def is_test(script: str) -> bool:
    """Whether an example is for a test runner."""
    return "def test_" in script or "TestCase" in script


def complete(script: str) -> str:
    """An example with what is the reader's own: the client, and what follows."""
    script += next((more for begin, more in _THEN.items() if begin in script), "")
    before = "import unittest\n" if "unittest" in script else ""
    return f"{before}{MY_CLIENT if 'MyClient' in script else ''}\n\n{script}"


@pytest.fixture(scope="module")
def running() -> Iterator[ServerProcess]:
    with ServerProcess("--rate-limit", "off") as server:
        yield server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the files that the examples name."""
    (tmp_path / "reply.json").write_text('{"allowed": true}', "utf-8")
    shutil.copy(shipped_files("scenario")["unknown-customers"], tmp_path / "my-failure.yaml")
    (tmp_path / "package.json").write_text('{"scripts": {"test": "node --version"}}', "utf-8")
    (tmp_path / "one.test.mjs").write_text('import test from "node:test";\ntest("one", () => {});\n', "utf-8")
    return tmp_path


def furnish(client: Client, command: list[str], directory: Path) -> None:
    """Have the server, and the directory, as the reader of a command has them."""
    client.post("/_mock/reset", {}, key=None)
    for _ in range(12):
        client.post("/v1/balances.track", {"customer_id": "cus_456", "feature_id": "nope"})
    if command[0] == "checkouts":
        client.post("/v1/billing.attach", {"customer_id": "cus_123", "plan_id": "pro"})
    if command[:2] == ["webhooks", "trigger"]:
        client.post("/_mock/webhooks/endpoints", {"url": "http://127.0.0.1:9/hook"})
    if command[:2] == ["world", "check"]:
        shutil.copy(shipped_files("world")["default"], directory / command[2])
    if command[:2] == ["snapshot", "load"]:
        (directory / command[2]).write_bytes(client.send("GET", "/_mock/snapshot", None, {})[2])


@pytest.mark.parametrize(
    ("command", "name"),
    {each: name for name, path in FILES.items() for each in commands(path.read_text("utf-8"))}.items(),
)
def test_commands(
    running: ServerProcess, directory: Path, request: pytest.FixtureRequest, name: str, command: str
) -> None:
    words = shlex.split(command.replace(URL, running.url), comments=True)[1:]
    furnish(Client(running.url), words, directory)
    for file, content in files(FILES[name].read_text("utf-8")).items():
        (directory / file).write_text(content, "utf-8")
    if words[0] == "exec" and words[words.index("--") + 1] in ("npm", "node"):
        request.getfixturevalue("node")
        words[words.index("--") + 1] = shutil.which(words[words.index("--") + 1]) or ""
    if words == ["requests", "12"]:
        words[1] = str(Client(running.url).get("/_mock/requests").body["list"][-1]["id"])
    program = [sys.executable, "-m", "autumn_mock", *words]
    if "--follow" in words:
        environment = {**os.environ, "AUTUMN_MOCK_URL": running.url}
        with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE) as following:
            assert following.stdout is not None
            assert following.stdout.readline()
            following.kill()
        return
    assert run(program, directory, running.url) or words[0] == "exec"


@pytest.mark.parametrize(("name", "text"), examples("console"))
def test_what_runs_for_long_has_known_options(name: str, text: str) -> None:
    """Commands that do not end, or need another server, are parsed."""
    found = [match[1] for line in text.replace("\\\n", " ").splitlines() if (match := _COMMAND.match(line))]
    for line in found:
        words = shlex.split(line, comments=True)
        context, command = click.Context(main), main.get_command(click.Context(main), words.pop(0))
        while isinstance(command, click.Group):
            command = command.get_command(context, words.pop(0))
        assert command is not None, name
        assert command.make_context(command.name, words), name


@pytest.mark.skipif(sys.platform == "win32", reason="the examples are for a Unix shell")
@pytest.mark.parametrize(("name", "script"), [each for each in examples("sh") if each[1].startswith("curl")])
def test_curl(running: ServerProcess, tmp_path: Path, name: str, script: str) -> None:
    furnish(Client(running.url), [""], tmp_path)
    lines = "".join(line for line in script.splitlines(keepends=True) if not line.startswith("autumn-mock "))
    shown = run(["sh", "-ec", lines.replace(URL, running.url)], tmp_path, running.url)
    assert "customer_id" in shown or "customerId" in shown, name
    assert '"code":' not in shown, name


@pytest.mark.parametrize(("name", "script"), examples("js"))
def test_javascript(
    running: ServerProcess, directory: Path, node: Node, monkeypatch: pytest.MonkeyPatch, name: str, script: str
) -> None:
    furnish(Client(running.url), [""], directory)
    monkeypatch.setenv("AUTUMN_SECRET_KEY", "am_sk_test_autumn_mock")
    command = [node.executable, "--input-type=module", "-"]
    shown = run(command, node.packages, running.url, script.replace(URL, running.url))
    assert re.search(_SHOWN[name], shown, re.MULTILINE), shown


@pytest.mark.parametrize("script", [script for _, script in examples("python") if not is_test(script)])
def test_python(running: ServerProcess, tmp_path: Path, script: str) -> None:
    run([sys.executable, "-c", complete(script).replace(URL, running.url)], tmp_path, running.url)


def test_python_tests(tmp_path: Path) -> None:
    """The examples that are tests, in one run of pytest."""
    found = [script for _, script in examples("python") if is_test(script)]
    for number, script in enumerate(found):
        (tmp_path / f"test_{number}.py").write_text(complete(script), "utf-8")
    assert len(found) > 2
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], tmp_path, "")
    assert f"{len(found)} passed" in done


@pytest.mark.parametrize(("name", "text"), examples("toml"))
def test_settings_files(name: str, text: str) -> None:
    assert defaults_of(FOLDER / name, tomllib.loads(text))


@pytest.mark.parametrize(("name", "text"), examples("yaml"))
def test_yaml(running: ServerProcess, tmp_path: Path, name: str, text: str) -> None:
    """Worlds and scenarios are read as the server reads them."""
    shutil.copy(shipped_files("world")["default"], tmp_path / "my-world.yaml")  # as `world init` writes it
    path = tmp_path / "example.yaml"
    path.write_text(text, "utf-8")
    found = yaml.safe_load(text)
    assert found, name
    if "organisations" in found:
        assert Engine(world=str(path)).state.organisations
    elif name == "scenarios":
        program = [sys.executable, "-m", "autumn_mock", "scenario", "run", str(path)]
        assert run(program, tmp_path, running.url)
