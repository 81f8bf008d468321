"""What is said about files that are refused."""

from __future__ import annotations

from pathlib import Path


def without_path(error: Exception, path: Path) -> str:
    """The lines of an error, each without the path of the file, with which every one of them has to begin."""
    lines = str(error).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    return "\n".join(line.removeprefix(f"{path}:") for line in lines)
