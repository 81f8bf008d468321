"""``serve``, run as a process: its options, errors, signals and files."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tinydb import TinyDB

import autumn_mock
from autumn_mock.clock import pause
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.kinds import FAULT_KINDS
from tests.support.client import BATCH, DEFAULT_KEY, NoReply
from tests.support.server import ServerProcess

from .conftest import document, runner

COMMAND = [sys.executable, "-m", "autumn_mock"]


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_help_lists_every_option_with_its_variable() -> None:
    text = run("serve", "--help").stdout
    for name in (
        "host",
        "port",
        "db",
        "world",
        "key",
        "rate-limit",
        "workers",
        "batch-status",
        "strict-versions",
        "fault",
        "seed",
        "now",
    ):
        assert f"--{name}" in text
        assert f"AUTUMN_MOCK_{name.upper().replace('-', '_')}" in text
    limits = text[text.index("\nLimits:\n") :]
    for name in ("max-body", "max-queue", "max-events", "journal-requests", "journal-bodies"):
        assert f"--{name}" in limits


def test_serve_reports_a_port_in_use(taken_port: int) -> None:
    done = run("serve", "--port", str(taken_port))
    assert done.returncode == 1
    assert str(taken_port) in done.stderr
    assert "choose another --port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "70000"], "0 to 65535"),
        (["--port", "http"], "'http'"),
        (["--rate-limit", "lots"], "10/second"),
        (["--batch-status", "201"], "202 or 200"),
        (["--workers", "0"], "at least 1"),
        (["--key", "secret"], "am_sk_test_"),
        (["--now", "yesterday"], "yesterday"),
        (["--fault", "enqueue:fial"], "did you mean enqueue:fail"),
        (["--fault", "enqueue:fail items=x"], "items"),
        (["--world", "defualt"], "default"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_serve_refuses_an_invalid_option(arguments: list[str], named: str) -> None:
    done = run("serve", *arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_refuses_an_invalid_variable_unless_an_option_overrides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTUMN_MOCK_BATCH_STATUS", "teapot")
    done = run("serve", "--port", "0")
    assert done.returncode == 2
    assert "teapot" in done.stderr
    with ServerProcess("--batch-status", "202") as server:
        assert server.stats()["accepted"] == 0


def test_serve_reports_the_line_of_an_error_in_a_world(tmp_path: Path) -> None:
    world = tmp_path / "mine.yaml"
    world.write_text("organisations:\n  - slug: mine\n    keyz: []\n")
    done = run("serve", "--world", str(world))
    assert done.returncode == 2
    assert f"{world}:3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"SQLite format 3\x00", b'{"users": {"1": {}}}', b'{"balances": {"1": {"id"'])
def test_serve_refuses_and_keeps_a_file_of_another_program(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "theirs.json"
    file.write_bytes(content)
    done = run("serve", "--port", "0", "--db", str(file))
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_bytes() == content


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_on_a_signal_and_leaves_a_tinydb_file(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "a file.json"
    with ServerProcess("--db", str(file)) as server:
        status, _, _ = server.post("/v1/balances.batch_track", [{"customer_id": "cus_123", "feature_id": "messages"}])
        assert status == 202
        server.drain()
        server.process.send_signal(number)
        assert server.process.wait(timeout=10) == 0
    with TinyDB(file) as database:
        assert [event["name"] for event in database.table("events").all()] == ["messages"]
    assert [path.name for path in tmp_path.iterdir()] == ["a file.json"]


def test_serve_refuses_a_file_that_another_server_uses(tmp_path: Path) -> None:
    file = str(tmp_path / "shared.json")
    with ServerProcess("--db", file) as first:
        done = run("serve", "--port", "0", "--db", file)
        assert done.returncode == 1
        assert str(first.pid) in done.stderr


def test_serve_keeps_accepted_items_after_a_kill(tmp_path: Path) -> None:
    file = str(tmp_path / "durable.json")
    with ServerProcess("--db", file) as server:
        server.post("/_mock/queue", {"paused": True}, key=None)
        batch = [{"customer_id": "cus_123", "feature_id": "messages"}] * 7
        assert server.post("/v1/balances.batch_track", batch)[0] == 202
        before = server.balance("cus_123", "messages")
        server.process.kill()
        server.process.wait(timeout=10)
    with ServerProcess("--db", file) as again:
        again.drain()
        assert again.stats()["deducted"] == 7
        assert again.balance("cus_123", "messages") == before - 7


def test_serve_opens_an_empty_organisation_for_a_key() -> None:
    with ServerProcess("--key", "am_sk_test_second") as server:
        status, _, body = server.post("/v1/features.list", {}, key="am_sk_test_second")
        assert (status, body) == (200, {"list": []})


def test_serve_prints_its_contents_and_the_address_alone_on_standard_output() -> None:
    with ServerProcess("--fault", "enqueue:fail rate=0.2", "--fault", "queue:down times=2") as server:
        listed = document(runner(server.url)("fault", "list", "--json", "--key", DEFAULT_KEY))["list"]
        rules = [each["rule"] for each in listed]
        banner = stderr_with(server, "Ctrl-C")
        server.terminate()
        server.wait()
        assert server._lines.get() is None
    assert re.fullmatch(r"enqueue:fail rate=0\.2 seed=\d+", rules[0])
    shown = dict(re.findall(r"^ +(\S+) +(.+)$", banner, re.MULTILINE))
    assert shown == {
        "autumn-mock": autumn_mock.__version__,
        "address": server.url,
        "page": f"{server.url}/_mock/",
        "world": "default",
        "keys": f"{DEFAULT_KEY}  autumn-mock, sandbox",
        "am_sk_live_autumn_mock": "autumn-mock, live",
        "features": "messages, ai_messages, api_calls, seats, sso, credits",
        "plans": "free, pro",
        "customers": "cus_123, cus_456, cus_alice, cus_bob, cus_carol",
        "faults": rules[0],
        "queue:down": "times=2",
        "database": "none: the state is in memory; --db FILE keeps it",
        "stop": "Ctrl-C",
    }


def stderr_with(server: ServerProcess, text: str) -> str:
    """What a server has written to standard error, once a text is in it."""
    for _ in range(100):
        if text in server.stderr():
            return server.stderr()
        pause(0.05)
    raise AssertionError(f"no {text!r} in:\n{server.stderr()}")


def test_serve_logs_requests_and_its_end(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with ServerProcess("--db", str(file), env={"NO_COLOR": "1"}) as server:
        server.post(BATCH, [{"customer_id": "cus_123", "feature_id": "messages"}])
        server.post("/v1/customers.get", {"customer_id": "cus_none"})
        server.terminate()
        server.wait()
        batch, missing, stopped = server.stderr().splitlines()[-3:]
    assert re.fullmatch(r"\d{4}\S+Z  POST   balances.batch_track  autumn-mock  cus_123  202 +\S+ ms  1 item", batch)
    assert re.fullmatch(r"\S+  POST .* autumn-mock  cus_none +404 +\S+ ms  Customer cus_none not found", missing)
    assert stopped.endswith(f"  stopped; the state is saved in {file}")
    with ServerProcess("--db", str(file), "--world", "empty") as again:
        text = stderr_with(again, "Ctrl-C")
        assert f"not used: {file} has the state" in text
        ignored = f"--world empty is not loaded: {file} has a state; a reset returns to the world"
        assert f"WARNING  {ignored}" in text
        again.post("/_mock/clock", {"now": "2040-01-02T03:04:05Z", "freeze": True}, None)
    with ServerProcess("--db", str(file)) as third:
        text = stderr_with(third, "Ctrl-C")
        assert "is not loaded" not in text
        assert "clock        2040-01-02T03:04:05Z, frozen\n" in text


def test_serve_logs_json() -> None:
    with ServerProcess("--log", "json", "--control-token", "secret") as server:
        server.post(BATCH, [{"customer_id": "cus_123", "feature_id": "messages"}])
        server.post(BATCH, [], key="am_sk_test_someone_else")
        server.terminate()
        server.wait()
        start, *requests, unknown, stop = map(json.loads, server.stderr().splitlines())
    assert (start["event"], start["address"], start["plans"]) == ("start", server.url, "free, pro")
    assert start["keys"][0] == "am_sk_test_autu*******  autumn-mock, sandbox"  # others may read the log
    assert [each["status"] for each in requests] == [202, 401]
    assert (unknown["event"], unknown["level"], unknown["requests"]) == ("unknown_keys", "warning", 1)
    assert (stop["event"], stop["message"]) == ("stop", "stopped; the state was in memory only")


def test_serve_logs_warnings_and_errors_only_when_quiet() -> None:
    with ServerProcess("--quiet") as server:
        server.post("/v1/customers.get", {"customer_id": "cus_none"})
        batch = [{"customer_id": "cus_123", "feature_id": "messages"}] * 2
        server.post(BATCH, batch, x_autumn_mock_fault="enqueue:fail items=0")
        server.terminate()
        server.wait()
        lines = server.stderr().splitlines()
    assert len(lines) == 2
    assert all("the real service logs: [track]" in line for line in lines)


@pytest.mark.parametrize("kind", [kind for kind in FAULT_KINDS.values() if kind.name.startswith("reply:")])
def test_planned_faults_print_no_warning_of_a_library(kind: type[ArmedRule], quiet: ServerProcess) -> None:
    before = len(quiet.stderr())
    for path, body in ((BATCH, [{"customer_id": "cus_123", "feature_id": "messages"}]), ("/v1/features.list", {})):
        with suppress(NoReply, ValueError):
            headers = quiet.headers(x_autumn_mock_fault=f"{kind.example.replace('10s', '50ms')} times=1")
            quiet.request("POST", path, body, headers, timeout=0.3)
    pause(0.2)
    assert quiet.stderr()[before:] == ""


@pytest.fixture(scope="module")
def quiet() -> Iterator[ServerProcess]:
    with ServerProcess("--quiet") as server:
        yield server


@pytest.mark.skipif(sys.platform == "win32", reason="the browser is a shell script")
def test_serve_opens_its_page(tmp_path: Path) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}.new"\nmv "{opened}.new" "{opened}"\n')
    browser.chmod(0o755)
    with ServerProcess("--open", env={"BROWSER": f"{browser} %s"}) as server:
        for _ in range(100):
            if opened.exists():
                break
            pause(0.05)
        assert opened.read_text("utf-8") == f"{server.url}/_mock/\n"


def test_the_ready_line_names_the_public_url() -> None:
    words = ["serve", "--port", "0", "--public-url", "https://billing.example.test", "--control-token", "x"]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        server.terminate()
    assert re.fullmatch(r"autumn-mock ready http://127\.0\.0\.1:\d+ public https://billing\.example\.test\n", line)
