"""Why a database cannot be used. ``str()`` of each error is one sentence to show to a person."""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """The base of all errors of this package.

    An append or a checkpoint that the operating system refuses (disk full) is not one of them: it stays an
    ``OSError``, because the database is intact and the call can be made again.
    """


class NoSuchOrganisation(StoreError, LookupError):
    """There is no organisation of that id, or not any more."""

    def __init__(self, org_id: str) -> None:
        super().__init__(f"there is no organisation {org_id!r}")
        self.org_id = org_id


class DamagedFile(StoreError):
    """One of our own files, but not as we wrote it. ``where`` is a place in it: "line 12", "byte 4711"."""

    def __init__(self, path: Path, where: str, why: str) -> None:
        super().__init__(f"{path} is damaged at {where}: {why}")
        self.path = path
        self.where = where
        self.why = why


class ForeignFile(StoreError):
    """A file that somebody else wrote; it is left untouched."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} was not written by autumn-mock: {why}")
        self.path = path
        self.why = why


class UnsupportedFormat(StoreError):
    """Our own file, in a format of another version of autumn-mock."""

    def __init__(self, path: Path, found: int, supported: int) -> None:
        super().__init__(f"{path} has format {found}, but this version of autumn-mock reads format {supported} only")
        self.path = path
        self.found = found
        self.supported = supported


class DatabaseInUse(StoreError):
    """Another live process (or another part of this one) has the database open.

    ``pid`` is None in the moment between that process taking the lock and writing its number down.
    """

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"the database {path} is in use by {holder}")
        self.path = path
        self.pid = pid
