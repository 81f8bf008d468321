"""``autumn-mock fidelity``, against a server with one key. Emulators of its own are in ``tests/fidelity``."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from autumn_mock.cli import main
from tests.support.client import Client
from tests.support.server import ServerProcess

KEY = "am_sk_test_sandbox"


def fidelity(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["fidelity", *arguments])


def serve(*arguments: str) -> ServerProcess:
    return ServerProcess("--world", "empty", "--key", KEY, "--rate-limit", "off", *arguments, key=KEY)


def test_a_server_that_answers_alike_matches_and_is_left_as_it_was() -> None:
    with serve() as server:
        mine = Client(server.url, KEY)
        mine.ask("/v1/features.create", {"feature_id": "mine", "name": "Mine", "type": "boolean"})
        done = fidelity("--against", server.url, "--key", KEY, "--suite", "exchanges")
        assert done.exit_code == 2
        assert "the organisation of --key is not empty (features: 1)" in done.output

        done = fidelity("--against", server.url, "--key", KEY, "--suite", "random walks", "--force", "--json")
        assert done.exit_code == 0, done.output
        (suite,) = json.loads(done.stdout)["suites"]
        assert (suite["suite"], suite["matched"], suite["differing"]) == ("random walks", 54, [])
        assert [each["id"] for each in mine.ask("/v1/features.list", {})["list"]] == ["mine"]
        assert mine.ask("/v1/customers.list", {})["list"] == mine.ask("/v1/plans.list", {})["list"] == []


def test_what_differs_is_listed_by_call_and_kind() -> None:
    with ServerProcess(
        "--world", "empty", "--fault", "reply:status 418 route=entities.*", "--key", KEY, key=KEY
    ) as server:
        done = fidelity("--against", server.url, "--key", KEY, "--suite", "exchanges", "--show", "1")
    assert done.exit_code == 1, done.output
    assert "left out: 16 that need a second key" in done.stdout
    assert "/v1/entities.get: status" in done.stdout
    assert ", given 418 " in done.stdout
    assert "more; see --show and --json" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "walk"], "there is no suite 'walk'; there are exchanges, scenarios"),
        (["--against", "http://127.0.0.1:1"], "--against needs --key"),
        (["--against", "nowhere", "--key", KEY], "--against: "),
    ],
)
def test_wrong_arguments_are_usage_errors(monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str) -> None:
    monkeypatch.delenv("AUTUMN_SECRET_KEY", raising=False)
    done = fidelity(*arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_a_server_that_is_not_there_is_an_error() -> None:
    done = fidelity("--against", "http://127.0.0.1:1", "--key", KEY)
    assert done.exit_code == 1
    assert "POST /v1/customers.list: no reply" in done.output
