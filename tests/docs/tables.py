"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

#: A pipe within a cell.
_PIPE = "\\|"


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines_ = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines_ += [f"| {' | '.join(cell.replace('|', _PIPE) for cell in row)} |" for row in rows]
    return "\n".join(lines_) + "\n"
