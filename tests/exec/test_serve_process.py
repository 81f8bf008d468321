"""``serve`` as a process: the ready line and file, signals, closed streams, variables."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from tests.exec.running import PROGRAM, Running, children_of, environment, on_unix, run, wait_until
from tests.support.client import DEFAULT_KEY, OWN, Client
from tests.support.server import ServerProcess

BATCH = "/v1/balances.batch_track"
ONE = {"customer_id": "cus_456", "feature_id": "messages"}
GRANT = 1000
#: Seconds within which a server must stop.
STOPS_WITHIN = 2.0

unix = pytest.mark.skipif(not on_unix, reason="Windows has no such signals")
signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


def connect(url: str) -> socket.socket:
    """A connection to a server that is listening."""
    address = urlsplit(url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=10)


def seconds_to_end(server: ServerProcess, number: signal.Signals) -> float:
    """The seconds that a server takes to end after a signal, with code 0 and without a traceback."""
    began = time.monotonic()
    server.process.send_signal(number)
    code = server.process.wait(30)
    took = time.monotonic() - began
    assert code == 0, server.stderr()
    assert "Traceback" not in server.stderr(), server.stderr()
    return took


# -- ready


def test_serve_accepts_connections_when_it_prints_its_only_line() -> None:
    with Running("serve", "--quiet", "--port", "0") as server:
        ready, _, url = server.line().rpartition(" ")
        connect(url).close()
        assert ready == "autumn-mock ready"
        assert run("health", "--url", url).code == 0
        server.process.terminate()
        assert server.wait() == 0
        with pytest.raises(AssertionError, match="it ended with 0"):
            server.line()
        assert "WARNING" not in server.stderr()


def test_ready_file_is_replaced_atomically_and_deleted_at_the_end(tmp_path: Path) -> None:
    """A hard link to the old file keeps the old content."""
    file, witness = tmp_path / "ready", tmp_path / "witness"
    file.write_text("http://127.0.0.1:9/of-a-server-that-was-killed\n", "utf-8")
    os.link(file, witness)
    with ServerProcess("--ready-file", str(file)) as server:
        wait_until(lambda: file.read_text("utf-8") == f"{server.url}\n", "the file names this server")
        assert "killed" in witness.read_text("utf-8")
        connect(server.url).close()
    assert list(tmp_path.iterdir()) == [witness]
    done = run("serve", "--port", "0", "--ready-file", str(tmp_path / "missing" / "ready"))
    assert done.code == 1
    assert "the ready file" in done.err
    assert "Traceback" not in done.err


# -- signals


@unix
@pytest.mark.parametrize(
    ("number", "database"),
    [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, True)],
    ids=["SIGINT-memory", "SIGINT-db", "SIGTERM-db"],
)
def test_signal_stops_a_busy_server(number: signal.Signals, database: bool, tmp_path: Path) -> None:
    """With ``--db`` the next server deducts the rest, once."""
    options = ["--rate-limit", "off", *(["--db", str(tmp_path / "state.json")] if database else [])]
    with ServerProcess(*options) as server:
        server.ask("/_mock/queue", {"paused": True}, None)
        for _ in range(10):
            server.ask(BATCH, [{**ONE, "value": 0.01}] * 1000)
        server.ask("/_mock/queue", {"paused": False}, None)
        assert seconds_to_end(server, number) < STOPS_WITHIN
    if not database:
        return
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
    with ServerProcess(*options) as again:
        stats = again.drain()
        assert (stats["accepted"], stats["deducted"], stats["lost"]) == (10_000, 10_000, 0)
        assert again.balance("cus_456", "messages") == GRANT - 100


def in_background(server: ServerProcess, path: str, body: Any, key: str | None = OWN, **headers: str) -> None:
    """Send a request and ignore its reply."""

    def send() -> None:
        with suppress(OSError):
            server.post(path, body, key, **headers)

    threading.Thread(target=send, daemon=True).start()


@unix
@signals
def test_signal_stops_a_server_with_requests_held_by_faults(number: signal.Signals) -> None:
    with ServerProcess("--rate-limit", "off") as server:
        for _ in range(10):
            in_background(server, BATCH, [ONE], x_autumn_mock_fault="reply:hang")
        in_background(server, BATCH, [ONE], x_autumn_mock_fault="reply:delay 1h")
        in_background(server, "/v1/customers.get", {"customer_id": "cus_456"}, x_autumn_mock_fault="reply:dribble 1h")
        wait_for_connections(server, 12)
        assert seconds_to_end(server, number) < STOPS_WITHIN


@unix
def test_signal_stops_a_server_with_a_waiting_drain() -> None:
    with ServerProcess("--fault", "worker:delay 1h") as server:
        server.ask(BATCH, [ONE])
        in_background(server, "/_mock/drain", {"timeout": 3600}, None)
        wait_for_connections(server, 1)
        assert seconds_to_end(server, signal.SIGTERM) < STOPS_WITHIN


def wait_for_connections(server: ServerProcess, count: int) -> None:
    """Wait until a server has read the requests of a number of connections."""
    port = urlsplit(server.url).port or 0
    wait_until(lambda: established(port) >= count, "the requests have reached the server")
    server.stats()  # a later request was served


def established(port: int) -> int:
    """The number of open connections to a local port; a large one where the system does not show it."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return 1 << 30
    rows = [line.split() for line in table.read_text("ascii").splitlines()[1:]]
    return sum(1 for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] == "01")


