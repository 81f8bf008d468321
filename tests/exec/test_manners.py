"""How ``autumn-mock serve`` behaves as a process: it says when it is ready, ends when it is told to, leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from tests.exec.running import PROGRAM, Running, children_of, environment, on_unix, run, wait_until
from tests.support.client import DEFAULT_KEY, OWN, Client, Reply
from tests.support.server import ServerProcess

T = TypeVar("T")

BATCH = "/v1/balances.batch_track"
ONE = {"customer_id": "cus_456", "feature_id": "messages"}
GRANT = 1000
#: Seconds in which a server that is told to stop has gone.
STOPS_WITHIN = 2.0

unix = pytest.mark.skipif(not on_unix, reason="Windows has no such signals")
signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


def connect(url: str) -> socket.socket:
    """A connection to a server; fails unless it listens already."""
    address = urlsplit(url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=10)


def together(count: int, do: Callable[[int], T]) -> list[T]:
    """Have so many threads do something at the same moment; what came of it."""
    barrier = threading.Barrier(count)
    results: dict[int, T] = {}

    def begin(number: int) -> None:
        barrier.wait(30)
        results[number] = do(number)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [results[number] for number in range(count)]


def seconds_to_end(server: ServerProcess, number: signal.Signals) -> float:
    """How long a server takes to end after a signal; it has to end with code 0 and without a traceback."""
    began = time.monotonic()
    server.process.send_signal(number)
    code = server.process.wait(30)
    took = time.monotonic() - began
    assert code == 0, server.stderr()
    assert "Traceback" not in server.stderr(), server.stderr()
    return took


# -- ready


def test_it_answers_as_soon_as_it_says_so() -> None:
    """And it says that once, and nothing else."""
    with Running("serve", "--port", "0") as server:
        ready, _, url = server.line().rpartition(" ")
        connect(url).close()
        assert ready == "autumn-mock ready"
        assert run("health", "--url", url).code == 0
        server.process.terminate()
        assert server.wait() == 0
        with pytest.raises(AssertionError, match="it ended with 0"):
            server.line()
        assert server.said() == ""


@unix
@signals
def test_the_ready_file_says_where_and_is_gone_at_the_end(number: signal.Signals, tmp_path: Path) -> None:
    file = tmp_path / "ready file"
    program = Running("serve", "--port", "0", "--ready-file", str(file), stdout=subprocess.DEVNULL)
    with program as server:
        wait_until(lambda: file.exists() and file.read_text("utf-8").endswith("\n"), "there is a ready file")
        url = file.read_text("utf-8").rstrip("\n")
        connect(url).close()
        server.process.send_signal(number)
        assert server.wait() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["in no directory", "a directory", "below a file"])
def test_a_ready_file_that_cannot_be_written_is_told_in_a_sentence(place: str, tmp_path: Path) -> None:
    paths = {"in no directory": tmp_path / "none" / "ready", "a directory": tmp_path / "it", "below a file": Path()}
    (tmp_path / "it").mkdir()
    (tmp_path / "file").touch()
    path = {**paths, "below a file": tmp_path / "file" / "ready"}[place]
    done = run("serve", "--port", "0", "--ready-file", str(path))
    assert done.code in (1, 2)
    assert str(path) in done.err
    assert "Traceback" not in done.err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "it"]


def test_a_ready_file_that_was_left_behind_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """So nobody who waits for it reads half of it: what was there is another file than what is there now."""
    file, witness = tmp_path / "ready", tmp_path / "witness"
    file.write_text("http://127.0.0.1:9/of-a-server-that-was-killed\n", "utf-8")
    os.link(file, witness)
    with ServerProcess("--ready-file", str(file)) as server:
        wait_until(lambda: file.read_text("utf-8") == f"{server.url}\n", "the file names this server")
        assert "killed" in witness.read_text("utf-8")


# -- health


def test_health_needs_no_other_program() -> None:
    with ServerProcess() as server:
        done = run("health", env={"PATH": "", "AUTUMN_MOCK_URL": server.url})
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(b"ok: autumn-mock ")
        url = server.url
    done = run("health", "--url", url, env={"PATH": ""})
    assert (done.code, done.out) == (1, b"")
    assert url in done.err
    assert "Traceback" not in done.err


def test_health_is_not_about_a_key_and_not_struck_by_faults() -> None:
    with ServerProcess("--fault", "reply:hang", "--fault", "queue:down") as server:
        server.post("/_mock/queue", {"paused": True}, None)
        assert run("health", "--url", server.url, env={"AUTUMN_SECRET_KEY": "am_sk_test_of_another_world"}).code == 0


# -- signals


@unix
@pytest.mark.parametrize(
    ("number", "database"),
    [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, True)],
    ids=["SIGINT-memory", "SIGINT-db", "SIGTERM-db"],
)
def test_a_signal_ends_it_in_the_midst_of_its_work(number: signal.Signals, database: bool, tmp_path: Path) -> None:
    """With ``--db`` what was accepted is deducted by the next one: all of it, and once."""
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
    """Send a request whose answer nobody waits for."""

    def send() -> None:
        with suppress(OSError):
            server.post(path, body, key, **headers)

    threading.Thread(target=send, daemon=True).start()


@unix
@signals
def test_a_signal_ends_it_though_faults_hold_up_requests(number: signal.Signals) -> None:
    with ServerProcess("--rate-limit", "off") as server:
        for _ in range(10):
            in_background(server, BATCH, [ONE], x_autumn_mock_fault="reply:hang")
        in_background(server, BATCH, [ONE], x_autumn_mock_fault="reply:delay 1h")
        in_background(server, "/v1/customers.get", {"customer_id": "cus_456"}, x_autumn_mock_fault="reply:dribble 1h")
        wait_for_connections(server, 12)
        assert seconds_to_end(server, number) < STOPS_WITHIN


@unix
def test_a_signal_ends_it_though_somebody_waits_for_the_queue() -> None:
    with ServerProcess("--fault", "worker:delay 1h") as server:
        server.ask(BATCH, [ONE])
        in_background(server, "/_mock/drain", {"timeout": 3600}, None)
        wait_for_connections(server, 1)
        assert seconds_to_end(server, signal.SIGTERM) < STOPS_WITHIN


def wait_for_connections(server: ServerProcess, count: int) -> None:
    """Wait until a server has at least so many connections with a request that was read."""
    port = urlsplit(server.url).port or 0
    wait_until(lambda: established(port) >= count, "the requests have reached the server")
    server.stats()  # a request that came later is through, so they are under way


def established(port: int) -> int:
    """How many connections to a port of this machine are open; where that cannot be seen: enough."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return 1 << 30
    rows = [line.split() for line in table.read_text("ascii").splitlines()[1:]]
    return sum(1 for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] == "01")


