"""Waits of requests: however many wait for others, the calls that end their wait are answered at once."""

from __future__ import annotations

import ast
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import autumn_mock
from autumn_mock.parking import MOST_WAITING, RequestParking, TooManyWaiting, parking, spare_thread, wait_for
from autumn_mock.store.database import Database
from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.mock import AutumnMock
from autumn_mock.web.server import Server
from tests.faults.actions import until
from tests.faults.wire import connect, receive, send
from tests.support.client import CHECK, TRACK, Client
from tests.support.server import ServerProcess
from tests.webhooks.receiver import Receiver

WAITERS = 100
#: Seconds that a call may take while others wait: milliseconds, on a machine that is busy with other tests.
AT_ONCE_S = 1.0
#: Seconds that something may take that happens in any case.
TIMEOUT_S = 30.0
ITEM = {"customer_id": "cus_123", "feature_id": "messages"}


def quickly(client: Client, method: str, path: str, body: Any = None) -> Any:
    """The body of a reply that must come at once: the fastest of three reads, as the machine may be busy."""
    tries = 3 if method == "GET" else 1
    taken = []
    for _ in range(tries):
        began = time.monotonic()
        reply = client.request(method, path, body, client.headers(), timeout=TIMEOUT_S)
        taken.append(time.monotonic() - began)
        assert reply.status == 200, reply
    assert min(taken) < AT_ONCE_S, f"{method} {path} took {min(taken):.2f} s"
    return reply.body


@contextmanager
def waiting(client: Client, method: str, path: str, body: Any = None, count: int = WAITERS) -> Iterator[list[Any]]:
    """Connections on which the same request was sent."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(client.url, TIMEOUT_S)) for _ in range(count)]
        for each in connections:
            send(each, method, path, body, client.headers())
        yield connections


def delay(client: Client) -> None:
    """Have an item wait for an hour of the organisation's clock."""
    client.ask("/_mock/faults", {"rule": "worker:delay 1h"})
    client.ask("/v1/balances.batch_track", [ITEM])


def server_of(mock: AutumnMock) -> Server:
    assert isinstance(mock.emulator, Emulator)
    assert mock.emulator._server is not None
    return mock.emulator._server


def until_waiting(mock: AutumnMock, count: int) -> None:
    until(lambda: repr(server_of(mock).parking), f"<RequestParking: {count} waiting>".__eq__)


def statuses(connections: list[socket.socket]) -> set[int | None]:
    return {receive(each).status for each in connections}


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[AutumnMock]:
    with Emulator(rate_limit="off", db=tmp_path / "db.json") as mock:
        yield mock


def database_of(mock: AutumnMock) -> Database:
    assert mock.emulator._database is not None
    return mock.emulator._database


def held_environment(mock: AutumnMock) -> AbstractContextManager[Any]:
    return mock.emulator.state.environment(mock.organisation, "sandbox").lock


#: What holds requests up: how a test brings it about, and a request that waits for its end.
HOLDS: dict[str, tuple[Callable[[AutumnMock], AbstractContextManager[Any]], str, str, Any]] = {
    "barrier, its organisation": (lambda mock: mock.emulator.barrier.closed(mock.organisation), "POST", TRACK, ITEM),
    "barrier, the whole server": (lambda mock: mock.emulator.barrier.closed(), "POST", CHECK, ITEM),
    "reset": (lambda mock: mock.emulator._changing(), "POST", "/_mock/reset", {}),
    "opening": (lambda mock: mock.emulator._changing(), "POST", "/_mock/organisations", {}),
    "lock of an environment": (held_environment, "GET", "/_mock/stats", None),
    "log": (lambda mock: database_of(mock)._switch, "POST", TRACK, ITEM),
    "lock of the state": (lambda mock: mock.emulator.state._lock, "GET", "/_mock/snapshot", None),
}


@pytest.mark.parametrize("name", HOLDS)
def test_requests_that_are_held_up_leave_the_threads_to_others(mock: AutumnMock, name: str) -> None:
    hold, method, path, body = HOLDS[name]
    client = Client(mock.url, mock.key)
    count = WAITERS if path != "/_mock/organisations" else 20
    with ExitStack() as stack:
        with hold(mock):
            connections = stack.enter_context(waiting(client, method, path, body, count))
            for _ in range(10):
                quickly(client, "GET", "/_mock/health")
        assert statuses(connections) <= {200, 201}


