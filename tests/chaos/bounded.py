"""Clients that take up what others need: connections, memory, time."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.crowd import connected, together
from tests.chaos.scripts import Effort, Figures, require_linux, script
from tests.chaos.victim import Victim, wait_until
from tests.chaos.watching import Bystander, memory, open_files, threads
from tests.support.client import BATCH, CHECK, DEFAULT_KEY, Client

if sys.platform != "win32":
    import resource

_MB = 1 << 20
#: File descriptors that this process needs besides its connections.
_OTHER_FILES = 100


def _address(victim: Victim) -> tuple[str, int]:
    parts = urlsplit(victim.url)
    return parts.hostname or "", parts.port or 0


@contextmanager
def _sockets(victim: Victim, count: int) -> Iterator[list[socket.socket]]:
    """``count`` connections on which nothing was sent."""
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(_address(victim), timeout=30)) for _ in range(count)]


@contextmanager
def _allowed_files(count: int) -> Iterator[int]:
    """Raise this process's limit of open files for the block; how many connections it can have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    wanted = count + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield count if soft == resource.RLIM_INFINITY else min(count, soft - _OTHER_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _settled(victim: Victim, files: int) -> None:
    wait_until(lambda: open_files(victim) <= files, "giving back file descriptors", 30)


@script(brief=Effort(seconds=3), long=Effort(seconds=150))
def slow_loris(effort: Effort, place: Path) -> Figures:
    """200 connections that send a byte of a header or of a body each second do not delay other clients."""
    require_linux("reading memory from /proc")
    head = f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {DEFAULT_KEY}\r\n"
    beginnings = (f"{head}X-Slow: ".encode(), f"{head}Content-Length: 1000000\r\n\r\n[".encode())
    with Victim(place).ready() as victim, _sockets(victim, 200) as slow:
        before = memory(victim)
        for number, each in enumerate(slow):
            each.sendall(beginnings[number % 2])
        dropped = 0
        ends = time.monotonic() + effort.seconds
        with Bystander(victim) as other:
            while time.monotonic() < ends:
                time.sleep(1)  # the slowness is the point
                for each in slow:
                    try:
                        each.sendall(b" ")
                    except OSError:
                        dropped += 1
        after = memory(victim)
        assert after - before < 50, f"{before:.0f} MB became {after:.0f}"
        victim.stop()
    return {"connections": len(slow), "dropped": dropped, **other.figures}


@script(brief=Effort(rounds=2000), long=Effort(rounds=10_000))
def idle_connections(effort: Effort, place: Path) -> Figures:
    """Idle connections do not delay other clients, and are given back. A round is a connection.

    There are as many as this process may open, which the figures show.
    """
    require_linux("counting file descriptors in /proc")
    with _allowed_files(effort.rounds) as count, Victim(place).ready() as victim, victim.client() as first:
        first.remaining("cus_456")
        before, files = memory(victim), open_files(victim)
        with _sockets(victim, count):
            wait_until(lambda: open_files(victim) >= files + count, "taking the connections", 60)
            with Bystander(victim) as other:
                wait_until(lambda: other.count >= 20, "others being served", 60)
            after = memory(victim)
        _settled(victim, files + 5)
        assert after - before < 30 + count * 0.05, f"{before:.0f} MB became {after:.0f}"
        victim.stop()
        assert "Traceback" not in victim.stderr()
    return {"connections": count, "kb_each": round((after - before) * 1024 / count, 1), **other.figures}


@script(brief=Effort(rounds=400), long=Effort(rounds=2000))
def hung_requests(effort: Effort, place: Path) -> Figures:
    """Requests that a fault lets hang take no thread: others are served at once. A round is such a request."""
    require_linux("counting threads in /proc")
    body = b'{"customer_id": "cus_456", "feature_id": "messages"}'
    head = f"POST {CHECK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {DEFAULT_KEY}\r\nContent-Length: {len(body)}"
    hung = f"{head}\r\nX-Autumn-Mock-Fault: reply:hang\r\n\r\n".encode() + body
    with _allowed_files(effort.rounds) as count, Victim(place).ready() as victim, victim.client() as first:
        first.remaining("cus_456")
        before = threads(victim)
        with _sockets(victim, count) as connections:
            for each in connections:
                each.sendall(hung)
            first.remaining("cus_456")  # is read after them: from here on they hang, and cost no time
            with Bystander(victim, timeout=1) as other:
                wait_until(lambda: other.count >= 30, "others being served", 30)
            most = threads(victim)
        wait_until(lambda: threads(victim) <= before + 2, "giving back threads", 30)
        victim.stop()
        assert "Traceback" not in victim.stderr()
    return {"requests": count, "threads": before, "threads_meanwhile": most, **other.figures}


@script(brief=Effort(rounds=500), long=Effort(rounds=500))
def more_connections_than_files(effort: Effort, place: Path) -> Figures:
    """Idle connections above the limit of open files do not delay other clients. A round is a connection."""
    require_linux("limiting the files of another process")
    prefix = ["prlimit", "--nofile=256:256"]
    with Victim(place, prefix=prefix).ready() as victim, _sockets(victim, effort.rounds):
        with Bystander(victim) as other:
            wait_until(lambda: other.count >= 20, "others being served", 10)
        victim.stop()
        said = victim.stderr()
    assert "Traceback" not in said, said
    return {"connections": effort.rounds, "files": 256, **other.figures}


