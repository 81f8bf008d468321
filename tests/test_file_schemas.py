"""The JSON Schemas of worlds and scenarios accept what the loaders accept, and find what editors can find."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.input_files import InputFileError, read_file, shipped_files
from autumn_mock.scenarios import read_scenario, scenario_schema
from autumn_mock.worlds import read_world, world_schema

SCHEMAS = {"world": world_schema(), "scenario": scenario_schema()}
READERS: dict[str, Callable[[Path], object]] = {"world": read_world, "scenario": read_scenario}
FILES = [(kind, path) for kind in SCHEMAS for path in shipped_files(kind).values()]


def errors(kind: str, data: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMAS[kind]).iter_errors(data)]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_they_are_schemas(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_shipped_files_are_valid(kind: str, path: Path) -> None:
    assert errors(kind, read_file(path).data) == []


def _maps(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        yield data
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _maps(each)


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_an_unknown_key_that_the_loader_refuses_is_an_error(kind: str, path: Path, tmp_path: Path) -> None:
    data = read_file(path).data
    found = 0
    for index in range(len(list(_maps(data)))):
        changed = deepcopy(data)
        list(_maps(changed))[index]["unknwon"] = 1
        copy = tmp_path / f"{index}.json"
        copy.write_text(json.dumps(changed))
        try:
            READERS[kind](copy)
        except InputFileError as error:
            if "unknown key" in str(error):
                found += 1
                assert errors(kind, changed), f"map {index} of {path.name}"
    assert found or not data.get("organisations", True)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("world", {}),
        ("world", {"organisations": [{"slug": "a", "keys": ["sk_live_wrong"]}]}),
        ("world", {"organisations": [{"slug": "a", "keys": [{"key": "am_sk_test_a", "scopes": ["customer:read"]}]}]}),
        ("world", {"organisations": [{"slug": 5}]}),
        ("world", {"organisations": [{"slug": "a", "sandbox": {"features": [{"feature_id": "f", "type": "metred"}]}}]}),
        ("scenario", {"title": "t"}),
        ("scenario", {"title": "t", "steps": [{"drain": "10s", "pause": "workers"}]}),
        ("scenario", {"title": "t", "steps": [{"expect": {}}]}),
        ("scenario", {"title": "t", "steps": [{"expect": {"findings": ["no_such"]}}]}),
    ],
)
def test_mistakes_are_errors(kind: str, data: Any, tmp_path: Path) -> None:
    assert errors(kind, data)
    copy = tmp_path / "file.json"
    copy.write_text(json.dumps(data))
    with pytest.raises(InputFileError):
        READERS[kind](copy)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_command_prints_it(kind: str) -> None:
    result = CliRunner().invoke(main, [kind, "schema"])
    assert json.loads(result.output) == SCHEMAS[kind]


def test_init_writes_it_beside_the_world(tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    assert CliRunner().invoke(main, ["world", "init", str(world)]).exit_code == 0
    line = world.read_text("utf-8").splitlines()[0]
    name = line.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((tmp_path / name).read_text("utf-8")) == SCHEMAS["world"]
    assert CliRunner().invoke(main, ["world", "check", str(world)]).exit_code == 0
