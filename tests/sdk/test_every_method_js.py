"""Every method of the official JavaScript client, its newest release and the oldest with batchTrack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sdk.calls import Caller, SdkClient
from tests.sdk.methods import EveryMethod
from tests.sdk.test_js_sdk import CLIENTS, SOURCES, Node, node
from tests.support.client import Client

__all__ = ["node"]


@pytest.fixture(scope="session", params=CLIENTS)
def caller(request: pytest.FixtureRequest, node: Node) -> Iterator[Caller]:
    """A process with one of the releases."""
    script = (SOURCES / "caller.mjs").read_text("utf-8")
    command = [node.executable, "--input-type=module", "--eval", script, str(request.param)]
    with Caller(command, cwd=node.packages) as caller:
        yield caller


@pytest.fixture
def client(caller: Caller, organisation: Client) -> SdkClient:
    return SdkClient(caller, organisation, camel=True)


class TestJavaScript(EveryMethod):
    """JavaScript."""
