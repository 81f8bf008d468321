"""What is used of Waitress beyond its documented interface: each test names the inner parts that it relies on."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.trigger import trigger

from autumn_mock.web.waitress_adapter import WaitressServer, abort_connection, flush, is_client_disconnected
from tests.web.listening import GET, TIMEOUT_S, Body, read_until, serving

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

GET_SECOND = b"GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def connected(server: WaitressServer, request: bytes = GET) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        client.sendall(request)
        yield client


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
                "received",
                "service",
                "_flush_outbufs_below_high_watermark",
            ),
        ),
        (TcpWSGIServer, ("channel_class", "pull_trigger", "readable", "accept")),
        (HTTPRequestParser, ("parse_header", "expect_continue", "content_length", "chunked", "body_rcv")),
        (ChunkedReceiver, ("received", "control_line", "trailer", "chunk_remainder", "error")),
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


def test_a_thread_that_falls_behind_does_not_send_what_the_loop_sends(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``HTTPChannel._flush_some``, which Waitress's loop calls without a lock once no request is left.

    On a busy machine the thread of one request may still be on its way out while the next one is served.
    """
    random = Random(1)
    service, send, close = HTTPChannel.service, HTTPChannel.send, HTTPRequestParser.close

    def slow_service(self: HTTPChannel) -> None:
        service(self)
        time.sleep(random.random() / 100)

    def slow_send(self: HTTPChannel, data: bytes, do_close: bool = True) -> int:
        sent = int(send(self, data, do_close=do_close))
        time.sleep(0.002)
        return sent

    def slow_close(self: HTTPRequestParser) -> None:  # after the reply was written
        close(self)
        time.sleep(0.002)

    monkeypatch.setattr(HTTPChannel, "service", slow_service)
    monkeypatch.setattr(HTTPChannel, "send", slow_send)
    monkeypatch.setattr(HTTPRequestParser, "close", slow_close)
    with serving(lambda _: [b"ok"], threads=4) as server, connected(server, b"") as client:
        for _ in range(200):
            client.sendall(GET)
            read_until(client, b"\r\n\r\nok")
    assert [record.getMessage() for record in caplog.records if record.name == "waitress"] == []


def test_a_port_without_tls_ends_a_handshake_at_once_and_logs_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """``HTTPChannel.received``, ``request`` and ``will_close``."""
    context = ssl.create_default_context()
    with serving(lambda _: [b"ok"]) as server:
        for _ in range(2):
            with connected(server, b"") as client, pytest.raises(ssl.SSLError, match=r"(?i)wrong.version|record.layer"):
                context.wrap_socket(client, server_hostname="localhost")
        with connected(server) as client:
            read_until(client, b"\r\n\r\nok")
    warnings = [each.getMessage() for each in caplog.records if each.name == "autumn_mock.web"]
    assert len(warnings) == 1
    assert warnings[0].startswith("a client calls this server with https://, which speaks http:// only")


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
    assert b'"message":"The body is too large: this server takes 10 bytes; --max-body changes that"' in reply


CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
DIGITS = b"9" * 6000
#: Requests whose end is not clear, or which are too large: the header lines, what follows them, and the status of the
#: reply. After it the connection is closed, and nothing that follows is taken for another request.
FRAMINGS = {
    "two framings": (b"Content-Length: 2\r\n" + CHUNKED, CHUNKS, 200),
    "two framings, the other order": (CHUNKED + b"Content-Length: 9\r\n", CHUNKS, 200),
    "two framings, no number": (CHUNKED + b"Content-Length: x\r\n", CHUNKS, 200),
    "close and keep-alive": (b"Connection: close, Keep-Alive\r\n", b"", 200),
    "keep-alive, and close in another line": (b"Connection: keep-alive\r\nConnection: Close\r\n", b"", 200),
    "no coding, and a length": (b"Transfer-Encoding:\r\nContent-Length: 2\r\n", b"{}", 400),
    "no coding": (b"Transfer-Encoding: \t\r\n", b"", 400),
    "a space before the colon of the coding": (b"Transfer-Encoding : chunked\r\n", CHUNKS, 400),
    "a coding in quotes": (b'Transfer-Encoding: "chunked"\r\n', CHUNKS, 501),
    "a coding with a parameter": (b"Transfer-Encoding: chunked;q=1\r\n", CHUNKS, 501),
    "a coding in two lines": (b"Transfer-Encoding: chu\r\n nked\r\n", CHUNKS, 501),
    "a coding behind a bare LF": (b"X: a\nTransfer-Encoding: chunked\r\n", CHUNKS, 400),
    "three lengths": (b"Content-Length: 2\r\n" * 3, b"{}", 400),
    "two lengths in other cases": (b"content-length: 2\r\nCONTENT-LENGTH: 5\r\n", b"{}", 400),
    "a length in hexadecimal": (b"Content-Length: 0x2\r\n", b"{}", 400),
    "a length with an underscore": (b"Content-Length: 0_2\r\n", b"{}", 400),
    "two numbers in one length": (b"Content-Length: 2 2\r\n", b"{}", 400),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}", 400),
    "the same length twice": (b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}", 400),
    "a list of lengths": (b"Content-Length: 2, 2\r\n", b"{}", 400),
    "a length with a sign": (b"Content-Length: +2\r\n", b"{}", 400),
    "a negative length": (b"Content-Length: -2\r\n", b"{}", 400),
    "an empty length": (b"Content-Length:\r\n", b"{}", 400),
    "a length of 6000 digits": (b"Content-Length: " + DIGITS + b"\r\n", b"", 400),
    "a length of 6000 zeros": (b"Content-Length: " + b"0" * 6000 + b"2\r\n", b"{}", 400),
    "a length of 30 digits": (b"Content-Length: " + DIGITS[:30] + b"\r\n", b"", 413),
    "chunked twice": (CHUNKED * 2, CHUNKS, 400),
    "chunked twice in a list": (b"Transfer-Encoding: chunked, chunked\r\n", CHUNKS, 400),
    "another coding": (b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS, 501),
    "an unknown coding": (b"Transfer-Encoding: xchunked\r\n", CHUNKS, 501),
    "an identity coding": (b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n", b"{}", 501),
    "a chunk size of no digits": (CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk size with a prefix": (CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk size of 6000 digits": (CHUNKED, b"f" * 6000 + b"\r\n", 400),
    "a chunk size that does not end": (CHUNKED, b"1" * 20_000, 400),
    "a chunk extension that does not end": (CHUNKED, b"2;a=" + b"b" * 20_000, 400),
    "an invalid chunk extension": (CHUNKED, b"2;\x00\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk extension without a name": (CHUNKED, b"2;\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk extension with a bare LF": (CHUNKED, b"2;a\nb\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk size with a space": (CHUNKED, b" 2\r\n{}\r\n0\r\n\r\n", 400),
    "chunks with bare LFs": (CHUNKED, b"2\n{}\n0\n\n", 400),
    "a bare LF after a chunk": (CHUNKED, b"2\r\n{}\n0\r\n\r\n", 400),
    "a chunk longer than its size": (CHUNKED, b"2\r\n{}}\r\n0\r\n\r\n", 400),
    "chunks above the limit": (CHUNKED, b"200000\r\n" + b"x" * (2 << 20) + b"\r\n0\r\n\r\n", 413),
    "a trailer that does not end": (CHUNKED, b"0\r\n" + b"A: b\r\n" * 20_000, 400),
    "a bare CR": (b"X: a\rb\r\n", b"", 400),
    "a NUL": (b"X: a\0b\r\n", b"", 400),
    "a space before the colon": (b"X : a\r\n", b"", 400),
    "a huge header": (b"X: " + b"a" * 300_000 + b"\r\n", b"", 431),
    "many headers": (b"X: a\r\n" * 60_000, b"", 431),
}
#: Those that are valid, by RFC 9112, and keep their connection.
KEPT = {
    "a chunk extension": (CHUNKED, b"2;a=b\r\n{}\r\n0\r\n\r\n"),
    "a chunk extension in quotes": (CHUNKED, b'2;a="b;c"\r\n{}\r\n0;x=y\r\n\r\n'),
    "a coding in capitals": (b"Transfer-Encoding: \tCHUNKED \r\n", CHUNKS),
    "a coding in a folded line": (b"Transfer-Encoding:\r\n chunked\r\n", CHUNKS),
    "a length in a trailer": (CHUNKED, b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"),
    "a length in a folded line": (b"Content-Length:\r\n\t2\r\n", b"{}"),
    "an underscore in the name of a coding": (b"Transfer_Encoding: chunked\r\nContent-Length: 2\r\n", b"{}"),
    "a trailer": (CHUNKED, b"2\r\n{}\r\n0\r\nA: b\r\n\r\n"),
    "a folded header": (b"X: a\r\n b\r\n", b""),
    "no body for 100-continue": (b"Expect: 100-continue\r\n", b""),
}


def framed(head: bytes, rest: bytes, version: bytes = b"1.1") -> bytes:
    return b"POST / HTTP/%b\r\nHost: localhost\r\n%b\r\n%b" % (version, head, rest)


def read_all(client: socket.socket) -> bytes:
    """Everything until the connection is closed, or reset because not all of the request was read."""
    received = b""
    with suppress(ConnectionResetError):
        while more := client.recv(1 << 16):
            received += more
    return received


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_request_with_an_odd_framing_is_answered_and_its_connection_closed(name: str) -> None:
    """``HTTPChannel.parser_class``, ``HTTPRequestParser.parse_header`` and ``ChunkedReceiver``."""
    head, rest, status = FRAMINGS[name]
    for expect in (b"", b"Expect: 100-continue\r\n"):
        with (
            serving(lambda _: [b"ok"], max_body=1 << 20) as server,
            socket.create_connection(("127.0.0.1", server.port)) as client,
        ):
            client.settimeout(TIMEOUT_S)
            with suppress(ConnectionError):
                client.sendall(framed(expect + head, rest + GET))
            reply = read_all(client).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert int(reply.split(b" ")[1]) == status, (reply, expect)
            assert reply.count(b"HTTP/1.") == 1
            assert status == 200 or b'"code":"invalid_request"' in reply


@pytest.mark.parametrize("name", KEPT)
def test_a_request_with_a_valid_framing_keeps_its_connection(name: str) -> None:
    with serving(lambda _: [b"ok"], max_body=100) as server, connected(server, framed(*KEPT[name]) + GET) as client:
        received = read_until(client, b"ok")
        while received.count(b"200 OK") < 2:
            received += read_until(client, b"ok")


@pytest.mark.parametrize("length", [b"", b"Content-Length: 2\r\n"])
def test_transfer_encoding_of_http_1_0_closes_the_connection(length: bytes) -> None:
    request = framed(b"Connection: keep-alive\r\n" + length + CHUNKED, CHUNKS, b"1.0")
    with serving(lambda _: [b"ok"]) as server, connected(server, request) as client:
        assert read_all(client).count(b"HTTP/1.") == 1


@pytest.mark.parametrize("address", [b"http://[::1", b"http://a]b/", b"http://a\xe2\x84\x80b/"])
def test_an_invalid_address_is_refused_with_400(address: bytes) -> None:
    request = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % address
    with serving(lambda _: [b"ok"]) as server, connected(server, request) as client:
        assert read_all(client).startswith(b"HTTP/1.1 400 Bad Request")


def test_one_call_may_have_a_body_of_any_size() -> None:
    """A copy of the adjustments, which the parser reads the limit from."""

    def size(environ: WSGIEnvironment) -> Iterable[bytes]:
        return [b"%2d" % len(environ["wsgi.input"].read())]

    with serving(size) as server:
        for request, wanted in (
            (b"PUT /any HTTP/1.1\r\nHost: localhost\r\nX-Token: t\r\nContent-Length: 12\r\n\r\n" + b"x" * 12, 200),
            (b"PUT /any HTTP/1.1\r\nHost: localhost\r\nX-Token: t\r\n" + CHUNKED + b"\r\nc\r\n" + b"x" * 12, 200),
            (b"PUT /any HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n" + b"x" * 12, 413),
            (b"PUT /one HTTP/1.1\r\nHost: localhost\r\nX-Token: t\r\nContent-Length: 12\r\n\r\n" + b"x" * 12, 413),
        ):
            ending = b"\r\n0\r\n\r\n" if CHUNKED in request else b""
            with connected(server, request + ending) as client:
                reply = client.recv(1 << 16)
                assert int(reply.split(b" ")[1]) == wanted, (request, reply)


class NoFiles:
    """A listening socket for which the system has no file descriptors at first."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.tries = 0
        self.is_over = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def accept(self) -> Any:
        self.tries += 1
        if not self.is_over:
            raise OSError(errno.EMFILE, "Too many open files")
        return self._listener.accept()


def test_a_listener_rests_when_there_are_no_file_descriptors(caplog: pytest.LogCaptureFixture) -> None:
    """``BaseWSGIServer.readable`` and ``accept``, and that ``create_server`` makes a ``TcpWSGIServer``."""
    with serving(lambda _: [b"ok"]) as server, connected(server) as first:
        read_until(first, b"ok")
        listener = server._server.socket = NoFiles(server._server.socket)
        with connected(server) as client:
            threading.Event().wait(1.2)
            assert 1 <= listener.tries <= 4
            assert first.recv(1) == b""  # was idle, and its descriptor may be used for another
            listener.is_over = True
            read_until(client, b"ok")
    assert caplog.text.count("raise the limit of open files (ulimit -n)") == 1
    assert "Traceback" not in caplog.text


def test_an_idle_connection_is_closed_and_one_that_is_served_is_not() -> None:
    """``adj.channel_timeout`` and ``adj.cleanup_interval``, which the page about shared servers gives."""
    finish = threading.Event()

    def body(environ: WSGIEnvironment) -> Iterable[bytes]:
        assert environ["PATH_INFO"] == "/" or finish.wait(TIMEOUT_S)
        return [b"ok"]

    with serving(body) as server, connected(server) as idle, connected(server, GET_SECOND) as served:
        read_until(idle, b"ok")
        adj = server._server.adj
        assert (adj.channel_timeout, adj.cleanup_interval) == (120, 30)
        began = time.monotonic()
        adj.channel_timeout, adj.cleanup_interval, server._server.next_channel_cleanup = 2, 0.1, 0
        assert idle.recv(1) == b""
        assert time.monotonic() - began > 1.5
        finish.set()
        read_until(served, b"ok")


def test_few_connections_replace_each_other() -> None:
    with serving(lambda _: [b"ok"], most=8) as server, ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(connected(server))
            read_until(client, b"ok")


def test_environ_of_another_server_is_accepted() -> None:
    assert not is_client_disconnected({})
    flush({})
