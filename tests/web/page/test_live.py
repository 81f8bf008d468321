"""The stream of states."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from autumn_mock.engine import Engine
from autumn_mock.web.page import live
from autumn_mock.web.page.live import LiveStates
from tests.support.client import TRACK
from tests.support.server import ServerProcess

USAGE = {"customer_id": "cus_123", "feature_id": "messages", "value": 3}
HEADERS = {"x-autumn-mock-environment": "autumn-mock"}


@pytest.fixture
def own_server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


@contextmanager
def stream(server: ServerProcess) -> Iterator[Iterator[dict[str, Any]]]:
    """The states that a page of the server receives."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    connection.request("GET", "/_mock/live", headers=HEADERS)
    response = connection.getresponse()
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    try:
        yield (json.loads(line[6:]) for line in iter(response.readline, b"") if line.startswith(b"data: "))
    finally:
        connection.close()


def test_stream_begins_with_the_state_and_continues_with_changes(own_server: ServerProcess) -> None:
    with stream(own_server) as states:
        first = next(states)
        assert first["stats"]["offered"] == 0
        assert (first["faults"], first["findings"], first["queue"]["paused"]) == ([], [], False)
        own_server.ask(TRACK, USAGE)
        assert next(states)["requests"] > first["requests"]
        own_server.post("/_mock/faults", {"rule": "queue:down"})
        changed = next(states)
        assert list(changed) == ["faults"]  # the parts that did not change are left out
        assert [each["rule"] for each in changed["faults"]] == ["queue:down"]


def test_stream_ends_with_its_organisation(own_server: ServerProcess) -> None:
    organisation = own_server.organisation()
    [*_, name] = [each["org"] for each in own_server.get("/_mock/environments", None).body["list"]]
    address = urlsplit(own_server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    connection.request("GET", "/_mock/live", headers={"x-autumn-mock-environment": name})
    response = connection.getresponse()
    assert b"stats" in response.readline()
    organisation.request("DELETE", "/_mock/organisations", None, organisation.headers())
    response.readline()
    assert json.loads(response.readline()[6:]) == {"gone": True}
    connection.close()


def test_many_pages_leave_the_request_threads_to_others(own_server: ServerProcess) -> None:
    with ExitStack() as stack:
        for _ in range(30):
            next(stack.enter_context(stream(own_server)))
        started = time.monotonic()
        own_server.ask(TRACK, USAGE)
        assert time.monotonic() - started < 2


def test_server_stops_while_pages_are_open(own_server: ServerProcess) -> None:
    with stream(own_server) as states:
        next(states)
        started = time.monotonic()
        own_server.stop()
        assert time.monotonic() - started < 5


# -- in this process

Environ = dict[str, Any]


def is_running() -> bool:
    return any(thread.name == "live-states" for thread in threading.enumerate())


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def decoded(event: bytes) -> Any:
    return json.loads(event.removeprefix(b"data: "))


def test_all_pages_share_one_computation_and_one_thread(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[object] = []
    compute = live.LiveState.compute

    def counted(state: live.LiveState, engine: Engine) -> dict[str, Any]:
        computed.append(state)
        return compute(state, engine)

    monkeypatch.setattr(live.LiveState, "compute", counted)
    environment = engine.state.environments()[0]
    states = LiveStates(engine)
    streams = [states.stream(environment, {}) for _ in range(5)]
    assert len({next(each) for each in streams}) == 1
    assert len(set(computed)) == 1
    assert is_running()
    for each in streams:
        each.close()  # type: ignore[attr-defined]  # a generator
    deadline = time.monotonic() + 5
    while is_running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running()
    assert states._states == {}


def test_slow_reader_skips_states(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = engine.state.environments()[0]
    unread = [False, True, True, True]
    monkeypatch.setattr(live, "has_unsent", lambda _environ: unread.pop(0) if unread else False)
    events = LiveStates(engine).stream(environment, {})
    next(events)
    changes = threading.Thread(target=pause_and_resume, args=(engine, environment.name))
    changes.start()
    assert decoded(next(events))["queue"]["paused"] is True  # what was between is not sent
    changes.join()
    events.close()  # type: ignore[attr-defined]  # a generator


def pause_and_resume(engine: Engine, name: tuple[str, str]) -> None:
    for change in (engine.queue.pause, engine.queue.resume, engine.queue.pause):
        change(name)
        time.sleep(0.05)


def test_a_state_that_cannot_be_computed_does_not_end_the_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment = engine.state.environments()[0]
    failures = [ValueError("not computed")]
    compute = live.LiveState.compute

    def failing(state: live.LiveState, engine: Engine) -> dict[str, Any]:
        if failures:
            raise failures.pop()
        return compute(state, engine)

    monkeypatch.setattr(live.LiveState, "compute", failing)
    events = LiveStates(engine).stream(environment, {})
    assert decoded(next(events))["stats"]["offered"] == 0
    events.close()  # type: ignore[attr-defined]  # a generator
    assert "not computed" in caplog.text
