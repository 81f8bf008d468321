"""Every method of the official JavaScript client, its newest release and the oldest with batchTrack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sdk.calls import Caller, SdkClient
from tests.sdk.methods import EveryMethod
from tests.sdk.test_js_sdk import SCRIPTS
from tests.support.client import Client
from tests.support.node import CLIENTS, Node


@pytest.fixture(scope="session", params=CLIENTS)
def caller(request: pytest.FixtureRequest, node: Node) -> Iterator[Caller]:
    """A process with one of the releases."""
    with Caller(node.command(SCRIPTS / "caller.mjs", str(request.param)), cwd=node.packages) as caller:
        yield caller


@pytest.fixture
def client(caller: Caller, organisation: Client) -> SdkClient:
    return SdkClient(caller, organisation, camel=True)


class TestJavaScript(EveryMethod):
    """JavaScript."""
