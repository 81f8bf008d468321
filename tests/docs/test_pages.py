"""The pages: complete, with working links and examples, the same in the terminal, over HTTP and as files."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from flask.testing import FlaskClient

from autumn_mock.cli import main
from autumn_mock.cli.settings_file import defaults_of
from autumn_mock.docs import TOPICS, topics
from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from autumn_mock.web.documentation import slug
from tests.docs.generated import FOLDER, filled
from tests.support.examples import URL, blocks, commands, run
from tests.support.node import Node
from tests.support.server import ServerProcess

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LINK = re.compile(r"\]\(([^)]+)\)")
TOPIC = pytest.mark.parametrize("name", TOPICS)


def examples(language: str) -> list[tuple[str, str]]:
    return [(name, block) for name in TOPICS for block in blocks(topics()[name].text, language)]


@pytest.fixture(scope="module")
def running() -> Iterator[ServerProcess]:
    with ServerProcess("--rate-limit", "off") as server:
        yield server


@pytest.fixture
def client() -> FlaskClient:
    return create_app(Engine(control_token="secret")).test_client()


def test_every_file_is_a_topic() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(TOPICS)


@TOPIC
def test_generated_parts_are_up_to_date(name: str) -> None:
    text = topics()[name].text
    assert filled(text) == text, "write them again with: python -m tests.docs"


@TOPIC
def test_a_page_says_what_it_is_about(name: str) -> None:
    topic = topics()[name]
    assert topic.title
    assert topic.summary.endswith(".")
    assert not topic.summary.startswith(("#", "|", "`"))


@TOPIC
def test_links_lead_to_pages_and_headings(name: str) -> None:
    for target in _LINK.findall(topics()[name].text):
        page, _, anchor = target.partition("#")
        assert "://" not in target or target.startswith("https://"), target
        if "://" in target:
            continue
        found = topics()[page.removesuffix(".md") or name]
        headings = re.findall(r"^#+ (.+)$", found.text, re.MULTILINE)
        assert not anchor or anchor in map(slug, headings), target


# -- where they are shown


def test_the_command_lists_and_prints_them() -> None:
    runner = CliRunner()
    listed = runner.invoke(main, ["docs"]).output
    for name in TOPICS:
        assert re.search(rf"^{name} +{topics()[name].title}$", listed, re.MULTILINE)
        assert topics()[name].title in runner.invoke(main, ["docs", name]).output
        assert runner.invoke(main, ["docs", name, "--raw"]).output == topics()[name].text
        assert json.loads(runner.invoke(main, ["docs", name, "--json"]).output)["text"] == topics()[name].text
    assert [each["name"] for each in json.loads(runner.invoke(main, ["docs", "--json"]).output)["list"]] == [*TOPICS]
    unknown = runner.invoke(main, ["docs", "setings"])
    assert (unknown.exit_code, "did you mean 'settings'?" in unknown.output) == (2, True)


@TOPIC
def test_the_server_shows_them_without_the_token(client: FlaskClient, name: str) -> None:
    reply = client.get(f"/_mock/docs/{name}")
    assert reply.status_code == 200
    assert f'<h1 id="{slug(topics()[name].title)}">' in reply.text
    assert "script" not in reply.headers["Content-Security-Policy"].replace("script-src 'self'", "")
    assert f"/_mock/docs/{name}" in client.get("/_mock/docs").text
    assert client.get(f"/_mock/docs/{name}.md").text == topics()[name].text
    for link in re.findall(r'href="(/[^"#]+)', reply.text):
        with client.get(link) as linked:
            assert linked.status_code == 200, link


def test_an_unknown_page_is_not_found(client: FlaskClient) -> None:
    assert client.get("/_mock/docs/nothing").status_code == 404
    assert client.get("/_mock/docs/..%2Fsettings").status_code == 404


# -- examples


@pytest.mark.parametrize(
    ("name", "command"), [(name, each) for name in TOPICS for each in commands(topics()[name].text)]
)
def test_commands(running: ServerProcess, tmp_path: Path, name: str, command: str) -> None:
    arguments = shlex.split(command.replace(URL, running.url))[1:]
    assert run([sys.executable, "-m", "autumn_mock", *arguments], tmp_path, running.url) or name


@pytest.mark.skipif(sys.platform == "win32", reason="the examples are for a Unix shell")
@pytest.mark.parametrize(("name", "script"), [each for each in examples("sh") if each[1].startswith("curl")])
def test_curl(running: ServerProcess, tmp_path: Path, name: str, script: str) -> None:
    assert '"customer_id"' in run(["sh", "-ec", script.replace(URL, running.url)], tmp_path, running.url), name


@pytest.mark.parametrize(("name", "script"), examples("js"))
def test_javascript(running: ServerProcess, node: Node, name: str, script: str) -> None:
    command = [node.executable, "--input-type=module", "-"]
    assert run(command, node.packages, running.url, script.replace(URL, running.url)), name


@pytest.mark.parametrize(("name", "script"), examples("python"))
def test_python(running: ServerProcess, tmp_path: Path, name: str, script: str) -> None:
    assert run([sys.executable, "-c", script.replace(URL, running.url)], tmp_path, running.url), name


@pytest.mark.parametrize(("name", "text"), examples("toml"))
def test_settings_files(name: str, text: str) -> None:
    assert defaults_of(FOLDER / name, tomllib.loads(text))


@pytest.mark.parametrize(("name", "text"), examples("yaml"))
def test_yaml(name: str, text: str) -> None:
    assert yaml.safe_load(text), name
