"""The program in unusual surroundings: interpreter options, variables, limits, and signals before it is ready."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from autumn_mock.store.tinyfile import read_tables
from tests.exec.running import PROGRAM, SOURCE, environment, execute, on_unix
from tests.support.client import BATCH
from tests.support.server import PROGRAM as SERVE
from tests.support.server import ServerProcess

pytestmark = pytest.mark.skipif(not on_unix, reason="Windows has neither such limits nor such signals")

ITEM = {"customer_id": "cus_123", "feature_id": "messages"}
#: Events of the database that is loaded while a signal arrives.
EVENTS = 5000


class Surroundings(NamedTuple):
    """How a server is started."""

    options: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    variables: dict[str, str] = {}


#: Several at once, because each start takes a second.
SURROUNDINGS = {
    "without docstrings and assertions, in a strange place": Surroundings(
        ("-OO",), variables={"PYTHONHASHSEED": "1", "TZ": "Moon/Base", "LC_ALL": "C", "LANG": "nowhere"}
    ),
    "warnings are errors, in development mode": Surroundings(("-X", "dev", "-W", "error")),
    "without variables, with a small stack": Surroundings(
        prefix=("env", "-i", f"PYTHONPATH={SOURCE}", "sh", "-c", 'ulimit -s 256; exec "$@"', "sh")
    ),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_server_runs_in_unusual_surroundings(name: str, tmp_path: Path) -> None:
    options, prefix, variables = SURROUNDINGS[name]
    server = ServerProcess(
        "--db", str(tmp_path / "db.json"), env=variables, cwd=Path("/"), program=[*options, *SERVE], prefix=prefix
    )
    with server:
        assert server.post(BATCH, [ITEM] * 10).status == 202
        assert server.drain()["deducted"] == 10
        assert server.get("/_mock/openapi.json").status == 200
        server.stop()
        for word in ("Traceback", "Warning"):
            assert word not in server.stderr()
    assert [each.name for each in tmp_path.iterdir()] == ["db.json"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with many events."""
    path = tmp_path_factory.mktemp("stored") / "db.json"
    with ServerProcess("--db", str(path)) as server:
        server.ask(BATCH, [ITEM])
        server.drain()
    tables = json.loads(path.read_bytes())
    (event,) = tables["events"].values()
    for number in range(2, EVENTS + 1):
        tables["events"][str(number)] = {**event, "id": f"evt_{number}"}
    return json.dumps(tables).encode()


def test_signal_before_a_server_is_ready_leaves_its_database_whole(stored: bytes, tmp_path: Path) -> None:
    """While modules are imported, the database is loaded, and it begins to serve."""
    path = tmp_path / "db.json"
    path.write_bytes(stored)
    command = [*PROGRAM, "serve", "--port", "0", "--db", str(path)]
    began = time.monotonic()
    codes = [_ended(command, None)]
    whole = time.monotonic() - began
    for part in (0.2, 0.6, 0.9):
        codes.append(_ended(command, part * whole))
        assert len(read_tables(path).tables["events"]) == EVENTS
    assert set(codes) <= {0, -signal.SIGTERM}
    with ServerProcess("--db", str(path)) as server:
        assert server.stats()["deducted"] == 1
    assert [each.name for each in tmp_path.iterdir()] == ["db.json"]


def _ended(command: list[str], after: float | None) -> int:
    """The exit code of a server that receives SIGTERM after some seconds, or when it is ready."""
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        if after is None:
            assert b" ready " in process.stdout.readline()
        else:
            time.sleep(after)
        process.terminate()
        _, errors = process.communicate(timeout=20)
        assert b"Traceback" not in errors, errors
        return process.returncode


#: Commands that end in an unusual way, with the exit code and the bytes of output that exec must have.
COMMANDS = {
    "leaves a process, and has traps": (
        ("sh", "-c", "trap '' TERM; trap 'exit 5' EXIT; sleep 20 >/dev/null 2>&1 &"),
        5,
        0,
    ),
    "is another exec with a large output": (
        (*PROGRAM, "exec", "--", sys.executable, "-c", "import sys; sys.stdout.write('x' * 20_000_000); sys.exit(7)"),
        7,
        20_000_000,
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_exec_has_the_code_and_output_of_any_command(name: str) -> None:
    command, code, size = COMMANDS[name]
    done = execute("--", *command)
    assert (done.code, len(done.out)) == (code, size)


KEY, WRONG_KEY = "am_sk_test_5f0c2a97b1secretkey", "am_sk_test_77d1e0c4wrongkey"
TOKEN, WEBHOOK_SECRET = "token-90ab12cd34", "whsec_OTBhYjEyY2QzNDU2Nzg5MA=="


def test_secrets_are_in_nothing_that_is_written_or_shown(tmp_path: Path) -> None:
    path, ready = tmp_path / "db.json", tmp_path / "ready"
    options = ["-vv", "--db", str(path), "--ready-file", str(ready), "--key", KEY, "--control-token", TOKEN]
    options += ["--webhook-url", "http://127.0.0.1:9/", "--webhook-secret", WEBHOOK_SECRET]
    shown: dict[str, Any] = {}
    with ServerProcess(*options, key=KEY) as server:
        server.post("/v1/customers.get_or_create", {"customer_id": "c"})
        server.post(BATCH, [ITEM] * 3)
        server.post(BATCH, [ITEM], key=WRONG_KEY)
        server.request("GET", "/v1/organization", None, {"Authorization": f"Basic {WRONG_KEY}"})
        for name in ("requests", "findings", "failures", "stats", "snapshot", "audit", "faults", "webhooks", "metrics"):
            reply = server.request("GET", f"/_mock/{name}", None, {"x-autumn-mock-token": TOKEN})
            shown[name] = reply.body
            assert reply.status == 200 or name == "metrics", (name, reply)
        shown |= {each.name: each.read_bytes() for each in tmp_path.iterdir()}
        server.stop()
        shown["standard error"] = server.stderr()
    shown["the file at rest"] = path.read_bytes()
    for name, content in shown.items():
        for secret in (KEY, WRONG_KEY, TOKEN, WEBHOOK_SECRET):
            assert secret not in str(content), f"{name} has {secret}"
