"""What is used of Waitress beyond its documented interface: each test names the inner parts that it relies on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.trigger import trigger

from autumn_mock.web.waitress_adapter import (
    AbortMiddleware,
    WaitressServer,
    abort_connection,
    flush,
    is_client_disconnected,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds to wait for what should happen at once.
TIMEOUT_S = 10
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET_SECOND = b"GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n"

Body = Callable[["WSGIEnvironment"], Iterable[bytes]]


def application(body: Body) -> WSGIApplication:
    """An application that replies 200 with a body of two bytes."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        return body(environ)

    return AbortMiddleware(app)


@contextmanager
def serving(
    body: Body, threads: int = 2, wrap: Callable[[Body], WSGIApplication] = application
) -> Iterator[WaitressServer]:
    server = WaitressServer(wrap(body), host="127.0.0.1", port=0, threads=threads, max_body=10, max_connections=100)
    loop = threading.Thread(target=server.run)
    loop.start()
    try:
        yield server
    finally:
        server.stop()
        loop.join(TIMEOUT_S)
        assert not loop.is_alive()
        server.close()


@contextmanager
def connected(server: WaitressServer, request: bytes = GET) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        client.sendall(request)
        yield client


def read_until(client: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        more = client.recv(1 << 16)
        assert more, received
        received += more
    return received


def test_waitress_has_the_release_and_the_parts_that_the_adapter_uses() -> None:
    assert version("waitress").startswith("3.")
    for owner, names in (
        (
            HTTPChannel,
            (
                "_flush_some",
                "_flush_exception",
                "check_client_disconnected",
                "error_task_class",
                "service",
                "_flush_outbufs_below_high_watermark",
            ),
        ),
        (BaseWSGIServer, ("channel_class", "pull_trigger")),
        (ThreadedTaskDispatcher, ("set_thread_count", "shutdown", "start_new_thread", "handler_thread")),
        (trigger, ("pull_trigger", "close")),
    ):
        assert [name for name in names if not hasattr(owner, name)] == [], owner


def test_flush_sends_a_part_of_a_reply() -> None:
    """``HTTPChannel.outbuf_lock``, ``_flush_some`` and ``adj.send_bytes``, which holds small replies back."""
    finish = threading.Event()

    def body(environ: WSGIEnvironment) -> Iterator[bytes]:
        yield b"1"
        flush(environ)
        assert finish.wait(TIMEOUT_S)
        yield b"2"

    with serving(body) as server, connected(server) as client:
        assert read_until(client, b"\r\n\r\n1").startswith(b"HTTP/1.1 200 OK")
        finish.set()
        assert read_until(client, b"2") == b"2"


def test_a_reply_is_sent_before_the_next_pipelined_request_is_complete() -> None:
    """``HTTPChannel.service`` and ``requests``."""
    finish = threading.Event()

    def body(environ: WSGIEnvironment) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/second":
            assert finish.wait(TIMEOUT_S)
        return [b"ok"]

    with serving(body) as server, connected(server, GET + GET_SECOND) as client:
        read_until(client, b"ok")
        finish.set()
        read_until(client, b"ok")


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "close"])
def test_abort_connection_ends_a_request_without_a_reply(reset: bool) -> None:
    """``ClientDisconnected``, which ends a request silently, and ``HTTPChannel.socket``."""

    def body(environ: WSGIEnvironment) -> Iterable[bytes]:
        abort_connection(environ, reset=reset)
        return [b"ok"]

    with serving(body) as server, connected(server) as client:
        if reset:
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        else:
            assert client.recv(1) == b""


def test_is_client_disconnected_notices_a_closed_connection() -> None:
    """``waitress.client_disconnected`` of the environ, a method of the channel, and ``channel_request_lookahead``."""
    noticed = threading.Event()
    pause = threading.Event()

    def body(environ: WSGIEnvironment) -> Iterable[bytes]:
        pause.set()
        for _ in range(TIMEOUT_S * 100):
            if is_client_disconnected(environ):
                noticed.set()
                break
            threading.Event().wait(0.01)
        return [b"ok"]

    with serving(body) as server:
        with connected(server):
            assert pause.wait(TIMEOUT_S)
        assert noticed.wait(TIMEOUT_S)


def test_set_threads_adds_threads_while_the_server_runs() -> None:
    """``ThreadedTaskDispatcher.set_thread_count``."""
    both = threading.Barrier(2)

    def body(_environ: WSGIEnvironment) -> Iterable[bytes]:
        both.wait(TIMEOUT_S)
        return [b"ok"]

    with serving(body, threads=1) as server:
        server.set_threads(2)
        with connected(server) as one, connected(server) as other:
            read_until(one, b"ok")
            read_until(other, b"ok")


def test_a_client_that_does_not_read_its_reply_takes_no_thread() -> None:
    """``HTTPChannel._flush_outbufs_below_high_watermark``, ``total_outbufs_len`` and ``adj.outbuf_high_watermark``."""

    def large(_: Body) -> WSGIApplication:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            is_large = environ["PATH_INFO"] == "/"
            start_response("200 OK", [("Content-Length", str(24 << 20 if is_large else 2))])
            return (b"x" * (1 << 20) for _ in range(24)) if is_large else [b"ok"]

        return app

    with serving(lambda _: [], wrap=large) as server, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connected(server))
        with connected(server, GET_SECOND) as other:
            assert read_until(other, b"ok").startswith(b"HTTP/1.1 200 OK")


def test_a_refused_request_gets_autumns_error_envelope() -> None:
    """``HTTPChannel.error_task_class`` and ``ErrorTask``."""
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n" + b"x" * 11
    with serving(lambda _: [b"ok"]) as server, connected(server, request) as client:
        reply = read_until(client, b"}")
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b'"message":"The body is too large: this server takes 10 bytes"' in reply


def test_environ_of_another_server_is_accepted() -> None:
    assert not is_client_disconnected({})
    flush({})
