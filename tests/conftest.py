"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import node as node_packages
from tests.support.client import Client
from tests.support.effort import examples
from tests.support.server import ServerProcess

# A law has no time limit: a busy machine does not break it.
settings.register_profile("suite", deadline=None, max_examples=examples(100))
settings.load_profile("suite")


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