@script(brief=Effort(rounds=2), long=Effort(rounds=20))
def huge_body(effort: Effort, place: Path) -> Figures:
    """Bodies of 100 MB, announced or in chunks, are refused with 413, do not delay other clients and take up no memory.

    A round is two of them, at the same time as everything else.
    """
    require_linux("reading memory from /proc")
    outcomes: Counter[str] = Counter()
    with Victim(place).ready() as victim, victim.client() as first:
        first.remaining("cus_456")
        before, files = memory(victim), open_files(victim)
        with Bystander(victim) as other:
            for _ in range(effort.rounds):
                sent = together([partial(_upload, victim, chunked=chunked) for chunked in (False, True)])
                outcomes.update(f"{how} {what}" for how, what in zip(("announced", "chunked"), sent, strict=True))
        grown = other.figures["most_memory_mb"] - before
        assert grown < 100, f"memory grew by {grown:.0f} MB"
        _settled(victim, files + 2)
        victim.stop()
        assert "Traceback" not in victim.stderr(), victim.stderr()
    assert set(outcomes) == {"announced 413", "chunked 413"}, outcomes
    return {"uploads": dict(outcomes), "grown_mb": round(grown), **other.figures}


def _upload(victim: Victim, *, chunked: bool, size: int = 100 * _MB) -> str:
    """Send a huge body as fast as it is taken; the status of the answer, or how it ended without one."""
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    piece = b" " * _MB
    if chunked:
        piece = b"%x\r\n%b\r\n" % (len(piece), piece)
    with socket.create_connection(_address(victim), timeout=60) as connection:
        head = f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {DEFAULT_KEY}\r\n{length}\r\n\r\n"
        connection.sendall(head.encode())
        with suppress(OSError):  # it may be refused before all of it was sent
            for _ in range(size // _MB):
                connection.sendall(piece)
            if chunked:
                connection.sendall(b"0\r\n\r\n")
        try:
            answer = connection.recv(4096)
        except OSError as error:
            return type(error).__name__
    return answer.split()[1].decode() if answer.startswith(b"HTTP/1.1 ") else "nothing"


@script(brief=Effort(rounds=1), long=Effort(rounds=10))
def huge_body_taken(effort: Effort, place: Path) -> Figures:
    """Where bodies of 100 MB are allowed they are answered, do not delay other clients, and their memory is given back.

    A round is a body: the first is accepted, the second is refused for what is in it, and so on.
    """
    require_linux("reading memory from /proc")
    item = {"customer_id": "cus_456", "feature_id": "messages", "value": 0, "skip_event": True}
    refused = b"[" + b",".join([json.dumps(item).encode()] * (100 * _MB // 90)) + b"]"
    accepted = json.dumps([{**item, "properties": {"text": "x" * (_MB // 2)}}] * 200).encode()
    statuses: Counter[int] = Counter()
    with Victim(place, "--max-body", "200MB").ready() as victim, victim.client() as first:
        first.remaining("cus_456")
        before, files = memory(victim), open_files(victim)
        with Bystander(victim) as other:
            for turn in range(effort.rounds):
                statuses[first.post(BATCH, (accepted, refused)[turn % 2]).status] += 1
        first.drain()
        after = memory(victim)
        assert other.figures["most_memory_mb"] - before < 1500, other.figures
        assert open_files(victim) <= files + 2
        victim.stop()
    assert set(statuses) <= {202, 400}, statuses
    return {"bodies": dict(statuses), "kept_mb": round(after - before), **other.figures}


@script(brief=Effort(rounds=40), long=Effort(rounds=400))
def slow_readers(effort: Effort, place: Path) -> Figures:
    """Clients that ask for megabytes and never read the answers do not delay other clients. A round is a client."""
    require_linux("reading memory from /proc")
    large = {"customer_id": "cus_456", "metadata": {"text": "x" * 300_000}}
    asks = f"GET /v1/customers/cus_456 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {DEFAULT_KEY}\r\n\r\n".encode() * 10
    with Victim(place).ready() as victim, victim.client() as first, _sockets(victim, effort.rounds) as deaf:
        first.ask("/v1/customers.update", large)
        before = memory(victim)
        with Bystander(victim) as other:
            for each in deaf:
                each.sendall(asks)
            wait_until(lambda: other.count >= 40, "others being served", 60)
        grown = other.figures["most_memory_mb"] - before
        assert grown < 50 + effort.rounds * 2, f"memory grew by {grown:.0f} MB"
        victim.stop()
        assert "Traceback" not in victim.stderr(), victim.stderr()
    return {"clients": effort.rounds, "grown_mb": round(grown), **other.figures}


@script(brief=Effort(rounds=200), long=Effort(rounds=1000))
def large_bodies(effort: Effort, place: Path) -> Figures:
    """Many bodies of a megabyte do not delay other clients, and are not kept. A round is a request."""
    require_linux("reading memory from /proc")
    item = {"customer_id": "cus_456", "feature_id": "messages", "value": 0, "skip_event": True}
    filler = "x" * 950
    items: list[dict[str, Any]] = [{**item, "properties": {"n": number, "text": filler}} for number in range(1000)]
    accepted, refused = json.dumps(items).encode(), json.dumps([*items, 5]).encode()
    assert len(accepted) > _MB
    with Victim(place).ready() as victim, victim.client() as first, connected(victim, 4) as clients:
        first.remaining("cus_456")
        before, files = memory(victim), open_files(victim)

        def send(client: Client) -> Counter[int]:
            bodies = (accepted, refused)
            return Counter(client.post(BATCH, bodies[turn % 2]).status for turn in range(effort.rounds // 4))

        with Bystander(victim) as other:
            counts = together([partial(send, client) for client in clients])
        first.drain()
        first.audit()
        after = memory(victim)
        assert after - before < 150, f"{before:.0f} MB became {after:.0f}"
        assert open_files(victim) <= files + 2
        victim.stop()
    statuses = sum(counts, Counter())
    assert set(statuses) == {202, 400}, statuses
    return {"bodies": dict(statuses), "grown_mb": round(after - before), **other.figures}
