"""Errors of a database. ``str()`` of each is one sentence that can be shown to a user."""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """The base of the errors of this package.

    An append or a checkpoint that the operating system refuses (disk full) raises ``OSError`` instead: the database is
    intact and the call can be retried.
    """

    #: What to do, as the end of a sentence about a database; "" if the message says it, or there is nothing to do.
    cure = ""

    def advice(self) -> str:
        """The sentence with what to do, for a server that cannot start with its database."""
        return f"{self}; {self.cure}" if self.cure else str(self)


class NothingToCopy(ValueError):
    """The key of the organisation that others should be copies of opens nothing."""


class NoSuchOrganisation(StoreError, LookupError):
    """There is no organisation with that id, or it was closed."""

    def __init__(self, org_id: str) -> None:
        super().__init__(f"there is no organisation {org_id!r}")
        self.org_id = org_id


class DamagedFile(StoreError):
    """A file of this program with invalid contents. ``where`` is a place in it: "line 12", "byte 4711"."""

    cure = "restore a snapshot, or keep what can be read of it: autumn-mock docs recovery"

    def __init__(self, path: Path, where: str, why: str) -> None:
        super().__init__(f"{path} is damaged at {where}: {why}")
        self.path = path
        self.where = where
        self.why = why


class ForeignFile(StoreError):
    """A file that another program wrote; it is left unchanged."""

    cure = "name another file"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} was not written by autumn-mock: {why}")
        self.path = path
        self.why = why


class UnsupportedFormat(StoreError):
    """A file of this program in the format of another version."""

    cure = "start the version that wrote it"

    def __init__(self, path: Path, found: int, supported: int) -> None:
        super().__init__(f"{path} has format {found}, but this version of autumn-mock reads format {supported} only")
        self.path = path
        self.found = found
        self.supported = supported


class NotARegularFile(StoreError, OSError):
    """Something other than a regular file stands at a path; it is left as it is."""

    cure = "name another file, or move it away"


class FilesMissing(OSError):
    """Files of an open database were removed or replaced; nothing is durable until they are back, or written again."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"files of the database {path} were removed or replaced while it was open: {why}")


class DatabaseInUse(StoreError):
    """Another process (or another part of this one) has the database open.

    ``pid`` is None between the moment that process acquires the lock and the moment it writes its number to the file.
    """

    cure = "stop the other server, or name another file"

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"the database {path} is in use by {holder}")
        self.path = path
        self.pid = pid
