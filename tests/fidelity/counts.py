"""How many exchanges, runs and cases match, and how many are known to differ. The documentation shows these figures."""

from __future__ import annotations

#: (matching, known to differ) by the name of the suite.
COMPARED: dict[str, tuple[int, int]] = {
    "exchanges": (401, 19),
    "scenarios": (92, 1),
    "scenarios in time": (48, 3),
    "random walks": (54, 0),
    "cases": (350, 0),
}
