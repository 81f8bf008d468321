"""Scenarios written by a test, and playing them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from autumn_mock.scenarios import Player, ScenarioTarget, read_scenario
from autumn_mock.scenarios.events import Event
from tests.support.server import ServerProcess

#: Write the steps of a scenario, which begin on line 3; returns the path.
WriteScenario = Callable[[str], Path]
#: Play steps; returns the events and the unmet expectations.
Play = Callable[[str], tuple[list[Event], list[str]]]


def write_steps(directory: Path, steps: str) -> Path:
    """Write the steps of a scenario."""
    path = directory / "mine.yaml"
    path.write_text(f"title: Mine\nsteps:\n{dedent(steps)}", "utf-8")
    return path


@pytest.fixture
def write_scenario(tmp_path: Path) -> WriteScenario:
    """Write a scenario file."""
    return partial(write_steps, tmp_path)


@pytest.fixture
def play(server: ServerProcess, write_scenario: WriteScenario) -> Play:
    """Play steps on the server."""

    def play_steps(steps: str) -> tuple[list[Event], list[str]]:
        scenario = read_scenario(write_scenario(steps))
        with ScenarioTarget(server.url, scenario.world) as target:
            player = Player(scenario, target)
            return list(player.play()), player.unmet

    return play_steps
