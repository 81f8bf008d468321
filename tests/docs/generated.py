"""The parts of the documentation that are made from the code: between ``<!-- NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import autumn_mock.docs
from autumn_mock.settings import declarations, variable

FOLDER = Path(autumn_mock.docs.__file__).parent
_PART = re.compile(r"^<!-- ([a-z-]+) -->\n.*?^<!-- end -->\n", re.DOTALL | re.MULTILINE)


def filled(text: str) -> str:
    """A page with its generated parts as the code has them now."""
    return _PART.sub(lambda found: f"<!-- {found[1]} -->\n\n{PARTS[found[1]]()}\n<!-- end -->\n", text)


def _settings() -> str:
    rows = ["| in the file | option | variable | meaning |", "|---|---|---|---|"]
    for name, setting in declarations().items():
        written = name.replace("_", "-")
        value = "true" if setting["flag"] else setting["metavar"]
        option = f"--{written}" if setting["flag"] else f"--{written} {value}"
        cells = (f"`{written}`", f"`{option}`", f"`{variable(name)}`", setting["help"])
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


#: The parts by name.
PARTS: dict[str, Callable[[], str]] = {"settings": _settings}
