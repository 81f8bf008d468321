"""How hard tests look for what nobody thought of: ``AUTUMN_MOCK_EFFORT=20`` is twenty times as long."""

from __future__ import annotations

import os

EFFORT = int(os.environ.get("AUTUMN_MOCK_EFFORT", "1"))


def examples(count: int) -> int:
    """How many examples to try where ``count`` are enough for every day."""
    return count * EFFORT
