"""The Dockerfile of ``fixtures/container``, step by step: what can be done with it where there is no Docker."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from dockerfile_parse import DockerfileParser  # type: ignore[import-untyped]  # it has no annotations

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "fixtures" / "container"


class Step(NamedTuple):
    """One instruction."""

    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """The command of an instruction in exec form, or the words of a value."""
        found = re.search(r"\[.*\]$", self.value)
        return [str(each) for each in json.loads(found[0])] if found else shlex.split(self.value)


def steps() -> list[Step]:
    """The instructions of the Dockerfile, without comments."""
    with (FOLDER / "Dockerfile").open("rb") as file:
        parsed = DockerfileParser(fileobj=file).structure
    return [Step(each["instruction"], each["value"]) for each in parsed if each["instruction"] != "COMMENT"]


def last(name: str) -> Step:
    """The instruction of a name that is in force."""
    return [each for each in steps() if each.name == name][-1]


def pip_commands() -> list[list[str]]:
    """What the RUN instructions do with pip, as commands."""
    commands = [re.sub(r"^(--mount=\S+\s+)*", "", each.value) for each in steps() if each.name == "RUN"]
    return [shlex.split(each) for each in commands if each.startswith("python -m pip ")]


def image_variables() -> dict[str, str]:
    """The variables that the image sets."""
    return dict(word.split("=", 1) for each in steps() if each.name == "ENV" for word in shlex.split(each.value))


def unit_settings(name: str) -> list[str]:
    """The values of a setting of the unit file, in order; systemd allows some to be repeated."""
    lines = (FOLDER / "autumn-mock.service").read_text("utf-8").splitlines()
    return [value for key, _, value in (each.partition("=") for each in lines) if key == name]


def unit_variables() -> dict[str, str]:
    """The variables that the unit file sets, besides those of its ``EnvironmentFile``."""
    return dict(word.split("=", 1) for value in unit_settings("Environment") for word in shlex.split(value))
