"""How long property tests search: ``AUTUMN_MOCK_EFFORT=20`` tries twenty times as many examples, ``0.1`` a tenth.

``.ci/run`` sets 1. Without the variable, at a developer's desk, a fifth of that is tried.
"""

from __future__ import annotations

import os

EFFORT = float(os.environ.get("AUTUMN_MOCK_EFFORT", "0.2"))


def examples(count: int) -> int:
    """How many examples to try where ``count`` are enough for every change that is merged."""
    return max(1, round(count * EFFORT))
