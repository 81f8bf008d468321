"""Every method of the official Python client, the newest release and the one before, against a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.calls import Caller, SdkClient
from tests.sdk.methods import EveryMethod
from tests.support.client import Client
from tests.support.old_sdk import NEWEST, OLD, python_with

CALLER = Path(__file__).with_name("caller.py")


@pytest.fixture(scope="session", params=[NEWEST, OLD])
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    """A process with one of the releases, which is checked to be that one."""
    version = str(request.param)
    python = python_with(version)
    shown = "import importlib.metadata; print(importlib.metadata.version('autumn-sdk'))"
    found = subprocess.run([str(python), "-c", shown], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == version
    with Caller([str(python), str(CALLER)]) as caller:
        yield caller


@pytest.fixture
def client(caller: Caller, organisation: Client) -> SdkClient:
    return SdkClient(caller, organisation)


class TestPython(EveryMethod):
    """Python."""
