"""The pages: complete, up to date, with working links, the same in the terminal, over HTTP and as files."""

from __future__ import annotations

import json
import re
from importlib.metadata import requires

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from autumn_mock.cli import main
from autumn_mock.docs import ALIASES, PICTURES, TOPICS, topics
from autumn_mock.engine import Engine
from autumn_mock.faults.grammar import RuleError
from autumn_mock.input_files import InputFileError
from autumn_mock.store.errors import NoSuchOrganisation, NothingToCopy, StoreError
from autumn_mock.web import create_app
from autumn_mock.web.control import ROUTES
from autumn_mock.web.control.context import ControlCall
from autumn_mock.web.documentation import slug
from autumn_mock.web.errors import CertificateError
from autumn_mock.web.guard import ExposedWithoutToken
from tests.docs.generated import FILES, FOLDER, PARTS, filled, names
from tests.docs.messages import CODES, DATABASE, OWN_CODES, database_messages, sent_codes, start_failures
from tests.docs.screenshot import MOST_BYTES

_LINK = re.compile(r"\]\(([^)]+)\)")
#: Of code blocks. Plain text is what programs print; ``console`` is what runs for long, and is parsed alone; ``ts`` are
#: files of ``fixtures/examples``.
LANGUAGES = {"sh", "console", "js", "ts", "python", "yaml", "toml", "json", "text", "csv"}
TOPIC = pytest.mark.parametrize("name", TOPICS)


@pytest.fixture
def client() -> FlaskClient:
    return create_app(Engine(control_token="secret")).test_client()


def test_every_file_is_a_topic() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(TOPICS)


@pytest.mark.parametrize("name", FILES)
def test_generated_parts_are_up_to_date(name: str) -> None:
    text = FILES[name].read_text("utf-8")
    assert filled(text) == text, "write them again with: python -m tests.docs"


def test_every_generated_part_is_on_one_page() -> None:
    found = [part for path in FILES.values() for part in names(path.read_text("utf-8"))]
    assert sorted(found) == sorted(PARTS)


def test_every_error_code_has_an_entry() -> None:
    """By the code of the package: a new code is described on the page about messages."""
    assert sent_codes().keys() == CODES.keys() | OWN_CODES.keys()


def test_every_message_about_a_database_has_a_cure() -> None:
    """By the code of the store: what is raised there is described on the page about messages."""
    assert database_messages() == DATABASE.keys()


def test_every_error_of_a_start_has_an_example() -> None:
    met = {type(each.error) for each in start_failures()}
    files = {*StoreError.__subclasses__(), StoreError} - {NoSuchOrganisation}
    assert files | {InputFileError, RuleError, ExposedWithoutToken, NothingToCopy, CertificateError} <= met


def test_every_control_call_is_described() -> None:
    """With the names of the fields and parameters that it takes, and no other call."""
    rows = dict(re.findall(r"^\| `(\w+ /_mock/[^`]*)` \| (.*) \|$", topics()["control-api"].text, re.MULTILINE))
    rows.pop("GET /_mock/docs")  # pages, not a call
    routes = {re.sub(r"<[^>]*>", "ID", route).replace(" ", " /_mock"): handler for route, handler in ROUTES.items()}
    assert rows.keys() == routes.keys()
    for route, handler in routes.items():
        taken = (*(handler.fields or ()), *(handler.query or ())) if isinstance(handler, ControlCall) else ()
        assert [name for name in taken if not re.search(rf"`\"?{name}\b", rows[route])] == [], route


def test_internals_names_what_there_is() -> None:
    """Every package, every dependency; and no file that is not there."""
    text = topics()["internals"].text
    package = FOLDER.parent
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    assert packages == set(re.findall(r"`(\w+)/`", text))
    named = re.findall(r"`([\w/]+\.py)`", text)
    assert [each for each in named if not (package / each).is_file() and not (package.parent / each).is_file()] == []
    required = [each for each in requires("autumn-mock") or () if "extra ==" not in each]
    names = [re.split(r"[<>=;\s\[]", each)[0] for each in required]
    assert [each for each in names if not re.search(rf"\b{each}\b", text, re.IGNORECASE)] == []


@pytest.mark.parametrize("name", FILES)
def test_every_example_is_found(name: str) -> None:
    """An example in an indented block, or without a language, would not be run."""
    fences = re.findall(r"^ *```.*$", FILES[name].read_text("utf-8"), re.MULTILINE)
    assert fences.count("```") == len(fences) / 2
    assert {each[3:].partition(" ")[0] for each in fences if each != "```"} <= LANGUAGES


