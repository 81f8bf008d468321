"""The adapters that come with the package, and how each is run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from autumn_mock.input_files import find_shipped

#: The program that runs an adapter, by suffix. Isolated, so that an adapter may have the name of what it imports.
_PYTHON_OPTIONS = ("-I",)


def adapter_command(name: str) -> list[str]:
    """The command of a shipped adapter. Raises :class:`~autumn_mock.input_files.InputFileError`.

    JavaScript runs with ``node``, and finds packages from the current directory on; Python runs in the active virtual
    environment, otherwise in that of this process.
    """
    path = find_shipped("adapter", name)
    return ["node", str(path)] if path.suffix == ".mjs" else [_python(), *_PYTHON_OPTIONS, str(path)]


def _python() -> str:
    active = os.environ.get("VIRTUAL_ENV")
    folder, program = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    if active and Path(active, folder, program).exists():
        return str(Path(active, folder, program))
    return sys.executable
