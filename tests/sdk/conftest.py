"""An organisation of its own for each test of the official clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.client import Client
from tests.support.node import CLIENTS
from tests.support.server import ServerProcess

pytest.register_assert_rewrite("tests.sdk.methods")


@pytest.fixture(scope="session")
def server_200() -> Iterator[ServerProcess]:
    """A server that answers an accepted batch with 200."""
    with ServerProcess("--batch-status", "200") as running:
        yield running


@pytest.fixture(params=CLIENTS)
def package(request: pytest.FixtureRequest) -> str:
    """The name of the JavaScript package under test."""
    return str(request.param)


@pytest.fixture
def organisation(server: ServerProcess) -> Client:
    """An organisation with features, and the customer ``cus_1`` with 1000 messages."""
    return _furnished(server)


@pytest.fixture
def organisation_200(server_200: ServerProcess) -> Client:
    """The same on the server that answers with 200."""
    return _furnished(server_200)


def _furnished(server: ServerProcess) -> Client:
    organisation = server.organisation("empty")
    organisation.furnish()
    return organisation
