"""A server that scenarios are played on, and scenarios written for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from autumn_mock.scenarios import Player, ScenarioTarget, read_scenario
from autumn_mock.scenarios.events import Event
from tests.support.server import ServerProcess

#: Write the steps of a scenario; its path comes back. The steps begin on line 3.
WriteScenario = Callable[[str], Path]
#: Play steps; what happened, and what was not as expected, come back.
Play = Callable[[str], tuple[list[Event], list[str]]]


@pytest.fixture
def write_scenario(tmp_path: Path) -> WriteScenario:
    """Write a scenario file."""

    def write(steps: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(f"title: Mine\nsteps:\n{dedent(steps)}", "utf-8")
        return path

    return write


@pytest.fixture
def play(server: ServerProcess, write_scenario: WriteScenario) -> Play:
    """Play steps on the server."""

    def play_steps(steps: str) -> tuple[list[Event], list[str]]:
        scenario = read_scenario(write_scenario(steps))
        with ScenarioTarget(server.url, scenario.world) as stage:
            player = Player(scenario, stage)
            return list(player.play()), player.unmet

    return play_steps