@TOPIC
def test_a_page_says_what_it_is_about(name: str) -> None:
    assert not re.search(r"^(<<<<<<<|=======|>>>>>>>)", topics()[name].text, re.MULTILINE)
    topic = topics()[name]
    assert topic.title
    assert topic.summary.endswith(".")
    assert not topic.summary.startswith(("#", "|", "`"))


@TOPIC
def test_links_lead_to_pages_and_headings(name: str) -> None:
    for target in _LINK.findall(topics()[name].text):
        page, _, anchor = target.partition("#")
        assert "://" not in target or target.startswith("https://"), target
        if "://" in target or target in PICTURES:
            continue
        found = topics()[page.removesuffix(".md") or name]
        headings = re.findall(r"^#+ (.+)$", found.text, re.MULTILINE)
        assert not anchor or anchor in map(slug, headings), target


# -- where they are shown


@pytest.mark.parametrize("word", ALIASES)
def test_words_find_a_page_that_has_them(word: str) -> None:
    assert word not in TOPICS
    page = CliRunner().invoke(main, ["docs", word, "--raw"]).output
    assert page == topics()[ALIASES[word]].text
    assert word in page.lower()


def test_the_command_lists_and_prints_them() -> None:
    runner = CliRunner()
    listed = runner.invoke(main, ["docs"]).output
    for name in TOPICS:
        assert re.search(rf"^ +{name} +{topics()[name].title}$", listed, re.MULTILINE)
        assert topics()[name].title in runner.invoke(main, ["docs", name]).output
        assert runner.invoke(main, ["docs", name, "--raw"]).output == topics()[name].text
        assert json.loads(runner.invoke(main, ["docs", name, "--json"]).output)["text"] == topics()[name].text
    assert [each["name"] for each in json.loads(runner.invoke(main, ["docs", "--json"]).output)["list"]] == [*TOPICS]
    linked = runner.invoke(main, ["docs", "worlds.md#keys", "--raw"])
    assert linked.output == topics()["worlds"].text
    unknown = runner.invoke(main, ["docs", "setings"])
    assert (unknown.exit_code, "did you mean 'settings'?" in unknown.output) == (2, True)


@TOPIC
@pytest.mark.parametrize("columns", [None, "40"])
def test_the_command_prints_code_as_it_is_written(name: str, columns: str | None) -> None:
    """Through a pipe: no line is broken or indented, and none ends with blanks."""
    shown = CliRunner().invoke(main, ["docs", name], env={"COLUMNS": columns}).output
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []
    for block in re.findall(r"^```.*\n(.*?)^```$", topics()[name].text, re.DOTALL | re.MULTILINE):
        assert f"\n{block}" in shown


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


def test_pictures_are_small_and_shown(client: FlaskClient) -> None:
    """They are in every copy of the package."""
    assert {path.name for path in FOLDER.glob("*.png")} == set(PICTURES)
    for name in PICTURES:
        with client.get(f"/_mock/docs/{name}") as reply:
            assert reply.content_type == "image/png"
            assert 0 < len(reply.data) <= MOST_BYTES
    assert 'src="/_mock/docs/page.png"' in client.get("/_mock/docs/page").text
    assert client.get("/_mock/docs/other.png").status_code == 404


def test_long_pages_list_their_parts(client: FlaskClient) -> None:
    shown = client.get("/_mock/docs/faults").text
    assert '<a href="#options-of-every-rule">Options of every rule</a>' in shown
    assert '<h2 id="options-of-every-rule">' in shown


def test_an_unknown_page_is_not_found(client: FlaskClient) -> None:
    assert client.get("/_mock/docs/nothing").status_code == 404
    assert client.get("/_mock/docs/..%2Fsettings").status_code == 404


def test_a_running_server_searches_the_pages(client: FlaskClient) -> None:
    found = client.get("/_mock/docs?q=is+kept+for").text
    assert '<a href="/_mock/docs/idempotency#the-header-and-the-property">' in found
    empty = client.get("/_mock/docs?q=%3Cb%3Enone").text
    assert "No line has all of these words." in empty
    assert "<b>none" not in empty
    assert "Lines with" not in client.get("/_mock/docs").text
