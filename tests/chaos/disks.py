"""Two disks that can be filled and freed under a running server: a small one of its own, and a limit to every file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tests.chaos.scripts import Unreachable
from tests.chaos.victim import Victim

if sys.platform == "linux":
    import resource


#: Bytes: room for what a server says on its standard error, which is a file here.
_HARDLY_ANY = 32_768


class Disk(Protocol):
    """Where a database lies."""

    #: For the figures.
    name: str

    @property
    def path(self) -> Path:
        """The directory."""

    def fill(self, victim: Victim, room: int | None) -> None:
        """Leave about ``room`` bytes for a log to grow. None: nothing that is of any size can be written at all."""

    def free(self, victim: Victim) -> None:
        """Let everything be written again."""

    def forget(self) -> None:
        """Let everything be written again, by servers that are yet to come."""


class Tmpfs:
    """A file system of a few megabytes."""

    name = "tmpfs"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, victim: Victim, room: int | None) -> None:
        assert victim.is_alive
        self._filler.write_bytes(b"\0" * (room or 0))  # is given up again below
        with (self.path / "rest").open("wb", buffering=0) as rest, suppress(OSError):
            while True:
                rest.write(b"\0" * 4096)
        self._filler.unlink()

    def free(self, victim: Victim) -> None:
        assert victim.is_alive
        self.forget()

    def forget(self) -> None:
        (self.path / "rest").unlink()


class SizeLimit:
    """No file of the server may grow past a size, as with ``ulimit -f``; the system says EFBIG and not ENOSPC then."""

    name = "size limit"

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, victim: Victim, room: int | None) -> None:
        logs = [each.stat().st_size for each in self.path.iterdir() if ".wal" in each.name]
        self._limit(victim, _HARDLY_ANY if room is None else max(logs, default=0) + room)

    def free(self, victim: Victim) -> None:
        self._limit(victim, resource.RLIM_INFINITY)

    def forget(self) -> None:
        """The limit ended with its process."""

    def _limit(self, victim: Victim, size: int) -> None:
        assert victim.is_alive
        resource.prlimit(victim.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def tmpfs(place: Path, megabytes: int) -> Iterator[Tmpfs]:
    """A small disk for the block; :class:`Unreachable` where none can be mounted."""
    path = place / "tmpfs"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "autumn-mock-chaos", str(path)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Unreachable("there is no mount command") from None
    if mounted.returncode:
        raise Unreachable(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        yield Tmpfs(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def every_disk(place: Path, megabytes: int) -> Iterator[tuple[list[Disk], str]]:
    """The disks that can be had here, the limit at least, and why it is not both."""
    limited = place / "limited"
    limited.mkdir()
    with ExitStack() as mounted:
        disks: list[Disk] = [SizeLimit(limited)]
        missing = ""
        try:
            disks.append(mounted.enter_context(tmpfs(place, megabytes)))
        except Unreachable as error:
            missing = str(error)
        yield disks, missing


def files_in(path: Path) -> set[str]:
    """The names in a directory that belong to the database."""
    return {each for each in os.listdir(path) if each.startswith("db.json")}
