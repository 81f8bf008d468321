"""Every method of the official Python client, the newest release and the one before, against a real server.

The older one is installed once, in a virtual environment of the tests' cache. Where that is not possible its tests are
skipped, unless ``AUTUMN_MOCK_REQUIRE_OLD_SDK=1`` makes that a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.calls import Caller, SdkClient
from tests.sdk.methods import EveryMethod
from tests.support.cache import cached
from tests.support.client import Client

NEWEST, OLD = "1.2.0", "1.1.0"
CALLER = Path(__file__).with_name("caller.py")
#: Python in a virtual environment.
PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"
#: Seconds to make the virtual environment.
INSTALL_TIMEOUT = 300


@pytest.fixture(scope="session", params=[NEWEST, OLD])
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """A process with one of the releases, which is checked to be that one."""
    version = str(request.param)
    python = Path(sys.executable)
    if version != NEWEST:
        ours = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
        python = cached(f"autumn-sdk-{OLD}-{ours}", _install) / PYTHON
    shown = "import importlib.metadata; print(importlib.metadata.version('autumn-sdk'))"
    found = subprocess.run([str(python), "-c", shown], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == version
    with Caller([str(python), str(CALLER)]) as caller:
        yield caller


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


@pytest.fixture
def client(caller: Caller, organisation: Client) -> SdkClient:
    return SdkClient(caller, organisation)


class TestPython(EveryMethod):
    """Python."""
