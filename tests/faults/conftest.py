"""The server of the fault tests has no rate limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import ServerProcess


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """A server without rate limits."""
    with ServerProcess("--rate-limit", "off") as running:
        yield running
