"""Finds the logs that continue the file at rest.

The file and every log have a generation. A log of the file's generation continues the file; one of the next generation,
which a checkpoint began, continues that log, and so on. The records of a log older than the file are in the file: the
process died after writing the file and before removing the log.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from autumn_mock.store.errors import DamagedFile, DatabaseInUse
from autumn_mock.store.fileutil import beside, is_locked, require_replaceable
from autumn_mock.store.log import TornTail, read_log, repair


class Segment(Struct, frozen=True):
    """One log on disk; ``size`` in bytes."""

    path: Path
    generation: int
    size: int


class History(Struct, frozen=True):
    """What was logged since the file was written.

    ``segments`` are the logs, oldest first, perhaps none; ``entries`` all their payloads in order; ``recovered`` a
    sentence on what was removed, or None.
    """

    segments: list[Segment]
    entries: list[bytes]
    recovered: str | None


class _Found(Struct, frozen=True):
    path: Path
    generation: int
    payloads: list[bytes]
    torn: TornTail | None


def main_log(database: Path) -> Path:
    """The log that continues the file; the only one unless a checkpoint was begun."""
    return beside(database, ".wal")


def next_log(database: Path, generation: int) -> Path:
    """The log that a checkpoint creates, until the checkpoint is finished."""
    return beside(database, f".wal.{generation}")


def recover(database: Path, file_generation: int) -> History:
    """Read the logs of a database; remove outdated ones and torn ends.

    Raises what ``read_log`` raises, and ``DamagedFile`` for a log that continues neither the file nor another log,
    with nothing changed.
    """
    current, outdated = _read_logs(database, file_generation)
    _check_order(current, file_generation)
    for path in outdated:
        path.unlink()

    segments: list[Segment] = []
    entries: list[bytes] = []
    recovered: str | None = None
    for log in current:
        if log.torn:
            repair(log.path, log.torn)
            recovered = (
                f"a crash cut the last record of {log.path} short: "
                f"its {log.torn.length} bytes at byte {log.torn.offset} were removed"
            )
        segments.append(Segment(log.path, log.generation, log.path.stat().st_size))
        entries += log.payloads
    return History(segments, entries, recovered)


def _read_logs(database: Path, file_generation: int) -> tuple[list[_Found], list[Path]]:
    """The logs to replay, oldest first, and the paths of those that are outdated or have no complete first line."""
    current: list[_Found] = []
    outdated: list[Path] = []
    for path in log_paths(database):
        require_replaceable(path)
        if is_locked(path):  # the lock file of a running server was removed
            raise DatabaseInUse(database, None)
        log = read_log(path)
        if log.generation is None or log.generation < file_generation:
            outdated.append(path)
        else:
            current.append(_Found(path, log.generation, log.payloads, log.torn))
    return sorted(current, key=lambda log: log.generation), outdated


def log_paths(database: Path) -> list[Path]:
    """The logs of a database that there are."""
    name = re.compile(re.escape(main_log(database).name) + r"(\.\d+)?")
    return [path for path in database.parent.iterdir() if name.fullmatch(path.name)]


def _check_order(logs: list[_Found], file_generation: int) -> None:
    for expected, log in enumerate(logs, start=file_generation):
        if log.generation != expected:
            raise DamagedFile(
                log.path,
                "line 1",
                f"the log has generation {log.generation}, but the database calls for generation {expected}: "
                "the database file was replaced by an older one, or removed",
            )