@unix
def test_signal_stops_a_server_with_idle_and_half_sent_connections() -> None:
    with ServerProcess() as server, connect(server.url), connect(server.url) as half:
        half.sendall(b"POST /v1/balances.batch_track HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n\r\n[{")
        wait_for_connections(server, 2)
        assert seconds_to_end(server, signal.SIGTERM) < STOPS_WITHIN


@unix
def test_signal_stops_a_server_whose_webhook_endpoint_does_not_reply() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with ServerProcess("--webhook-url", url) as server:
            server.ask(BATCH, [{**ONE, "value": 2000}])
            silent.settimeout(30)
            with silent.accept()[0]:
                in_background(server, "/_mock/drain", {"timeout": 3600, "webhooks": True}, None)
                wait_for_connections(server, 1)
                assert seconds_to_end(server, signal.SIGTERM) < STOPS_WITHIN


def sent(url: str, path: str, body: Any, key: str = "") -> int:
    """POST something; the status of the answer."""
    return Client(url).post(path, body, key or None, None).status


#: The program, with a stop that never ends.
NEVER_STOPS = """
import threading
from autumn_mock.cli import main
from autumn_mock.engine import Engine

def stop(self):
    print("stopping", flush=True)
    threading.Event().wait()

Engine.stop = stop
main()
"""


@unix
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_second_signal_ends_the_process_at_once_without_losing_items(first: signal.Signals, tmp_path: Path) -> None:
    database = ("--db", str(tmp_path / "state.json"))
    program = [sys.executable, "-c", NEVER_STOPS]
    with Running("serve", "--port", "0", *database, program=program) as server:
        url = server.line().split()[-1]
        assert sent(url, "/_mock/queue", {"paused": True}) == 200
        assert sent(url, BATCH, [ONE], DEFAULT_KEY) == 202
        server.process.send_signal(first)
        assert server.line() == "stopping"
        began = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert server.wait() in (-signal.SIGINT, 128 + signal.SIGINT)
        assert time.monotonic() - began < 1
    with ServerProcess(*database) as again:
        assert again.drain()["deducted"] == 1
        assert again.balance("cus_456", "messages") == GRANT - 1


# -- processes and streams


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_serve_starts_no_processes(tmp_path: Path) -> None:
    with ServerProcess("--db", str(tmp_path / "state.json"), "--webhook-url", "http://127.0.0.1:9/") as server:
        assert children_of(server.pid) == []
        server.ask(BATCH, [ONE] * 50)
        server.drain()
        assert children_of(server.pid) == []


@unix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_serve_runs_with_closed_standard_streams(closed: str, tmp_path: Path) -> None:
    with started(f'exec "$@" {closed}', tmp_path) as (server, url):
        check(server, url)


