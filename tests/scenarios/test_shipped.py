"""The shipped scenarios."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from autumn_mock.input_files import shipped_files
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.scenarios import Player, ScenarioTarget, read_scenario
from autumn_mock.scenarios.model import Expect, Scenario
from tests.support.server import ServerProcess

_SHIPPED = shipped_files("scenario")


def play(scenario: Scenario, url: str) -> Player:
    """Play to the end."""
    with ScenarioTarget(url, scenario.world) as target:
        player = Player(scenario, target)
        for _ in player.play():
            pass
        return player


@pytest.mark.parametrize("name", _SHIPPED)
def test_scenario_meets_its_expectations(server: ServerProcess, name: str) -> None:
    player = play(read_scenario(_SHIPPED[name]), server.url)
    assert player.unmet == []
    assert player.failed is None


@pytest.mark.parametrize("name", _SHIPPED)
def test_scenario_comments_its_steps_and_ends_with_the_state(name: str) -> None:
    scenario = read_scenario(_SHIPPED[name])
    assert scenario.story
    assert all(step.say for step in scenario.steps)
    expected = [step.action.expect for step in scenario.steps if isinstance(step.action, Expect)]
    assert any(state.balances for state in expected)
    assert any(state.findings is not None for state in expected)
    assert isinstance(scenario.steps[-1].action, Expect)


def test_scenarios_cover_the_measured_findings() -> None:
    codes = {
        finding["code"]
        for path in _SHIPPED.values()
        for step in read_scenario(path).steps
        if isinstance(step.action, Expect)
        for finding in step.action.expect.findings or ()
    }
    assert {"resent_after_accepted", "resent_after_lost_reply", "hammering", "retried_too_soon"} <= codes
    assert codes <= set(FINDING_KINDS)


def test_scenario_changes_nothing_else_on_the_server(server: ServerProcess) -> None:
    before = server.stats(None)["organisations"]
    mine = server.balance("cus_456", "messages")
    assert play(read_scenario(_SHIPPED["partial-failure"]), server.url).unmet == []
    assert server.balance("cus_456", "messages") == mine
    assert server.stats(None)["organisations"] == before


def test_scenarios_play_in_parallel(server: ServerProcess) -> None:
    with ThreadPoolExecutor(len(_SHIPPED)) as pool:
        players = pool.map(lambda path: play(read_scenario(path), server.url), _SHIPPED.values())
        assert [sentence for player in players for sentence in player.unmet] == []


def test_scenario_does_not_depend_on_the_servers_options() -> None:
    with ServerProcess("--rate-limit", "off", "--fault", "queue:down", "--world", "empty", "--workers", "1") as server:
        for name in ("rate-limit-burst", "duplicate-delivery"):
            player = play(read_scenario(_SHIPPED[name]), server.url)
            assert (player.unmet, player.server_faults) == ([], [])


def test_scenario_reports_and_keeps_the_faults_of_the_whole_server() -> None:
    with ServerProcess() as server:
        server.post("/_mock/faults", {"rule": "reply:status 500"}, None)
        player = play(read_scenario(_SHIPPED["crash-and-recovery"]), server.url)
        assert player.server_faults == ["reply:status 500"]
        assert player.unmet[0].startswith("expected status 202, but it was 500")
        assert len(server.get("/_mock/faults", None).body["list"]) == 1
