"""What a script is, and the list of all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What a script found out, for the line that is printed.
Figures = dict[str, Any]


class Unreachable(Exception):
    """This machine lacks what a script needs; the text says what."""


@dataclass(frozen=True)
class Effort:
    """How hard to try. What a round is depends on the script; of some nothing can be had more than once."""

    rounds: int = 1
    seconds: float = 0.0
    seed: int = 0


#: Breaks something in a directory of its own.
Law = Callable[[Effort, Path], Figures]


@dataclass(frozen=True)
class Script:
    """A law with its two forms: ``brief`` for every change, ``long`` for a quiet evening."""

    name: str
    law: Law
    brief: Effort
    long: Effort

    @property
    def about(self) -> str:
        """The law in a sentence."""
        return (self.law.__doc__ or "").strip().partition("\n")[0]


#: By name, in the order they are run.
SCRIPTS: dict[str, Script] = {}


def script(*, brief: Effort = Effort(), long: Effort | None = None) -> Callable[[Law], Law]:
    """Put a law on the list, named ``module`` or ``module.function``. Without ``long`` there is one form only."""

    def register(law: Law) -> Law:
        module = law.__module__.rpartition(".")[2]
        name = module if law.__name__ == module else f"{module}.{law.__name__}"
        SCRIPTS[name] = Script(name, law, brief, long or brief)
        return law

    return register


def require_linux(what: str) -> None:
    """Some limits can be set, and some figures had, on Linux only."""
    if sys.platform != "linux":
        raise Unreachable(f"{what} needs Linux")
