"""What every measurement is given."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.traffic import write_world

T = TypeVar("T")


@dataclass
class Setting:
    """How thorough to be, and a directory to work in."""

    scratch: Path
    quick: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def pick(self, full: T, quick: T) -> T:
        """One of two figures."""
        return quick if self.quick else full

    def world(self, customers: int = 100) -> str:
        """A world with customers to use something."""
        path = self.scratch / f"world-{customers}.json"
        if not path.exists():
            write_world(path, customers)
        return str(path)

    def database(self) -> str:
        """A file that is not there yet."""
        return str(self.scratch / f"db-{next(self._numbers)}.json")

    def options(self, *further: str) -> list[str]:
        """The options of a server with a world and a database."""
        return ["--world", self.world(), "--db", self.database(), *further]