@unix
def test_a_signal_ends_it_though_clients_keep_their_connections() -> None:
    """One that is idle, and one that has sent half of a request."""
    with ServerProcess() as server, connect(server.url), connect(server.url) as half:
        half.sendall(b"POST /v1/balances.batch_track HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n\r\n[{")
        wait_for_connections(server, 2)
        assert seconds_to_end(server, signal.SIGTERM) < STOPS_WITHIN


@unix
def test_a_signal_ends_it_though_the_receiver_of_webhooks_does_not_answer() -> None:
    """And though somebody waits for that."""
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


#: The program, but stopping never comes to its end.
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
def test_a_second_sigint_ends_it_at_once(first: signal.Signals, tmp_path: Path) -> None:
    """However long stopping takes; and what was accepted is not lost by that."""
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


# -- what it takes, and what it leaves


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_it_starts_no_processes(tmp_path: Path) -> None:
    with ServerProcess("--db", str(tmp_path / "state.json"), "--webhook-url", "http://127.0.0.1:9/") as server:
        assert children_of(server.pid) == []
        server.ask(BATCH, [ONE] * 50)
        server.drain()
        assert children_of(server.pid) == []


@unix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_runs_without_its_standard_streams(closed: str, tmp_path: Path) -> None:
    """Service managers and shells start programs with some of them closed."""
    with started(f'exec "$@" {closed}', tmp_path) as (server, url):
        is_fine(server, url)