def test_drains_leave_the_threads_to_the_call_that_ends_them(organisation: Client) -> None:
    delay(organisation)
    with waiting(organisation, "POST", "/_mock/drain", {"timeout": 600}) as drains:
        quickly(organisation, "GET", "/_mock/health")
        quickly(organisation, "POST", "/_mock/clock", {"advance": "1h"})
        assert statuses(drains) == {200}


@pytest.mark.parametrize("why", ["paused", "frozen"])
def test_drains_of_a_queue_that_stands_still_end_at_once(organisation: Client, why: str) -> None:
    delay(organisation)
    if why == "frozen":
        organisation.freeze()
    else:
        organisation.ask("/_mock/queue", {"paused": True})
    with waiting(organisation, "POST", "/_mock/drain", {"timeout": 600}) as drains:
        assert statuses(drains) == {504}
        quickly(organisation, "POST", "/_mock/clock", {"advance": "1h"})
        quickly(organisation, "POST", "/_mock/queue", {"paused": False})
    assert organisation.drain()["ready"] == 0


def test_drains_end_when_their_clients_are_gone(mock: AutumnMock) -> None:
    client = Client(mock.url, mock.key)
    delay(client)
    with waiting(client, "POST", "/_mock/drain", {"timeout": 600}):
        until_waiting(mock, WAITERS)
    until_waiting(mock, 0)


def test_drains_wait_for_first_attempts_of_webhooks_without_a_thread() -> None:
    with Receiver(held=True) as receiver, Emulator(rate_limit="off", webhook_url=(receiver.url,)) as mock:
        client = Client(mock.url, mock.key)
        client.ask(TRACK, {**ITEM, "value": 10**6})
        receiver.get()
        with waiting(client, "POST", "/_mock/drain", {"timeout": 600, "webhooks": True}) as drains:
            quickly(client, "GET", "/_mock/health")
            receiver.let_go.set()
            assert statuses(drains) == {200}


