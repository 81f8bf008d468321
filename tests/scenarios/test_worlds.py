"""Worlds of scenarios and cases: shipped ones, and files, whose content is sent to the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from autumn_mock.certification.model import read_case
from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError
from autumn_mock.scenarios import Player, ScenarioTarget, read_scenario
from tests.support.server import ServerProcess

WORLD = """\
organisations:
  - slug: acme
    keys: [am_sk_test_acme]
    sandbox:
      features:
        - {feature_id: pages, name: Pages, type: metered, consumable: true}
      customers:
        - customer_id: cus_acme
          balances:
            - {feature_id: pages, included_grant: 40}
"""
_STEPS = """\
steps:
  - track: {customer_id: cus_acme, feature_id: pages, value: 3}
  - expect: {balance: {customer: cus_acme, feature: pages, remaining: 37}}
"""


def write(folder: Path, world: str, head: str = "title: Mine", steps: str = _STEPS) -> Path:
    """Write a world beside a folder with a file that names a world; returns the path of the file."""
    (folder / "acme.yaml").write_text(WORLD)
    path = folder / "mine" / "mine.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{head}\nworld: {world}\n{steps}")
    return path


def test_a_scenario_plays_in_a_world_file_on_a_running_server(server: ServerProcess, tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path, "../acme.yaml"))
    for path in tmp_path.glob("*.yaml"):
        path.unlink()  # the server must not need it
    for _ in range(2):  # the key of the world is not that of the organisation
        with ScenarioTarget(server.url, scenario.source) as target:
            player = Player(scenario, target)
            list(player.play())
            assert not player.unmet


def test_a_path_is_relative_to_another_folder_for_files_that_have_none(tmp_path: Path) -> None:
    path = write(tmp_path, "acme.yaml")
    assert read_scenario(path, tmp_path).source == read_scenario(write(tmp_path, "../acme.yaml")).source


def test_a_case_has_the_world_of_a_file(tmp_path: Path) -> None:
    head = "title: Mine\ngroup: outages\nlevel: may\nreason: It has to.\ncharged: []"
    source = read_case(write(tmp_path, "../acme.yaml", head, "steps:\n  - flush: client\n")).source
    assert isinstance(source, dict)
    assert source["organisations"][0]["slug"] == "acme"


def test_without_a_world_it_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: Mine\nsteps:\n  - drain: 1s\n")
    assert read_scenario(path).source == "default"


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ("defualt", "mine.yaml:2:1: world: there is no world 'defualt', did you mean 'default'?"),
        ("[a]", "mine.yaml:2:1: world: must be the name of a shipped world, or the path of a world file"),
        ("''", "mine.yaml:2:1: world: must be the name of a shipped world, or the path of a world file"),
        ("acme.yaml", "mine.yaml:2:1: world: there is no file "),
        (f"{'a' * 300}.yaml", "mine.yaml:2:1: world: there is no file "),
        ('"../\\0.yaml"', "mine.yaml:2:1: world: there is no file "),
        ("../mine", "mine.yaml:2:1: world: "),  # a folder
        ("../snapshot.json", "snapshot.json is a snapshot; a world file is needed here"),
        ("../nothing.yaml", "nothing.yaml has no organisation to copy"),
        ("../unknown.yaml", "unknown.yaml:2:5: organisations.0.slgu: unknown key, did you mean 'slug'?"),
        ("../refused.yaml", "refused.yaml:8:11: organisations.0.sandbox.customers.0.customer_id: cannot contain @"),
    ],
)
def test_errors_name_the_file_and_the_line(world: str, message: str, tmp_path: Path) -> None:
    with Engine(world="empty", db=str(tmp_path / "snapshot.json")):
        pass
    (tmp_path / "nothing.yaml").write_text("organisations: []\n")
    (tmp_path / "unknown.yaml").write_text(WORLD.replace("slug", "slgu"))
    (tmp_path / "refused.yaml").write_text(WORLD.replace("cus_acme", "a@b"))
    with pytest.raises(InputFileError) as caught:
        read_scenario(write(tmp_path, world))
    assert message in str(caught.value)
