"""The server, with one addition: whenever something was written to the log of the database, the time goes to a file.

    python -m tests.benchmarks.stamped STAMP serve --db FILE ...

The stamp is eight bytes: nanoseconds of the monotonic clock, which the processes of a machine share.
"""

from __future__ import annotations

import mmap
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autumn_mock.cli import main as cli
from autumn_mock.store.database import Database


def read_stamp(path: Path) -> float:
    """When something was written last, in seconds."""
    return int.from_bytes(path.read_bytes(), "little") / 1e9


def _stamping(write: Callable[..., None], stamp: mmap.mmap) -> Callable[..., None]:
    def stamped(*arguments: Any) -> None:
        write(*arguments)
        stamp[:8] = time.monotonic_ns().to_bytes(8, "little")

    return stamped


def main() -> None:
    """Run the server."""
    path = Path(sys.argv.pop(1))
    path.write_bytes(bytes(8))
    with path.open("r+b") as file:
        stamp = mmap.mmap(file.fileno(), 8)
    Database.append = _stamping(Database.append, stamp)  # type: ignore[method-assign]  # that is the addition
    cli()


if __name__ == "__main__":
    main()
