"""The scenarios that come with the program."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autumn_mock.journal.findings import FINDING_KINDS
from autumn_mock.scenarios import Player, ScenarioTarget, find_scenario, read_scenario, shipped_scenarios
from autumn_mock.scenarios.model import Expect, Scenario
from tests.support.server import ServerProcess

_SHIPPED = shipped_scenarios()


def play(scenario: Scenario, url: str) -> Player:
    """Play to the end."""
    with ScenarioTarget(url, scenario.world) as stage:
        player = Player(scenario, stage)
        for _ in player.play():
            pass
        return player


@pytest.mark.parametrize("name", _SHIPPED)
def test_it_plays_as_it_expects(server: ServerProcess, name: str) -> None:
    player = play(read_scenario(_SHIPPED[name]), server.url)
    assert player.unmet == []
    assert player.failed is None


@pytest.mark.parametrize("name", _SHIPPED)
def test_it_says_what_it_shows_and_ends_with_what_came_of_it(name: str) -> None:
    scenario = read_scenario(_SHIPPED[name])
    assert scenario.story
    assert all(step.say for step in scenario.steps)
    expected = [step.action.state for step in scenario.steps if isinstance(step.action, Expect)]
    assert any(state.balances for state in expected)
    assert any(state.findings is not None for state in expected)
    assert isinstance(scenario.steps[-1].action, Expect)


def test_the_measured_cases_are_there_with_their_findings() -> None:
    codes = {
        finding["code"]
        for path in _SHIPPED.values()
        for step in read_scenario(path).steps
        if isinstance(step.action, Expect)
        for finding in step.action.state.findings or ()
    }
    assert {"resent_after_accepted", "resent_after_lost_reply", "hammering", "retried_too_soon"} <= codes
    assert codes <= set(FINDING_KINDS)


def test_a_scenario_is_found_by_name_and_by_path() -> None:
    path = _SHIPPED["slow-but-accepted"]
    assert find_scenario("slow-but-accepted") == path
    assert find_scenario(str(path)) == path
    assert path.parent == Path(__file__).parents[2] / "fixtures" / "scenarios"


def test_it_disturbs_nobody_and_leaves_nothing(server: ServerProcess) -> None:
    before = server.stats(None)["organisations"]
    mine = server.balance("cus_456", "messages")
    assert play(read_scenario(_SHIPPED["partial-failure"]), server.url).unmet == []
    assert server.balance("cus_456", "messages") == mine
    assert server.stats(None)["organisations"] == before


def test_all_of_them_play_side_by_side(server: ServerProcess) -> None:
    with ThreadPoolExecutor(len(_SHIPPED)) as pool:
        players = pool.map(lambda path: play(read_scenario(path), server.url), _SHIPPED.values())
        assert [sentence for player in players for sentence in player.unmet] == []


def test_the_options_of_a_server_do_not_matter() -> None:
    with ServerProcess("--rate-limit", "off", "--fault", "queue:down", "--world", "empty", "--workers", "1") as server:
        for name in ("rate-limit-burst", "duplicate-delivery"):
            player = play(read_scenario(_SHIPPED[name]), server.url)
            assert (player.unmet, player.server_faults) == ([], [])


def test_faults_of_the_whole_server_are_told_and_stay() -> None:
    with ServerProcess() as server:
        server.post("/_mock/faults", {"rule": "reply:status 500"}, None)
        player = play(read_scenario(_SHIPPED["crash-and-recovery"]), server.url)
        assert player.server_faults == ["reply:status 500"]
        assert player.unmet[0].startswith("expected status 202, but it was 500")
        assert len(server.get("/_mock/faults", None).body["list"]) == 1
