"""Every method of the official Python client, the newest release and the one before, against a real server.

The older one is installed once, in a virtual environment beside pytest's other cached things. Where that is not
possible its tests are skipped, unless ``AUTUMN_MOCK_REQUIRE_OLD_SDK=1`` says that this is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.calls import Caller, SdkClient
from tests.sdk.methods import EveryMethod
from tests.support.client import Client

NEWEST, OLD = "1.2.0", "1.1.0"
CALLER = Path(__file__).with_name("caller.py")
#: Seconds to make the virtual environment.
INSTALL_TIMEOUT = 300


@pytest.fixture(scope="session", params=[NEWEST, OLD])
def caller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A process with one of the releases, which is checked to be that one."""
    version = str(request.param)
    python = Path(sys.executable)
    if version != NEWEST:
        cache = getattr(request.config, "cache", None)
        python = old_python(cache.mkdir("autumn-sdk") if cache is not None else tmp_path_factory.getbasetemp())
    shown = "import importlib.metadata; print(importlib.metadata.version('autumn-sdk'))"
    found = subprocess.run([str(python), "-c", shown], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == version
    with Caller([str(python), str(CALLER)]) as caller:
        yield caller


def old_python(parent: Path) -> Path:
    """The Python of an environment with the older release, made when it is not there yet."""
    version = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
    directory = parent / f"{OLD}-{version}"
    python = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")
    if not directory.exists():
        staged = parent / f"{directory.name}-{os.getpid()}"
        install(staged, staged / python)
        try:
            staged.rename(directory)
        except OSError:  # another worker was faster
            shutil.rmtree(staged)
            assert directory.exists()
    return directory / python


def install(directory: Path, python: Path) -> None:
    steps = (
        [sys.executable, "-m", "venv", str(directory)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"autumn-sdk=={OLD}"],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
            failure = "" if done.returncode == 0 else done.stderr.strip()
        except subprocess.TimeoutExpired:
            failure = f"not done within {INSTALL_TIMEOUT} s"
        if failure:
            shutil.rmtree(directory, ignore_errors=True)
            what = f"autumn-sdk {OLD} cannot be installed: {failure}"
            if os.environ.get("AUTUMN_MOCK_REQUIRE_OLD_SDK") == "1":
                pytest.fail(f"AUTUMN_MOCK_REQUIRE_OLD_SDK=1, but {what}")
            pytest.skip(what)  # no index to install the old SDK from


@pytest.fixture
def client(caller: Caller, organisation: Client) -> SdkClient:
    return SdkClient(caller, organisation)


class TestPython(EveryMethod):
    """Python."""
