"""How long property tests search: ``AUTUMN_MOCK_EFFORT=20`` tries twenty times as many examples, ``0.1`` a tenth."""

from __future__ import annotations

import os

EFFORT = float(os.environ.get("AUTUMN_MOCK_EFFORT", "1"))


def examples(count: int) -> int:
    """How many examples to try where ``count`` are enough for every change."""
    return max(1, round(count * EFFORT))
