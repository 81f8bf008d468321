"""File operations that differ between platforms, and those that must not harm what stands at a path.

A path that the program writes may be a device, a pipe, or a symbolic link to a file of another program. Files of a
database are regular files: nothing else is opened, and links are not followed. Any other output is written in place
where no regular file stands.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from autumn_mock.store.errors import StoreError

# Without it Windows would translate line ends, and sizes and checksums would be off.
O_BINARY: int = getattr(os, "O_BINARY", 0)
#: Neither follow a symbolic link nor wait for the other end of a pipe.
_O_SAFE = O_BINARY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BUFFER_BYTES = 1 << 20
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def beside(path: Path, suffix: str) -> Path:
    """The file next to ``path`` whose name has ``suffix`` appended: ``db.json`` -> ``db.json.wal``."""
    return path.with_name(path.name + suffix)


def is_replaceable(path: Path) -> bool:
    """Whether nothing or a regular file stands at a path. A symbolic link is neither."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True


def require_replaceable(path: Path) -> None:
    """Raise :class:`StoreError` when something other than a regular file stands at a path."""
    if not is_replaceable(path):
        raise StoreError(f"{path} is {_kind(os.lstat(path).st_mode)}, not a regular file; it is left as it is")


def open_regular(path: Path, flags: int, mode: int = 0o666) -> int:
    """Open a regular file, or create one; returns the file descriptor.

    Raises :class:`StoreError` when something else stands at the path, and :class:`OSError`.
    """
    require_replaceable(path)
    try:
        fd = os.open(path, flags | _O_SAFE, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # something was put there meanwhile
            require_replaceable(path)
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise StoreError(f"{path} is not a regular file; it is left as it is")
    return fd


def replace_file(path: Path, pieces: Iterable[bytes], *, draft: Path, sync: bool) -> None:
    """Replace a regular file, or create one, in one step. An exception leaves the old one as it was.

    The content is first written to ``draft``, beside it. ``sync``: and waits for the disk. Raises :class:`StoreError`
    when something else stands at the path.
    """
    require_replaceable(path)
    with suppress(FileNotFoundError):
        os.unlink(draft)  # left by a crash, or put there by someone: removed, not followed
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _O_SAFE, 0o666)
        with os.fdopen(fd, "wb", _BUFFER_BYTES) as file:
            if path.exists():
                shutil.copymode(path, draft)  # before there is a content to protect
            file.writelines(pieces)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    if sync:
        sync_directory(path.parent)


def write_output(path: Path, pieces: Iterable[bytes]) -> bool:
    """Write a file for people or other programs; True if it is a regular file, which was replaced in one step.

    A device, a pipe or a symbolic link is written in place and stays there. Raises :class:`OSError`.
    """
    if is_replaceable(path):
        replace_file(path, pieces, draft=path.with_name(f".{path.name}.{os.getpid()}"), sync=False)
        return True
    # Without O_NONBLOCK a pipe that nothing reads would block for ever.
    fd = os.open(path, os.O_WRONLY | O_BINARY | getattr(os, "O_NONBLOCK", 0))
    if hasattr(os, "set_blocking"):
        os.set_blocking(fd, True)
    with os.fdopen(fd, "wb", buffering=0) as file:
        if stat.S_ISREG(os.fstat(fd).st_mode):  # behind a link
            file.truncate()
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[file.write(rest) :]
    return False


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "not a file")


def sync_data(fd: int) -> None:
    """Wait until the content of the file is on the disk."""
    if sys.platform == "linux":
        os.fdatasync(fd)  # also syncs a changed size, but not the timestamps
    else:
        os.fsync(fd)


def sync_directory(directory: Path) -> None:
    """Wait until created, renamed and removed names are on the disk; Windows has no such call."""
    if sys.platform != "win32":
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
