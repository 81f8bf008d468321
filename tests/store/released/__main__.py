"""Writes the database of the present version."""

from __future__ import annotations

import tempfile
from pathlib import Path

from autumn_mock import __version__
from tests.store.released.databases import FOLDER, write

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        write(FOLDER / __version__, Path(scratch))
    print(FOLDER / __version__)
