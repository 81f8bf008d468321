"""Variables of the environment whose names begin with ``AUTUMN_MOCK_``: which there are, and a warning about others.

A file with an unknown name is refused. A variable may be for another version or another program, and is ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from autumn_mock.settings import declarations, variable

#: Variables that belong to no setting: of commands, and of the examples.
_FURTHER = ("URL", "CONFIG", "LOG", "COMMAND")
#: Variables of the tests, which the servers that they start inherit.
_OF_TESTS = (
    "ALL_CARDS",
    "DEBUG_LOCKS",
    "EFFORT",
    "PAIRS_SECONDS",
    "PAIRS_SEED",
    "REQUIRE_BROWSER",
    "REQUIRE_NODE",
    "REQUIRE_OLD_SDK",
    "SCREENSHOTS",
    "TEST_CACHE",
)
_PREFIX = variable("")


def known_variables() -> set[str]:
    """The names of all variables that something reads."""
    return {variable(name) for name in (*declarations(), *_FURTHER, *_OF_TESTS)}


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """A warning for each variable that nothing reads, with the name that was probably meant."""
    unknown = sorted({name for name in environment if name.startswith(_PREFIX)} - known_variables())
    return [f"the variable {name} is not known, and is ignored{_suggestion(name)}" for name in unknown]


def _suggestion(name: str) -> str:
    import difflib

    # Without what all of them begin with, which makes any two similar.
    known = [each.upper() for each in (*declarations(), *_FURTHER)]
    near = difflib.get_close_matches(name.removeprefix(_PREFIX), known, n=1)
    return f", did you mean {_PREFIX}{near[0]}?" if near else "; autumn-mock docs settings lists all of them"
