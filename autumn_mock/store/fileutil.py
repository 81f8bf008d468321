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

from autumn_mock.store.errors import NotARegularFile

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


if sys.platform == "win32":
    import msvcrt

    # On Windows a locked byte cannot be read, so the locked byte is far behind the contents.
    _LOCKED_BYTE = 1 << 30

    def try_lock(fd: int) -> bool:
        """Lock an open file for this process, until it is closed; False when another one has it."""
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock(fd: int) -> None:
        """Release the lock of an open file."""
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Lock an open file for this process, until it is closed; False when another one has it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(fd: int) -> None:
        """Release the lock of an open file."""
        fcntl.flock(fd, fcntl.LOCK_UN)


#: The mode of a new file with customers' data and keys: for its owner only.
PRIVATE = 0o600


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
    """Raise :class:`NotARegularFile` when something other than a regular file stands at a path."""
    if not is_replaceable(path):
        raise NotARegularFile(f"{path} is {_kind(os.lstat(path).st_mode)}, not a regular file; it is left as it is")


def open_regular(path: Path, flags: int, mode: int = 0o666) -> int:
    """Open a regular file, or create one; returns the file descriptor.

    Raises :class:`NotARegularFile`, and any other :class:`OSError`.
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
        raise NotARegularFile(f"{path} is not a regular file; it is left as it is")
    return fd


def is_at(fd: int, path: Path) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def is_locked(path: Path) -> bool:
    """Whether there is a regular file at a path that is locked, under whatever name, by this process too."""
    try:
        fd = open_regular(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, pieces: Iterable[bytes], *, draft: Path, sync: bool, mode: int = 0o666) -> None:
    """Replace a regular file, or create one, in one step. An exception leaves the old one as it was.

    The content is first written to ``draft``, beside it. ``sync``: and waits for the disk. ``mode``: of a new file,
    less the umask; an old one keeps its own. Raises :class:`NotARegularFile`, and any other :class:`OSError`.
    """
    require_replaceable(path)
    if not os.path.islink(draft):  # a link is removed, and not followed
        require_replaceable(draft)
    with suppress(FileNotFoundError):
        os.unlink(draft)
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _O_SAFE, mode)
        with os.fdopen(fd, "wb", _BUFFER_BYTES) as file:
            if path.exists():
                shutil.copymode(path, draft)  # before there is a content to protect
            file.writelines(pieces)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        require_replaceable(path)  # writing can take long
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    if sync:
        sync_directory(path.parent)


def write_output(path: Path, pieces: Iterable[bytes], mode: int = 0o666) -> bool:
    """Write a file for people or other programs; True if it is a regular file, which was replaced in one step.

    ``mode``: of a new file, less the umask.

    A device, a pipe or a symbolic link is written in place and stays there. Raises :class:`OSError`, also for the
    database of a running server.
    """
    target = Path(os.path.realpath(path))
    if is_locked(target) or is_locked(beside(target, ".lock")):
        raise OSError(errno.EBUSY, "it is the database of a running server; choose another file", str(path))
    if is_replaceable(path):
        replace_file(path, pieces, draft=path.with_name(f".{path.name}.{os.getpid()}"), sync=False, mode=mode)
        return True
    fd = _standard_stream(path)
    if fd is None:
        # Without O_NONBLOCK a pipe that nothing reads would block for ever.
        fd = os.open(path, os.O_WRONLY | O_BINARY | getattr(os, "O_NONBLOCK", 0))
        if hasattr(os, "set_blocking"):
            os.set_blocking(fd, True)
        if stat.S_ISREG(os.fstat(fd).st_mode):  # behind a link
            os.ftruncate(fd, 0)
    with os.fdopen(fd, "wb", buffering=0) as file:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[file.write(rest) :]
    return False


def _standard_stream(path: Path) -> int | None:
    """A descriptor of standard output or error, if that is the file at a path, as at ``/dev/stdout``.

    Opening a file again that the output was redirected to would write at its beginning.
    """
    for fd in (1, 2):
        with suppress(OSError):
            if os.path.samestat(os.stat(path), os.fstat(fd)):
                return os.dup(fd)
    return None


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
