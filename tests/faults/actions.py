"""What the tests of faults do to an organisation on a server: arm and clear rules, leave requests waiting."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import pytest

from tests.faults.wire import connect, receive, send
from tests.support.client import BATCH, Client
from tests.support.server import ServerProcess

T = TypeVar("T")

ITEM = {"customer_id": "cus_123", "feature_id": "messages"}
#: Seconds within which something that must happen has happened.
DEADLINE = 20.0
#: Seconds of a drain that must return before they have passed.
LONG = 600

on_linux = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")


def until(read: Callable[[], T], wanted: Callable[[T], object] = bool, timeout: float = DEADLINE) -> T:
    """Read repeatedly until the value is a wanted one; the value."""
    end = time.monotonic() + timeout
    while not wanted(seen := read()):
        assert time.monotonic() < end, f"still {seen!r} after {timeout} s"
        time.sleep(0.005)
    return seen


def arm(organisation: Client, rule: str) -> int:
    """Arm a rule; its number."""
    return int(organisation.ask("/_mock/faults", {"rule": rule})["id"])


def delete(organisation: Client, path: str) -> int:
    headers = {"authorization": f"Bearer {organisation.key}"}
    return organisation.request("DELETE", path, None, headers).status


def rules(organisation: Client) -> list[dict[str, Any]]:
    return list(organisation.get("/_mock/faults").body["list"])


def journal(organisation: Client) -> list[dict[str, Any]]:
    return list(organisation.get("/_mock/requests").body["list"])


def threads(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.pid}/task"))


@contextmanager
def hanging(
    organisation: Client, count: int = 1, path: str = BATCH, header: str | None = None
) -> Iterator[list[socket.socket]]:
    """Connections on which a request was sent that waits now."""
    headers = {"authorization": f"Bearer {organisation.key}"}
    if header is not None:
        headers["x-autumn-mock-fault"] = header
    before = len(journal(organisation))
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(organisation.url, DEADLINE)) for _ in range(count)]
        for connection in connections:
            send(connection, "POST", path, [ITEM] if path == BATCH else ITEM, headers)
        until(lambda: len(journal(organisation)), (before + count).__eq__)
        yield connections


def ended(connections: list[socket.socket]) -> set[str]:
    """How the waits of clients ended."""
    return {receive(connection).ending for connection in connections}


# -- ends of a rule


def clear(organisation: Client) -> None:
    assert delete(organisation, "/_mock/faults") == 200


def clear_one(organisation: Client) -> None:
    assert delete(organisation, f"/_mock/faults/{rules(organisation)[0]['id']}") == 200


def clear_all(organisation: Client) -> None:
    assert organisation.request("DELETE", "/_mock/faults").status == 200


def reset(organisation: Client) -> None:
    organisation.ask("/_mock/reset", {})


def reset_all(organisation: Client) -> None:
    assert organisation.post("/_mock/reset", {}, None).status == 200


def remove(organisation: Client) -> None:
    assert delete(organisation, "/_mock/organisations") == 200
