"""What all tests share: marks by folder, the server, an organisation of its own, Node."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Read when the package is imported, and by every server that a test starts.
os.environ["AUTUMN_MOCK_DEBUG_LOCKS"] = "1"

import pytest
from hypothesis import settings

from tests.support import node as node_packages
from tests.support.client import Client
from tests.support.effort import examples
from tests.support.server import ServerProcess

_TESTS = Path(__file__).parent
#: Folders and modules that start many processes, wait for real time, or search for long.
_SLOW = (
    "benchmarks",
    "chaos",
    "examples",
    "docs/test_browser.py",
    "docs/test_examples.py",
    "exec",
    "faults/test_arming.py",
    "faults/test_pairs.py",
    "faults/test_random.py",
    "fidelity",
    "fuzz",
    "certification/test_cards.py",
    "certification/test_planted.py",
    "certification/test_shipped.py",
    "cli/test_certify.py",
    "cli/test_fidelity.py",
    "cli/test_scenario.py",
    "cli/test_serve.py",
    "cli/test_snapshot.py",
    "scenarios/test_shipped.py",
    "sdk",
    "support/test_server.py",
    "test_extension.py",
    "test_readme.py",
    "testing/test_embedded.py",
    "testing/test_plugin.py",
    "web/test_fuzz.py",
    "web/page/test_browser.py",
    "web/test_openapi.py",
)
#: Marks that a test has when it uses the fixture of that name.
_BY_FIXTURE = ("browser", "node")

# A law has no time limit: a busy machine does not break it.
settings.register_profile("suite", deadline=None, max_examples=examples(100))
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder and their fixtures."""
    missing = [name for name in _SLOW if not (_TESTS / name).exists()]
    assert not missing, f"tests/conftest.py marks what does not exist: {', '.join(missing)}"
    for item in items:
        name = item.path.relative_to(_TESTS).as_posix()
        if any(name == each or name.startswith(f"{each}/") for each in _SLOW):
            item.add_marker("slow")
        if name.startswith("chaos/"):
            item.add_marker("chaos")
        for mark in set(_BY_FIXTURE) & set(getattr(item, "fixturenames", ())):
            item.add_marker(mark)


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """One server with its default options. Tests that share it use an ``organisation`` of their own."""
    with ServerProcess() as running:
        yield running


@pytest.fixture(scope="session")
def node() -> node_packages.Node:
    """Node with the packages of ``fixtures/node``."""
    return node_packages.installed()


@pytest.fixture
def organisation(server: ServerProcess) -> Client:
    """A client of a new organisation with the default world."""
    return server.organisation()
