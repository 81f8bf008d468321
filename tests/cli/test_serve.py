"""``serve``, run as a process: its options, errors, signals and files."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tinydb import TinyDB

from tests.support.client import DEFAULT_KEY
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
    for name in ("host", "port", "db", "world", "key", "rate-limit", "workers", "batch-status", "fault", "seed", "now"):
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


def test_serve_prints_random_seeds() -> None:
    with ServerProcess("--fault", "enqueue:fail rate=0.2", "--fault", "queue:down times=2") as server:
        listed = document(runner(server.url)("fault", "list", "--json", "--key", DEFAULT_KEY))["list"]
        rules = [each["rule"] for each in listed]
        assert server.stderr().splitlines() == [f"autumn-mock: armed {rule}" for rule in rules]
    assert re.fullmatch(r"enqueue:fail rate=0\.2 seed=\d+", rules[0])
