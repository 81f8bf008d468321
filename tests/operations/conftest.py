"""The world that tests of operations share."""

from __future__ import annotations

import pytest

from tests.support.world import World


@pytest.fixture
def world() -> World:
    """A world with a customer ``c``."""
    made = World()
    made.customer()
    return made
