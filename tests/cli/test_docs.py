"""``autumn-mock docs --search``, and the completion of topics."""

from __future__ import annotations

from click.shell_completion import ShellComplete

from autumn_mock.cli import main
from autumn_mock.docs import TOPICS, search
from tests.cli.conftest import document, runner, text_of

run = runner("http://127.0.0.1:9")  # the documentation needs no server


def test_search_prints_topic_heading_and_line() -> None:
    text = text_of(run("docs", "--search", "KEPT hours"))
    assert "idempotency: The header and the property\n  | is kept for | 24 hours | 24 hours |\n" in text


def test_search_as_json_has_the_number_of_the_line() -> None:
    found = document(run("docs", "idempotency", "--search", "is kept for", "--json"))["list"]
    assert {each["name"] for each in found} == {"idempotency"}
    [hit] = [each for each in found if each["line"].startswith("| is kept for")]
    text = text_of(run("docs", "idempotency", "--raw"))
    assert text.splitlines()[hit["number"] - 1] == hit["line"]


def test_search_says_that_nothing_was_found_or_asked() -> None:
    assert text_of(run("docs", "--search", "no-such-word-anywhere")) == "no line has all of these words\n"
    assert "give one word or more" in text_of(run("docs", "--search", " "), 2)
    assert "there is no topic 'wolds'" in text_of(run("docs", "wolds", "--search", "key"), 2)
    assert search("") == []


def test_a_comment_of_an_example_is_not_a_heading() -> None:
    assert {each.heading for each in search("autumn-mock docs settings --raw")} == {"This documentation"}


def test_topics_are_completed() -> None:
    found = ShellComplete(main, {}, "autumn-mock", "_AUTUMN_MOCK_COMPLETE").get_completions(["docs"], "wo")
    assert [each.value for each in found] == ["worlds"]
    assert "worlds" in TOPICS
