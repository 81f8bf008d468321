"""The published command line ``atmn``, which keeps a catalogue in a file, against a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.client import Client
from tests.support.node import SCRIPT_TIMEOUT, Node
from tests.support.server import ServerProcess

CONFIG = Path(__file__).with_name("autumn.config.ts").read_text("utf-8")
IN_SYNC = "Already in sync"


class Done(NamedTuple):
    """How a command ended, and everything it said."""

    code: int
    said: str


class Project:
    """A directory with a configuration file, of a user who has never used ``atmn`` before."""

    def __init__(self, directory: Path, node: Node, organisation: Client) -> None:
        self._node = node
        self._organisation = organisation
        self._directory = directory / "project"
        self._home = directory / "home"
        self._directory.mkdir()
        self._home.mkdir()
        node.link_packages(self._directory)
        self.config = CONFIG

    @property
    def _file(self) -> Path:
        return self._directory / "autumn.config.ts"

    @property
    def config(self) -> str:
        """The text of the configuration file."""
        return self._file.read_text("utf-8")

    @config.setter
    def config(self, text: str) -> None:
        self._file.write_text(text, "utf-8")

    def change(self, old: str, new: str) -> None:
        """Write something else in the configuration file."""
        assert self.config.count(old) == 1, old
        self.config = self.config.replace(old, new)

    def remove(self, name: str) -> None:
        """Take an exported thing out of the configuration file."""
        head, rest = self.config.split(f"export const {name} = ", 1)
        self.config = head + rest.split("\n});\n", 1)[1]

    def run(self, *words: str) -> Done:
        """``atmn`` with some words."""
        script = self._node.packages / "node_modules" / "atmn" / "dist" / "cli.js"
        done = subprocess.run(
            [self._node.executable, str(script), "--headless", *words],
            cwd=self._directory,
            env={
                **os.environ,
                "HOME": str(self._home),
                "USERPROFILE": str(self._home),
                "ATMN_BACKEND_URL": self._organisation.url,
                "AUTUMN_SECRET_KEY": self._organisation.key,
                "NO_COLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=SCRIPT_TIMEOUT,
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def done(self, *words: str) -> str:
        """What ``atmn`` says, which has to succeed."""
        code, said = self.run(*words)
        assert code == 0, said
        return said


@pytest.fixture
def empty(server: ServerProcess) -> Client:
    """An organisation with nothing in it."""
    return server.organisation("empty")


@pytest.fixture
def project(node: Node, empty: Client, tmp_path: Path) -> Project:
    """A project whose configuration was not pushed yet."""
    return Project(tmp_path, node, empty)


def features(organisation: Client) -> list[str]:
    """The ids of the features that are not archived."""
    return [each["id"] for each in organisation.ask("/v1/features.list", {})["list"] if not each["archived"]]


def plans(organisation: Client, **params: Any) -> dict[str, Any]:
    """The plans by id, in their newest version."""
    return {each["id"]: each for each in organisation.ask("/v1/plans.list", params)["list"]}


def attach(organisation: Client, customer: str, plan: str) -> None:
    organisation.ask("/v1/customers.get_or_create", {"customer_id": customer})
    body = {"customer_id": customer, "plan_id": plan, "no_billing_changes": True}
    organisation.ask("/v1/billing.attach", body)


def test_what_is_pushed_can_be_used_and_pulled(project: Project, empty: Client) -> None:
    said = project.done("push", "-y")
    assert "Features created: messages, seats, sso, credits" in said
    assert "Plans created: free, pro" in said
    attach(empty, "cus_1", "pro")
    assert empty.balance("cus_1", "credits") == 50
    assert IN_SYNC in project.done("push", "-y")

    project.done("pull", "--force")
    pulled = project.config
    assert pulled != CONFIG  # it is written anew, with what was left to be understood
    assert IN_SYNC in project.done("push", "-y")
    project.done("pull", "--force")
    assert project.config == pulled
    project.done("pull")  # only writes what is different
    assert IN_SYNC in project.done("push", "-y")


def test_a_changed_file_changes_the_emulator(project: Project, empty: Client) -> None:
    project.done("push", "-y")
    project.remove("free")
    project.change("\t\titem({ featureId: sso.id }),\n", "")
    project.remove("sso")
    project.change("name: 'Seats'", "name: 'Places'")
    project.config += (
        "export const exports = feature({ id: 'exports', name: 'Exports', type: 'metered', consumable: true });\n"
        "export const team = plan({ id: 'team', name: 'Team', addOn: true, "
        "items: [item({ featureId: 'exports', included: 5, reset: { interval: 'day' } })] });\n"
    )
    said = project.done("push", "-y")
    for line in (
        "Features created: exports",
        "Features updated: seats",
        "Features deleted: sso",
        "Plans created: team",
        "Plans updated: pro",
        "Plans deleted: free",
    ):
        assert line in said
    assert features(empty) == ["messages", "seats", "credits", "exports"]
    shown = plans(empty)
    assert sorted(shown) == ["pro", "team"]
    assert [item["feature_id"] for item in shown["pro"]["items"]] == ["messages", "credits", "seats"]
    assert shown["pro"]["version"] == 1  # it had no customers
    assert shown["team"]["items"][0]["included"] == 5
    assert IN_SYNC in project.done("push", "-y")


def test_a_plan_with_customers_asks_what_to_do_with_them(project: Project, empty: Client) -> None:
    project.done("push", "-y")
    attach(empty, "cus_1", "free")
    project.change("included: 10,", "included: 20,")
    code, said = project.run("push", "-y")
    assert code == 1
    assert 'plan "free" needs an update intent' in said
    assert plans(empty)["free"]["items"][0]["included"] == 10

    said = project.done("push", "-y", "--plan-intents", json.dumps({"free": "create_version"}))
    assert "Plans updated: free" in said
    assert plans(empty)["free"]["version"] == 2
    attach(empty, "cus_2", "free")
    assert (empty.balance("cus_1"), empty.balance("cus_2")) == (10, 20)

    listed = empty.ask("/v1/plans.list", {"all_versions": True})["list"]
    assert sorted(each["version"] for each in listed if each["id"] == "free") == [1, 2]


def test_a_version_can_be_changed_under_its_customers(project: Project, empty: Client) -> None:
    project.done("push", "-y")
    attach(empty, "cus_1", "free")
    project.change("included: 10,", "included: 20,")
    decided = ["--plan-intents", '{"free": "update_current"}', "--migration-drafts", '{"free": false}']
    project.done("push", "-y", *decided)
    free = plans(empty)["free"]
    assert (free["version"], free["items"][0]["included"]) == (1, 20)
    assert empty.balance("cus_1") == 10
    assert IN_SYNC in project.done("push", "-y")


def test_a_plan_can_be_left_as_it_is(project: Project, empty: Client) -> None:
    project.done("push", "-y")
    attach(empty, "cus_1", "free")
    project.change("included: 10,", "included: 20,")
    project.change("name: 'Seats'", "name: 'Places'")
    project.done("push", "-y", "--plan-intents", '{"free": "skip"}')
    assert plans(empty)["free"]["items"][0]["included"] == 10
    assert empty.ask("/v1/features.get", {"feature_id": "seats"})["name"] == "Places"


def test_what_customers_have_is_archived_instead_of_deleted(project: Project, empty: Client) -> None:
    project.done("push", "-y")
    attach(empty, "cus_1", "pro")
    project.remove("pro")
    project.remove("credits")
    project.remove("seats")
    project.remove("sso")
    said = project.done("push", "-y")
    assert "Plans archived: pro" in said
    assert features(empty) == ["messages"]
    assert sorted(plans(empty)) == ["free"]
    assert plans(empty, include_archived=True)["pro"]["archived"]
    assert empty.balance("cus_1", "credits") == 50

    project.config = CONFIG  # and back again: archived things are taken out of the archive
    project.done("push", "-y")
    assert features(empty) == ["messages", "seats", "sso", "credits"]
    assert sorted(plans(empty)) == ["free", "pro"]


def test_the_lists_show_what_is_there(project: Project, empty: Client) -> None:
    project.done("push", "-y")
    attach(empty, "cus_1", "free")
    empty.ask("/v1/balances.track", {"customer_id": "cus_1", "feature_id": "messages", "value": 3})
    empty.drain()
    assert re.search(r"Slug: \S", project.done("env"))
    assert "credit_system" in project.done("features")
    assert "credits: 50" in project.done("plans", "--id", "pro")
    assert "cus_1" in project.done("customers")
    assert "messages" in project.done("events")


_VARIANTS = """
export const pro_year = pro.variant({
	id: 'pro_year',
	name: 'Pro, by the year',
	customize: {
		price: { amount: 500, interval: 'year' },
	},
});

export const pro_large = pro.variant({
	id: 'pro_large',
	name: 'Pro, large',
	customize: {
		addItems: [item({ featureId: messages.id, included: 900, reset: { interval: 'month' } })],
	},
});
"""


def test_a_configuration_with_variants_is_pushed_pulled_and_in_sync(project: Project, empty: Client) -> None:
    project.config = CONFIG + _VARIANTS
    project.done("push", "-y")
    pushed = plans(empty)
    assert {"pro", "pro_year", "pro_large"} <= pushed.keys()
    assert pushed["pro_year"]["price"] == {**pushed["pro_year"]["price"], "amount": 500, "interval": "year"}
    assert IN_SYNC in project.done("push", "-y")

    project.done("pull")
    assert "pro.variant({" in project.config
    assert IN_SYNC in project.done("push", "-y")
    assert plans(empty) == pushed


def test_everything_can_be_deleted(project: Project, empty: Client) -> None:
    project.done("push", "-y")
    attach(empty, "cus_1", "pro")
    assert "nuked successfully" in project.done("nuke", "--dangerously-skip-all-confirmation-prompts")
    assert features(empty) == []
    assert plans(empty) == {}
    assert empty.ask("/v1/customers.list", {})["list"] == []
