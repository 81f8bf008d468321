"""The errors of world and scenario files."""

from __future__ import annotations

import re
from pathlib import Path


def without_path(error: Exception, path: Path) -> str:
    """The lines of an error as ``LINE: KEY: TEXT``. Each must begin with the file, a line and a column."""
    lines = []
    for line in str(error).splitlines():
        found = re.fullmatch(rf"{re.escape(str(path))}:(\d+):\d+: (.*)", line)
        assert found is not None, line
        lines.append(f"{found[1]}: {found[2]}")
    return "\n".join(lines)
