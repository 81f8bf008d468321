"""A server and a runner for the commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from autumn_mock.cli import main
from tests.support.client import BATCH
from tests.support.server import ServerProcess

ONE = {"customer_id": "cus_123", "feature_id": "messages"}
LOST = {"customer_id": "cus_none", "feature_id": "messages"}

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def running() -> Iterator[ServerProcess]:
    with ServerProcess("--rate-limit", "off") as server:
        yield server


@pytest.fixture
def server(running: ServerProcess) -> ServerProcess:
    """A server in its initial state."""
    running.ask("/_mock/reset", {}, None)
    return running


@pytest.fixture
def run(running: ServerProcess) -> Run:
    return runner(running.url)


def runner(url: str) -> Run:
    """A function that runs a command against a server; keywords are environment variables."""
    env = {"AUTUMN_MOCK_URL": url, "AUTUMN_SECRET_KEY": None, "AUTUMN_MOCK_KEY": None, "COLUMNS": None}

    def run(*arguments: str, **variables: str) -> Result:
        result = CliRunner().invoke(main, arguments, env={**env, **variables}, prog_name="autumn-mock")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def text_of(result: Result, code: int = 0) -> str:
    """The output of a command, which must end with an exit code."""
    assert result.exit_code == code, result.output
    return result.output


def document(result: Result, code: int = 0) -> Any:
    """The JSON document that a command printed."""
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def send(server: ServerProcess, *items: Any, fault: str | None = None) -> None:
    """Send a batch, which must be accepted, and drain the queue."""
    headers = {"x_autumn_mock_fault": fault} if fault is not None else {}
    assert server.post(BATCH, list(items), **headers).status == 202
    server.drain()


def make_history(server: ServerProcess) -> None:
    """Requests, lost and refused items, findings and events."""
    batch = [ONE, {**ONE, "value": 2.5}, LOST, {"customer_id": "cus_alice", "event_name": "message.sent", "value": 3}]
    send(server, *batch, fault="enqueue:fail items=0")
    send(server, *batch)
    with pytest.raises(ConnectionError):
        server.post(BATCH, batch, x_autumn_mock_fault="reply:reset after=enqueue")
    server.post(BATCH, batch, x_autumn_mock_fault="queue:down")
    server.get("/v1/nothing")
    server.drain()