@unix
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_serve_runs_with_a_broken_output_pipe(stream: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with started('exec "$@"', tmp_path, "-vv", **{stream: writing}) as (server, url):
            check(server, url)
    finally:
        os.close(writing)


@unix
def test_serve_continues_when_its_output_is_closed_after_the_ready_line() -> None:
    """As in ``autumn-mock serve -vv 2>&1 | head -1``."""
    command = [*PROGRAM, "serve", "--port", "0", "-vv", "--fault", "enqueue:fail rate=0.5"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if line.startswith(b"autumn-mock ready "))
        process.stdout.close()
        check(process, line.split()[-1].decode())
    finally:
        process.kill()
        process.wait()


@contextmanager
def started(
    script: str, tmp_path: Path, *options: str, **streams: Any
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server that a shell started, and its URL from the ready file."""
    file = tmp_path / "ready"
    words = [*PROGRAM, "serve", "--port", "0", "--ready-file", str(file), "--fault", "worker:delay 1ms", *options]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(["sh", "-c", script, "sh", *words], env=environment(), **{**quiet, **streams})
    try:
        wait_until(
            lambda: process.poll() is not None or (file.exists() and file.read_text("utf-8").endswith("\n")),
            "there is a ready file, or the end of the process",
        )
        assert process.poll() is None, f"it ended with {process.returncode} before it was ready"
        yield process, file.read_text("utf-8").strip()
    finally:
        process.kill()
        process.wait()


def check(server: subprocess.Popen[bytes], url: str) -> None:
    """The server replies repeatedly, and stops."""
    for _ in range(20):
        with connect(url) as connection:
            connection.sendall(b"GET /v1/nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert connection.recv(64).startswith(b"HTTP/1.1 401")
    server.terminate()
    assert server.wait(30) == 0


# -- variables


def test_serve_reads_its_options_from_variables(tmp_path: Path) -> None:
    variables = {
        "AUTUMN_MOCK_AUTO_ORG": "true",
        "AUTUMN_MOCK_READY_FILE": str(tmp_path / "ready"),
        "AUTUMN_MOCK_CONTROL_TOKEN": "a secret",
        "AUTUMN_MOCK_FSYNC": "1",
        "AUTUMN_MOCK_DB": str(tmp_path / "state.json"),
        "AUTUMN_MOCK_MAX_BODY": "1KB",
        "AUTUMN_MOCK_MAX_QUEUE": "2",
        "AUTUMN_MOCK_JOURNAL_REQUESTS": "3",
        "AUTUMN_MOCK_FAULT": "worker:pause times=100, reply:delay 1ms",
    }
    with ServerProcess(env=variables) as server:
        wait_until(lambda: Path(variables["AUTUMN_MOCK_READY_FILE"]).exists(), "there is a ready file")
        key = "am_sk_test_never_seen"
        token = {"x_autumn_mock_token": "a secret"}
        assert server.post("/_mock/drain", {"timeout": 0}).status == 401
        assert server.post(BATCH, [ONE] * 2, key).status == 202
        assert server.post(BATCH, [ONE], key).status == 503  # the queue is full
        assert server.post(BATCH, [{**ONE, "properties": {"long": "x" * 2000}}], key).status == 413
        headers = {"authorization": f"Bearer {key}", "x-autumn-mock-token": "a secret"}
        rules = [each["rule"] for each in server.request("GET", "/_mock/faults", None, headers).body["list"]]
        assert rules == ["worker:pause times=100", "reply:delay 1ms"]
        for _ in range(5):
            server.post("/v1/customers.get", {"customer_id": "cus_456"}, key)
        assert len(server.request("GET", "/_mock/requests", None, headers).body["list"]) == 3
        assert server.post("/_mock/drain", {"timeout": 0}, key, **token).status == 504


@pytest.mark.parametrize(
    ("name", "value"), [("AUTO_ORG", "perhaps"), ("MAX_BODY", "much"), ("FSYNC", "2"), ("MAX_QUEUE", "0")]
)
def test_serve_refuses_an_invalid_variable(name: str, value: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--port", "0"], env={f"AUTUMN_MOCK_{name}": value})
    assert (result.exit_code, result.stdout) == (2, "")
    assert value in result.stderr
