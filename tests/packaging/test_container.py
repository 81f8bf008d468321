"""``fixtures/container``: the image, the compose file and the unit file, as far as they can be tried without Docker.

``python -m tests.packaging`` runs the installing steps.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from autumn_mock.cli.serve import serve
from autumn_mock.cli.variables import known_variables
from autumn_mock.settings import declarations, variable
from tests.packaging.container import (
    FOLDER,
    ROOT,
    image_variables,
    last,
    pip_commands,
    steps,
    unit_settings,
    unit_variables,
)
from tests.support.server import ServerProcess

TOKEN = {"AUTUMN_MOCK_CONTROL_TOKEN": "secret"}
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICE = COMPOSE["services"]["autumn-mock"]


#: What the image runs, with a free port.
COMMAND = [*last("ENTRYPOINT").words[1:], *last("CMD").words, "--port", "0"]


def variables(folder: Path, *, host: str = "127.0.0.1") -> dict[str, str]:
    """The variables of the image, with its folders below another one."""
    found = image_variables()
    assert (found["AUTUMN_MOCK_DB"], found["AUTUMN_MOCK_WORLD"]) == ("/data/state.json", "/seeds")
    places = {"HOST": host, "DB": str(folder / "state.json"), "WORLD": str(FOLDER / "seeds")}
    return found | {f"AUTUMN_MOCK_{name}": value for name, value in places.items()}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ServerProcess]:
    environment = {**variables(tmp_path), **TOKEN}
    with ServerProcess(program=("-m", "autumn_mock", *COMMAND), env=environment, key="am_sk_test_team") as server:
        yield server


def health(server: ServerProcess) -> int:
    """The exit code of the health check."""
    words = last("HEALTHCHECK").words
    done = subprocess.run(
        [sys.executable, "-m", "autumn_mock", *words[1:], "--url", server.url],
        env={**os.environ, **image_variables(), **TOKEN},
        capture_output=True,
        check=False,
    )
    return done.returncode


def test_the_commands_of_the_image_run(running: ServerProcess, tmp_path: Path) -> None:
    assert running.post("/v1/customers.get", {"customer_id": "cus_123"}).status == 200
    assert health(running) == 0
    running.stop()
    assert health(running) == 1
    assert (tmp_path / "state.json").exists()


def test_the_image_demands_a_token(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in TOKEN}
    environment |= variables(tmp_path, host="0.0.0.0")
    words = [sys.executable, "-m", "autumn_mock", *COMMAND]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "give --control-token TOKEN" in done.stderr


def test_the_image_is_small_and_runs_without_privileges() -> None:
    names = [each.name for each in steps()]
    assert [each.value for each in steps() if each.name == "FROM"] == ["python:3.12-slim AS build", "python:3.12-slim"]
    assert last("USER").value.isdigit()
    assert int(last("USER").value) > 0
    assert f"--uid {last('USER').value} " in [each.value for each in steps() if each.name == "RUN"][-1]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert not TOKEN.keys() & image_variables().keys(), "a token does not belong into the image"
    assert all("--no-cache-dir" in each for each in pip_commands())
    assert "--no-index" in pip_commands()[1], "the image has what the first stage built"
    assert Path(image_variables()["AUTUMN_MOCK_DB"]).parent == Path(last("VOLUME").value)


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").split()
    for step in steps():
        if step.name == "COPY":
            for source in step.words[:-1]:
                assert (ROOT / source).exists(), source
                top = source.partition("/")[0]
                assert any(fnmatch(top, each[1:]) for each in ignored if each.startswith("!")), source


def test_compose_builds_this_image_and_keeps_its_state() -> None:
    build = SERVICE["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]) == FOLDER / "Dockerfile"
    volumes = dict(each.split(":")[:2] for each in SERVICE["volumes"])
    assert (volumes["state"], volumes["./seeds"]) == (last("VOLUME").value, "/seeds")
    assert "state" in COMPOSE["volumes"]
    assert (FOLDER / "seeds").is_dir()
    assert SERVICE["read_only"] is True
    assert SERVICE["ports"] == [f"127.0.0.1:{last('EXPOSE').value}:{last('EXPOSE').value}"]
    assert set(SERVICE["environment"]) <= {variable(name) for name in declarations()}


def test_the_unit_file_starts_the_server_with_variables_that_exist() -> None:
    program, *words = shlex.split(unit_settings("ExecStart")[0])
    assert (Path(program).name, words) == ("autumn-mock", ["serve"])
    values = started(unit_variables())
    assert Path(values["db"]).parent == Path("/var/lib", *unit_settings("StateDirectory"))
    assert unit_settings("DynamicUser") == ["yes"]
    assert int(*unit_settings("TimeoutStopSec")) >= 60


def started(environment: dict[str, str]) -> dict[str, Any]:
    """The parameters of ``serve`` without options in an environment."""
    assert environment.keys() <= known_variables()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return serve.make_context("serve", []).params


#: For each variable of the unit and the image: another value, and the parameter that it gives.
OTHER = {
    "AUTUMN_MOCK_HOST": ("127.0.0.2", "127.0.0.2"),
    "AUTUMN_MOCK_DB": ("other.json", "other.json"),
    "AUTUMN_MOCK_WORLD": ("empty", "empty"),
    "AUTUMN_MOCK_AUTO_ORG": ("false", False),
    "AUTUMN_MOCK_AUTO_ORG_IDLE": ("", None),
    "AUTUMN_MOCK_LOG": ("text", "text"),
}


@pytest.mark.parametrize("given", [unit_variables(), image_variables()], ids=["unit", "image"])
def test_each_setting_can_be_replaced_by_the_environment(given: dict[str, str]) -> None:
    before = started(given)
    for name in given:
        value, expected = OTHER[name]
        key = name.removeprefix("AUTUMN_MOCK_").lower()
        assert before[key] != expected
        assert started({**given, name: value})[key] == expected
