"""File operations that differ between platforms."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Without it Windows would translate line ends, and sizes and checksums would be off.
O_BINARY: int = getattr(os, "O_BINARY", 0)


def beside(path: Path, suffix: str) -> Path:
    """The file next to ``path`` whose name has ``suffix`` appended: ``db.json`` -> ``db.json.wal``."""
    return path.with_name(path.name + suffix)


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