def test_dribble_takes_one_spare_thread_for_all_of_a_reply(mock: AutumnMock, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[RequestParking] = []
    add = RequestParking._add

    def counted(lot: RequestParking) -> bool:
        taken.append(lot)
        return add(lot)

    monkeypatch.setattr(RequestParking, "_add", counted)
    client = Client(mock.url, mock.key)
    headers = {**client.headers(), "x-autumn-mock-fault": "reply:dribble 200ms"}
    reply = client.request("POST", "/v1/customers.list", {}, headers)
    assert (reply.status, len(taken)) == (200, 1)


def test_server_stops_at_once_while_requests_wait() -> None:
    with ServerProcess() as server, ExitStack() as stack:
        delay(server)
        stack.enter_context(waiting(server.client(), "POST", "/_mock/drain", {"timeout": 600}))
        quickly(server, "GET", "/_mock/health")
        server.stop(timeout=2)
    assert "Traceback" not in server.stderr()


# -- every wait of the package

#: What blocks a thread.
BLOCKING = {"wait", "wait_for", "acquire", "sleep", "getresponse", "create_connection"}
PARKED = "within spare_thread()"
OWN = "on a thread of its own, or while the process starts or ends"
BRIEF = "does not block, or for a millisecond"
#: Every function that blocks, outside of the packages that are clients of a server.
WAITS = {
    "barrier.py RequestBarrier.enter": PARKED,
    "barrier.py RequestBarrier.closed": PARKED,  # by Lifecycle._changing
    "faults/kinds/reply_delay.py DelayReply.on_reply": BRIEF,  # plans a wait
    "faults/kinds/reply_hang.py HangReply.on_reply": BRIEF,
    "ingest/queue.py Queue.take": OWN,
    "ingest/queue.py Queue.wait_idle": PARKED,  # by Engine.drain
    "ingest/queue.py Queue.wait_in_flight": PARKED,  # by Lifecycle._changing
    "ingest/queue.py Queue.wait_until": OWN,  # the test's
    "ingest/workers.py Workers._work_off": OWN,
    "locks.py _CheckedLock.acquire": BRIEF,  # as the lock that it checks
    "locks.py _CheckedLock.__enter__": BRIEF,
    "maintenance.py MaintenanceThread._run": OWN,
    "parking.py RequestParking.pause": PARKED,
    "parking.py wait_for": PARKED,
    "store/database.py Database._one_checkpoint": BRIEF,
    "store/fair_lock.py FairLock.__enter__": PARKED,
    "store/lockfile.py LockFile.__enter__": OWN,
    "store/lockfile.py LockFile.renew": BRIEF,  # it fails at once if another process has the lock
    "web/page/live.py LiveStates._run": OWN,
    "web/page/live.py LiveStates.stream": PARKED,
    "web/request_faults.py RequestFaults._pass_waits": PARKED,
    "webhooks/journal.py WebhookJournal.wait_attempted": PARKED,  # by Engine.drain
    "webhooks/journal.py WebhookJournal.wait_found": OWN,  # the test's
    "webhooks/sender.py Sender._attempt": OWN,
    "webhooks/sender.py Sender._take": OWN,
}


def blocking_calls(node: ast.AST, place: str) -> Iterator[str]:
    """The functions in which something of :data:`BLOCKING` is called."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from blocking_calls(child, f"{place}.{child.name}".lstrip("."))
            continue
        if isinstance(child, ast.Call):
            called = getattr(child.func, "attr", getattr(child.func, "id", None))
            if called in BLOCKING:
                yield place
        yield from blocking_calls(child, place)


def test_every_wait_of_the_package_is_accounted_for() -> None:
    """A new one belongs within ``spare_thread()`` if a request may reach it, and in the table in any case."""
    package = Path(autumn_mock.__file__).parent
    found = {
        f"{path.relative_to(package).as_posix()} {place}"
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] not in ("certification", "cli", "data", "fidelity", "scenarios")
        for place in blocking_calls(ast.parse(path.read_text("utf-8")), "")
    }
    assert found - set(WAITS) == set(), "not in the table"
    assert set(WAITS) - found == set(), "no longer there"


# -- the parts


def test_spare_thread_counts_and_refuses_at_the_limit() -> None:
    counts: list[int] = []
    lot = RequestParking(most=2)
    lot.attach(counts.append)
    with lot.spare_thread(), lot.spare_thread():
        assert repr(lot) == "<RequestParking: 2 waiting>"
        with pytest.raises(TooManyWaiting, match="2 requests wait already"), lot.spare_thread():
            pass
        with lot.spare_thread(may_refuse=False):
            assert repr(lot) == "<RequestParking: 2 waiting>"
    assert counts == [1, 2, 1, 0]


def test_spare_thread_refuses_when_the_system_has_no_more_threads() -> None:
    def fail(_: int) -> None:
        raise RuntimeError("can't start new thread")

    lot = RequestParking()
    lot.attach(fail)
    with pytest.raises(TooManyWaiting), lot.spare_thread():
        pass
    assert repr(lot) == "<RequestParking: 0 waiting>"


def test_waits_above_the_limit_are_refused_with_503(mock: AutumnMock) -> None:
    client = Client(mock.url, mock.key)
    server_of(mock).parking._most = 3
    headers = {**client.headers(), "x-autumn-mock-fault": "reply:hang"}
    with ExitStack() as stack:
        for _ in range(3):
            send(stack.enter_context(connect(client.url, TIMEOUT_S)), "POST", CHECK, ITEM, headers)
        until_waiting(mock, 3)
        for rule in ("reply:hang", "reply:hang after=enqueue", "reply:delay 1h", "reply:dribble 1h"):
            status, _, body = client.request("POST", CHECK, ITEM, {**headers, "x-autumn-mock-fault": rule})
            assert (status, body["code"]) == (503, "too_many_waiting"), rule
            assert body["message"].startswith("3 requests wait already"), rule
        assert client.post("/_mock/drain", {"timeout": 5}).status == 503
        quickly(client, "GET", "/_mock/health")
    assert MOST_WAITING == 1000  # docs/shared-server.md


def test_threads_that_serve_no_requests_have_no_limit() -> None:
    with ExitStack() as stack:
        for _ in range(MOST_WAITING + 1):
            stack.enter_context(spare_thread())
    assert repr(parking()) == "<RequestParking: 0 waiting>"


def test_wait_for_ends_with_its_condition_its_time_or_its_client() -> None:
    condition = threading.Condition()
    with condition:
        wait_for(condition, lambda: True, TIMEOUT_S)
        wait_for(condition, lambda: False, 0.01)
        wait_for(condition, lambda: False, TIMEOUT_S, lambda: True)
