"""The example of a shop: its browser tests pass on their own, and find each planted fault by the test meant for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import autumn_mock
from tests.support.browser import executable
from tests.support.node import PROJECT, Node

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

SOURCE = Path(autumn_mock.__file__).parents[1]
SHOP = SOURCE / "fixtures" / "examples" / "shop"
TIMEOUT = 500


class Fault(NamedTuple):
    """A fault that is planted: replacements in files of the shop, and the test that finds it."""

    found_by: str
    changes: tuple[tuple[str, str, str], ...]


FAULTS = {
    "grants at the return from the checkout": Fault(
        "the return from the checkout grants nothing",
        (
            (
                "shop.mjs",
                'app.get("/login/:user", (context) => {\n',
                "const granted = new Set();\n"
                'app.use("/", async (context, next) => {\n'
                '  if (context.req.query("bought")) granted.add(getCookie(context, "user"));\n'
                "  await next();\n"
                "});\n"
                'app.get("/login/:user", (context) => {\n'
                '  granted.delete(context.req.param("user"));\n',
            ),
            (
                "shop.mjs",
                '  return allowed ? context.text("map.pdf")',
                '  const user = getCookie(context, "user");\n'
                "  if (allowed) granted.delete(user);\n"
                '  return allowed || granted.has(user) ? context.text("map.pdf")',
            ),
        ),
    ),
    "ignores a decline": Fault(
        "a declined upgrade says why, and is made once its invoice is paid",
        (
            (
                "page.html",
                "if (answer.requiredAction) return alertUser(answer.requiredAction.reason, answer.paymentUrl);",
                "if (answer.requiredAction) return show();",
            ),
        ),
    ),
    "never handles past due": Fault(
        "a renewal fails: the plan goes on, and the user is asked to pay",
        (
            (
                "page.html",
                'if (current?.pastDue) alertUser("Your last payment failed. Pay it on the page Billing.");',
                "",
            ),
        ),
    ),
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def outcomes_of(suite: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """The tests of a report, and whether each passed."""
    for spec in suite.get("specs", ()):
        yield spec["title"], spec["ok"]
    for inner in suite.get("suites", ()):
        yield from outcomes_of(inner)


def run(folder: Path, node: Node, changes: tuple[tuple[str, str, str], ...] = ()) -> dict[str, bool]:
    """Run the suite as a user would who copied it; by test, whether it passed."""
    shop = folder / "my shop"
    shutil.copytree(SHOP, shop)
    for name, old, new in changes:
        text = (shop / name).read_text("utf-8")
        assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
        (shop / name).write_text(text.replace(old, new), "utf-8")
    node.link_packages(shop)
    report = folder / "report.json"
    more = {
        "CHROMIUM": executable(),
        "AUTUMN_MOCK_COMMAND": f"{sys.executable} -m autumn_mock",
        "AUTUMN_PORT": str(free_port()),
        "SHOP_PORT": str(free_port()),
        "PYTHONPATH": str(SOURCE),
        "PLAYWRIGHT_JSON_OUTPUT_NAME": str(report),
    }
    done = subprocess.run(
        [node.executable, "node_modules/@playwright/test/cli.js", "test", "--reporter=json"],
        cwd=shop,
        env={**os.environ, **more},
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    found = json.loads(report.read_text("utf-8"))
    assert not found["errors"], found["errors"]
    return dict(outcomes_of(found))


def test_the_suite_of_the_shop_passes_wherever_it_is_copied_to(tmp_path: Path, node: Node) -> None:
    outcome = run(tmp_path, node)
    assert [name for name, passed in outcome.items() if not passed] == []
    assert {each.found_by for each in FAULTS.values()} <= set(outcome)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails_the_test_that_is_meant_to_find_it(tmp_path: Path, node: Node, fault: str) -> None:
    outcome = run(tmp_path, node, FAULTS[fault].changes)
    assert [name for name, passed in outcome.items() if not passed] == [FAULTS[fault].found_by]


def test_the_shop_uses_the_packages_that_the_tests_install() -> None:
    own = json.loads((SHOP / "package.json").read_text("utf-8"))
    installed = json.loads((PROJECT / "package.json").read_text("utf-8"))["dependencies"]
    wanted = {**own["dependencies"], **own["devDependencies"]}
    assert {name: installed[name] for name in wanted} == wanted
