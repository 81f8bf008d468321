"""The Python client before the newest release, in a virtual environment of the tests' cache.

Where it cannot be installed its tests are skipped, unless ``AUTUMN_MOCK_REQUIRE_OLD_SDK=1`` makes that a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cache import cached

NEWEST, OLD = "1.2.0", "1.1.0"
#: Python in a virtual environment.
PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"
#: Seconds to make the virtual environment.
INSTALL_TIMEOUT = 300


def python_with(version: str) -> Path:
    """The Python that has a release of the client, :data:`NEWEST` or :data:`OLD`."""
    if version == NEWEST:
        return Path(sys.executable)
    ours = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
    return cached(f"autumn-sdk-{OLD}-{ours}", _install) / PYTHON


def _install(directory: Path) -> None:
    """Make an environment with the older release."""
    steps = (
        [sys.executable, "-m", "venv", str(directory)],
        [
            str(directory / PYTHON),
            *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"autumn-sdk=={OLD}"),
        ],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
            failure = "" if done.returncode == 0 else done.stderr.strip()
        except subprocess.TimeoutExpired:
            failure = f"not done within {INSTALL_TIMEOUT} s"
        if failure:
            what = f"autumn-sdk {OLD} cannot be installed: {failure}"
            if os.environ.get("AUTUMN_MOCK_REQUIRE_OLD_SDK") == "1":
                pytest.fail(f"AUTUMN_MOCK_REQUIRE_OLD_SDK=1, but {what}")
            pytest.skip(what)  # no index to install the old SDK from
