"""The clients of the README, run as they stand against a server; its links. Other examples: ``tests/docs``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.generated import README
from tests.support.examples import URL, blocks, run
from tests.support.node import Node
from tests.support.server import ServerProcess

TEXT = README.read_text("utf-8")
#: Lines that a reader who is in a hurry has time for.
MOST_LINES = 160


@pytest.fixture(scope="module")
def running() -> Iterator[ServerProcess]:
    with ServerProcess("--rate-limit", "off") as server:
        yield server


@pytest.mark.skipif(sys.platform == "win32", reason="the example is for a Unix shell")
def test_curl(running: ServerProcess, tmp_path: Path) -> None:
    (script,) = [each for each in blocks(TEXT, "sh") if each.startswith("curl")]
    shown = run(["sh", "-ec", script.replace(URL, running.url)], tmp_path, running.url)
    assert shown.startswith('{"success":true}')
    assert '"feature_id":"messages"' in shown


def test_javascript(running: ServerProcess, node: Node) -> None:
    (script,) = blocks(TEXT, "js")
    command = [node.executable, "--input-type=module", "-"]
    assert float(run(command, node.packages, running.url, script.replace(URL, running.url)))


def test_python(running: ServerProcess, tmp_path: Path) -> None:
    script, test = blocks(TEXT, "python")
    (tmp_path / "test_readme.py").write_text(test, "utf-8")
    run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_readme.py"], tmp_path, "")
    run([sys.executable, "-c", script.replace(URL, running.url)], tmp_path, running.url)


def test_links_lead_to_files() -> None:
    targets = [each for each in re.findall(r"\]\(([^)#]+)", TEXT) if "://" not in each]
    assert targets
    assert [each for each in targets if not (README.parent / each).is_file()] == []


def test_it_is_short() -> None:
    assert TEXT.count("\n") <= MOST_LINES