@unix
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_it_runs_though_nobody_reads_what_it_says(stream: str, tmp_path: Path) -> None:
    """The pipe is broken before it has said anything."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with started('exec "$@"', tmp_path, "-vv", **{stream: writing}) as (server, url):
            is_fine(server, url)
    finally:
        os.close(writing)


@unix
def test_it_goes_on_when_its_reader_goes_after_the_ready_line() -> None:
    """As in ``autumn-mock serve -vv 2>&1 | head -1``."""
    command = [*PROGRAM, "serve", "--port", "0", "-vv", "--fault", "enqueue:fail rate=0.5"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if line.startswith(b"autumn-mock ready "))
        process.stdout.close()
        is_fine(process, line.split()[-1].decode())
    finally:
        process.kill()
        process.wait()


@contextmanager
def started(
    script: str, tmp_path: Path, *options: str, **streams: Any
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server that a shell has started, and its URL, as its ready file tells."""
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


def is_fine(server: subprocess.Popen[bytes], url: str) -> None:
    """It answers, over and over, and ends well."""
    for _ in range(20):
        with connect(url) as connection:
            connection.sendall(b"GET /v1/nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert connection.recv(64).startswith(b"HTTP/1.1 401")
    server.terminate()
    assert server.wait(30) == 0


def test_it_works_from_a_path_with_spaces(tmp_path: Path) -> None:
    place = tmp_path / "a place with spaces & more"
    place.mkdir()
    options = ["--db", "my state.json", "--ready-file", "is ready"]
    with ServerProcess(*options, cwd=place) as server:
        wait_until(lambda: (place / "is ready").exists(), "there is a ready file")
        server.ask(BATCH, [ONE])
        server.drain()
    assert [each.name for each in place.iterdir()] == ["my state.json"]


# -- variables


def test_the_newer_options_have_their_variables(tmp_path: Path) -> None:
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
def test_a_variable_that_says_nothing_sensible_stops_the_start(name: str, value: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--port", "0"], env={f"AUTUMN_MOCK_{name}": value})
    assert (result.exit_code, result.stdout) == (2, "")
    assert value in result.stderr


# -- organisations on demand

#: Keys that open nothing, whatever the server does with those it has not seen.
NO_KEYS = [
    "am_sk_live_never_seen",
    "am_pk_test_never_seen",
    "am_pk_live_never_seen",
    "am_sk_test_",
    "am_sk_test_with-a-dash",
    "am_sk_test_with a space",
    "am_sk_testnever_seen",
    "AM_SK_TEST_NEVER_SEEN",
    "am_oauth_never_seen",
    "sk_test_never_seen",
    "Bearer am_sk_test_never_seen",
]


@pytest.fixture(scope="module")
def auto() -> Iterator[ServerProcess]:
    """A server that opens organisations on demand."""
    with ServerProcess("--auto-org", "--rate-limit", "off") as server:
        yield server


def customer(server: ServerProcess, key: str, customer_id: str = "cus_456") -> Reply:
    return server.post("/v1/customers.get", {"customer_id": customer_id}, key)


def organisation_of(server: ServerProcess, key: str) -> str:
    """The slug of the organisation that a key opens."""
    reply = server.get("/v1/organization", key)
    assert reply.status == 200, reply
    return str(reply.body["slug"])


def test_a_new_test_key_opens_an_organisation_like_the_worlds_first(auto: ServerProcess) -> None:
    key = "am_sk_test_worker_1"
    assert customer(auto, key).body["balances"]["messages"]["remaining"] == GRANT
    auto.ask(BATCH, [ONE], key)
    auto.drain(key)
    assert auto.balance("cus_456", "messages", key) == GRANT - 1
    assert auto.balance("cus_456", "messages") == GRANT
    auto.ask("/_mock/reset", {}, key)
    assert auto.balance("cus_456", "messages", key) == GRANT


@pytest.mark.parametrize("key", NO_KEYS)
def test_other_unknown_keys_stay_a_401(auto: ServerProcess, key: str) -> None:
    assert customer(auto, key).status == 401
    assert customer(auto, key).status == 401


@pytest.mark.parametrize("key", [*NO_KEYS, "am_sk_test_never_seen"])
def test_without_the_option_every_unknown_key_is_a_401(plain: ServerProcess, key: str) -> None:
    before = plain.stats()["organisations"]
    assert customer(plain, key).status == 401
    assert plain.stats()["organisations"] == before


@pytest.fixture(scope="module")
def plain() -> Iterator[ServerProcess]:
    """A server that does not."""
    with ServerProcess() as server:
        yield server


def test_a_key_that_many_bring_at_once_opens_one_organisation(auto: ServerProcess) -> None:
    key = "am_sk_test_of_thirty_two"
    before = len(auto.stats()["organisations"])
    replies = together(32, lambda _: auto.post(BATCH, [ONE], key))
    assert Counter(each.status for each in replies) == {202: 32}
    auto.drain(key)
    assert len(auto.stats()["organisations"]) == before + 1
    stats = auto.stats(key)
    assert (stats["offered"], stats["deducted"], stats["lost"]) == (32, 32, 0)
    assert auto.balance("cus_456", "messages", key) == GRANT - 32


def test_an_organisation_is_complete_before_anybody_else_gets_at_it(tmp_path: Path) -> None:
    """However large the world: nobody is told that its last customer does not exist, and no item is lost for that."""
    world = tmp_path / "large.yaml"
    customers = [
        f"      - {{customer_id: cus_{number}, balances: [{{feature_id: messages, included_grant: 1000}}]}}\n"
        for number in range(2000)
    ]
    world.write_text(
        "organisations:\n"
        "  - slug: large\n"
        "    keys: [am_sk_test_large]\n"
        "    sandbox:\n"
        "      features:\n"
        "      - {feature_id: messages, name: Messages, type: metered, consumable: true}\n"
        f"      customers:\n{''.join(customers)}",
        "utf-8",
    )
    with ServerProcess("--auto-org", "--rate-limit", "off", "--world", str(world), key="am_sk_test_large") as server:
        last = "cus_1999"
        replies = together(32, lambda _: customer(server, "am_sk_test_readers", last))
        assert Counter(each.status for each in replies) == {200: 32}
        key = "am_sk_test_writers"
        item = {"customer_id": last, "feature_id": "messages"}
        replies = together(32, lambda _: server.post(BATCH, [item], key))
        assert Counter(each.status for each in replies) == {202: 32}
        stats = server.drain(key)
        assert (stats["deducted"], stats["lost"]) == (32, 0)


def test_keys_that_come_side_by_side_share_nothing(auto: ServerProcess) -> None:
    """Each of sixteen workers does its own things, and finds its own balance, events and customers."""
    keys = [f"am_sk_test_side_{number}" for number in range(16)]

    def work(number: int) -> tuple[float, int, int]:
        key = keys[number]
        for _ in range(3):
            auto.ask(BATCH, [ONE] * (number + 1), key)
        auto.ask("/v1/customers.get_or_create", {"customer_id": f"only_{number}"}, key)
        auto.drain(key)
        others = [customer(auto, key, f"only_{other}").status for other in range(16)]
        return auto.balance("cus_456", "messages", key), auto.stats(key)["accepted"], others.count(200)

    assert together(16, work) == [(GRANT - 3 * (number + 1), 3 * (number + 1), 1) for number in range(16)]
    assert len({organisation_of(auto, key) for key in keys}) == 16


def test_an_organisation_on_demand_outlives_a_kill_and_can_still_be_reset(tmp_path: Path) -> None:
    key, options = "am_sk_test_kept", ("--auto-org", "--db", str(tmp_path / "state.json"))
    with ServerProcess(*options) as server:
        server.ask(BATCH, [ONE] * 2, key)
        server.drain(key)
        slug = organisation_of(server, key)
        server.kill()
    with ServerProcess(*options) as again:
        assert organisation_of(again, key) == slug
        assert again.balance("cus_456", "messages", key) == GRANT - 2
        again.ask("/_mock/reset", {}, key)
        assert customer(again, key).body["balances"]["messages"]["remaining"] == GRANT


def test_a_world_without_organisations_has_nothing_to_open_them_from(tmp_path: Path) -> None:
    """A file at rest that holds none yet: the key stays unknown, or the start says why."""
    world = tmp_path / "nothing.json"
    world.write_text('{"_autumn_mock": {"1": {"format": 1, "generation": 1, "written_at": 1}}}', "utf-8")
    done = Running("serve", "--port", "0", "--auto-org", "--world", str(world), stderr=subprocess.PIPE)
    with done as server:
        try:
            url = server.line().split()[-1]
        except AssertionError:
            assert server.wait() == 2
            assert "Traceback" not in server.said()
            return
        with connect(url) as connection:
            connection.sendall(
                b"GET /v1/organization HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
                b"authorization: Bearer am_sk_test_new\r\n\r\n"
            )
            assert connection.recv(64).startswith(b"HTTP/1.1 401")
