"""``atmn`` 0.0.36, whose configurations are in the words before plans, against a real server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.node import SCRIPT_TIMEOUT, Node
from tests.support.server import ServerProcess

CONFIG = Path(__file__).with_name("old.config.ts").read_text("utf-8")
#: The host of ``--local``, which is part of the program.
LOCAL = "http://localhost:8080"


class OldProject:
    """A project with a configuration file, and the old command line with the server's address in it."""

    def __init__(self, directory: Path, node: Node, organisation: Client) -> None:
        self._node = node
        self._organisation = organisation
        self._directory = directory
        self._modules(node.packages / "node_modules")
        program = (node.packages / "node_modules" / "atmn-0" / "dist" / "cli.js").read_text("utf-8")
        assert LOCAL in program
        (directory / "cli.mjs").write_text(program.replace(LOCAL, organisation.url), "utf-8")
        self._file = directory / "autumn.config.ts"
        self._file.write_text(CONFIG, "utf-8")

    def _modules(self, packages: Path) -> None:
        """The installed packages, with the old release as ``atmn``."""
        modules = self._directory / "node_modules"
        modules.mkdir()
        for each in packages.iterdir():
            if each.name != "atmn":
                (modules / each.name).symlink_to(each, target_is_directory=True)
        (modules / "atmn").symlink_to(packages / "atmn-0", target_is_directory=True)

    @property
    def config(self) -> str:
        return self._file.read_text("utf-8")

    def run(self, *words: str) -> str:
        """The output of ``atmn`` with some words; it has to succeed."""
        done = subprocess.run(
            [self._node.executable, "cli.mjs", *words, "--local"],
            cwd=self._directory,
            env={**os.environ, "AUTUMN_SECRET_KEY": self._organisation.key, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=SCRIPT_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def empty() -> Iterator[Client]:
    """An organisation with nothing in it, without limits: a push may make more than 25 calls in a second."""
    with ServerProcess("--rate-limit", "off") as server:
        yield server.organisation("empty")


def catalogue(organisation: Client) -> dict[str, Any]:
    """The features and plans, as the newest version shows them."""
    return {kind: organisation.ask(f"/v1/{kind}.list", {})["list"] for kind in ("features", "plans")}


def test_a_configuration_in_the_old_words_is_pushed_pulled_and_pushed_again(
    node: Node, empty: Client, tmp_path: Path
) -> None:
    project = OldProject(tmp_path, node, empty)
    said = project.run("push", "--yes")
    assert "Created product [refill]" in said
    pushed = catalogue(empty)
    assert {each["id"]: (each["type"], each["consumable"]) for each in pushed["features"]} == {
        "seats": ("metered", False),
        "messages": ("metered", True),
        "sso": ("boolean", False),
        "credits": ("credit_system", True),
    }
    plans = {each["id"]: each for each in pushed["plans"]}
    assert [each["feature_id"] for each in plans["pro"]["items"]] == ["seats", "messages", "sso"]
    assert plans["pro"]["price"]["amount"] == 50
    assert plans["free"]["auto_enable"]
    assert plans["refill"]["add_on"]

    project.run("pull")
    pulled = project.config
    assert pulled != CONFIG
    project.run("push", "--yes")
    assert catalogue(empty) == pushed  # no new versions either
    project.run("pull")
    assert project.config == pulled

    customer = empty.ask("/v1/customers.get_or_create", {"customer_id": "ada"})
    assert customer["balances"]["messages"]["remaining"] == 10
