"""Scenarios that the page plays."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest

from autumn_mock.clock import pause
from tests.support.client import Client, Reply
from tests.support.server import ServerProcess

RUNS = "/_mock/scenarios/{}/runs"
NAME = "retry-after-202"
TOKEN = "secret"  # of these tests


@pytest.fixture(scope="module")
def own_server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


def post(client: Client, path: str, body: object = None, **headers: str) -> Reply:
    return client.post(path, {} if body is None else body, None, None, **headers)


def organisations(client: Client) -> set[str]:
    return {each["org"] for each in client.get("/_mock/environments", None).body["list"]}


def test_scenarios_are_listed_with_their_steps(own_server: ServerProcess) -> None:
    rows = {each["name"]: each for each in own_server.get("/_mock/scenarios", None).body["list"]}
    assert len(rows[NAME]["steps"]) == 4
    assert rows[NAME]["title"] == "A retry after a 202, and the double deduction"


def test_run_is_played_step_by_step(own_server: ServerProcess) -> None:
    status, _, run = post(own_server, RUNS.format(NAME))
    assert (status, run["played"], run["over"], run["steps"]) == (201, 0, False, [])
    following = f"/_mock/scenarios/runs/{run['id']}/next"
    first = post(own_server, following).body
    assert (first["played"], [each["number"] for each in first["steps"]]) == (1, [1])
    assert first["steps"][0]["lines"][0]["label"] == "fault"
    rest = post(own_server, following, {"all": True}).body
    assert ([each["number"] for each in rest["steps"]], rest["over"], rest["unmet"]) == ([2, 3, 4], True, [])
    [balance] = rest["balances"]
    assert (balance["customer"], balance["before"], balance["after"]) == ("cus_456", 1000, 450)
    assert [each["code"] for each in rest["findings"]] == ["resent_after_accepted"]
    assert post(own_server, following).body["steps"] == []


def test_run_has_an_organisation_that_is_closed_with_it(own_server: ServerProcess) -> None:
    run = post(own_server, RUNS.format(NAME)).body
    assert run["org"] in organisations(own_server)
    path = f"/_mock/scenarios/runs/{run['id']}"
    assert own_server.request("DELETE", path).status == 200
    assert run["org"] not in organisations(own_server)
    assert own_server.request("DELETE", path).status == 404


def test_run_that_is_ended_while_it_is_played_is_closed_after_its_step(own_server: ServerProcess) -> None:
    post(own_server, "/_mock/faults", {"rule": "reply:delay 1s route=balances.batch_track times=1"})
    run = post(own_server, RUNS.format(NAME)).body
    path = f"/_mock/scenarios/runs/{run['id']}"
    playing = Thread(target=post, args=(own_server, f"{path}/next", {"all": True}))
    playing.start()
    pause(0.4)
    assert own_server.request("DELETE", path).status == 200
    assert run["org"] in organisations(own_server)
    playing.join()
    assert run["org"] not in organisations(own_server)


def test_oldest_run_is_closed_for_another_one(own_server: ServerProcess) -> None:
    opened = [post(own_server, RUNS.format(NAME)).body for _ in range(9)]
    assert opened[0]["org"] not in organisations(own_server)
    assert {each["org"] for each in opened[1:]} <= organisations(own_server)
    assert post(own_server, f"/_mock/scenarios/runs/{opened[0]['id']}/next").status == 404


def test_run_whose_organisation_is_gone_says_so(own_server: ServerProcess) -> None:
    run = post(own_server, RUNS.format(NAME)).body
    post(own_server, "/_mock/reset")
    status, _, body = post(own_server, f"/_mock/scenarios/runs/{run['id']}/next")
    assert (status, body["code"]) == (409, "scenario_failed")
    assert own_server.request("DELETE", f"/_mock/scenarios/runs/{run['id']}").status == 200


def test_unknown_scenario_is_a_404_with_a_suggestion(own_server: ServerProcess) -> None:
    status, _, body = post(own_server, RUNS.format("retry-after-203"))
    assert status == 404
    assert "did you mean 'retry-after-202'?" in body["message"]


def test_all_is_true_or_false(own_server: ServerProcess) -> None:
    run = post(own_server, RUNS.format(NAME)).body
    assert post(own_server, f"/_mock/scenarios/runs/{run['id']}/next", {"all": 1}).status == 400


def test_scenario_is_played_on_a_server_with_a_token() -> None:
    with ServerProcess("--host", "0.0.0.0", "--control-token", TOKEN) as server:  # with a token
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")
        status, _, run = post(server, RUNS.format(NAME), x_autumn_mock_token=TOKEN)
        assert status == 201
        path = f"/_mock/scenarios/runs/{run['id']}/next"
        assert post(server, path, {"all": True}, x_autumn_mock_token=TOKEN).body["over"] is True
