"""TLS on the server's own sockets, and the proxy for fixed hosts."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pytest

from autumn_mock.web.certificates import make_certificate
from autumn_mock.web.secure_channel import Secure, SecureChannel
from autumn_mock.web.waitress_adapter import (
    AbortMiddleware,
    WaitressServer,
    abort_connection,
    is_client_disconnected,
    truncated,
)
from tests.web.listening import GET, TIMEOUT_S, Body, read_until, serving

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "api.example.com"
CONNECT = f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode()
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Trust(NamedTuple):
    """A server's certificate, and what its clients need."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def trust() -> Trust:
    made = make_certificate(["127.0.0.1", HOST])
    assert made.authority is not None
    return Trust(made.context, ssl.create_default_context(cadata=made.authority.decode()))


def secure(trust: Trust, *, plain: bool = False, hosts: tuple[str, ...] = ()) -> partial[SecureChannel]:
    return partial(SecureChannel, Secure(trust.server, plain, hosts))


@contextmanager
def connection(server: WaitressServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        yield client


@contextmanager
def tls(server: WaitressServer, trust: Trust, name: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
    with connection(server) as client, wrapped(client, trust, name) as secured:
        yield secured


def wrapped(client: socket.socket, trust: Trust, name: str = "127.0.0.1") -> ssl.SSLSocket:
    """TLS on a connection; an end that the server does not announce raises :class:`ssl.SSLEOFError`."""
    return trust.client.wrap_socket(client, server_hostname=name, suppress_ragged_eofs=False)


def sized(_: Body) -> WSGIApplication:
    """Replies with as many bytes as the path says, after it has read the body; the header counts the body."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        size = int(environ["PATH_INFO"].strip("/") or 0)
        received = sum(map(len, iter(lambda: environ["wsgi.input"].read(65536), b"")))
        scheme = environ["wsgi.url_scheme"]
        start_response("200 OK", [("Content-Length", str(size)), ("X-Got", str(received)), ("X-Scheme", scheme)])
        return (b"x" * min(100_000, size - at) for at in range(0, size, 100_000))

    return AbortMiddleware(app)


def post(size: int, body: int) -> bytes:
    return b"POST /%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (size, body) + b"y" * body


def read_reply(client: socket.socket, size: int) -> bytes:
    """The head of a reply whose body has a size; the body is checked."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    body = bytearray()
    while len(body) < size:
        more = client.recv(size - len(body))
        assert more, len(body)
        body += more
    assert body == b"x" * size
    return head


# -- HTTPS


def test_tls_keeps_a_connection_with_bodies_of_any_size(trust: Trust) -> None:
    with (
        serving(lambda _: [], wrap=sized, max_body=9 << 20, channel_class=secure(trust)) as server,
        tls(server, trust) as client,
    ):
        assert client.selected_alpn_protocol() is None
        for size, body in ((2, 0), (5_000_000, 10), (0, 8_000_000), (16_384, 16_384), (1, 1)):
            client.sendall(post(size, body))
            head = read_reply(client, size)
            assert f"X-Got: {body}".encode() in head
            assert b"X-Scheme: https" in head


def test_tls_sends_a_reply_in_parts_to_a_client_that_reads_slowly(trust: Trust) -> None:
    size = 12_000_000
    with (
        serving(lambda _: [], wrap=sized, channel_class=secure(trust)) as server,
        connection(server) as plain,
        wrapped(plain, trust) as client,
    ):
        client.sendall(post(size, 0))
        time.sleep(0.2)
        read_reply(client, size)
        client.sendall(post(3, 0))
        read_reply(client, 3)


def test_tls_serves_many_connections_at_once(trust: Trust) -> None:
    """Each connection of OpenSSL is used by one thread at a time, the server's loop or one of its threads."""

    def use(number: int) -> None:
        with tls(server, trust) as client:
            for turn in range(5):
                size = 150_000 + 7 * number + turn
                client.sendall(post(size, 20_000) + post(5, 0))
                assert b"X-Got: 20000" in read_reply(client, size)
                assert b"X-Got: 0" in read_reply(client, 5)

    with (
        serving(lambda _: [], threads=4, wrap=sized, max_body=1 << 20, channel_class=secure(trust)) as server,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(use, range(8)))


def test_idle_tls_connections_do_not_keep_the_loop_busy(trust: Trust) -> None:
    with (
        serving(lambda _: [b"ok"], channel_class=secure(trust, hosts=(HOST,), plain=True)) as server,
        connection(server),
        tls(server, trust),
        connection(server) as half,
        connection(server) as begun,
    ):
        half.sendall(b"CONNEC")
        begun.sendall(b"\x16\x03\x01\x02")  # a part of a handshake
        time.sleep(0.1)
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.2


@pytest.mark.parametrize("how", ["reset", "close"])
def test_tls_ends_a_request_without_a_reply_as_without_tls(trust: Trust, how: str) -> None:
    def body(environ: WSGIEnvironment) -> Iterable[bytes]:
        abort_connection(environ, reset=how == "reset")
        return [b"ok"]

    with serving(body, channel_class=secure(trust)) as server, tls(server, trust) as client:
        client.sendall(GET)
        if how == "reset":
            require_reset(client)
        else:
            assert client.recv(1) == b""  # says that this is the end: otherwise it would raise SSLEOFError


def require_reset(client: ssl.SSLSocket) -> None:
    """The connection is reset. Some releases of Python report that of an SSLSocket as its end: the socket is read."""

    def read_all() -> None:
        while below.recv(1 << 16):
            pass

    with socket.socket(fileno=os.dup(client.fileno())) as below:
        below.settimeout(TIMEOUT_S)
        with pytest.raises(ConnectionResetError):
            read_all()


def test_tls_sends_what_there_is_of_a_truncated_reply(trust: Trust) -> None:
    with serving(lambda _: truncated([b"o"]), channel_class=secure(trust)) as server, tls(server, trust) as client:
        client.sendall(GET)
        read_until(client, b"\r\n\r\no")
        assert client.recv(1) == b""


def test_tls_notices_that_a_client_disconnects_while_its_request_is_served(trust: Trust) -> None:
    noticed, begun = threading.Event(), threading.Event()

    def body(environ: WSGIEnvironment) -> Iterable[bytes]:
        begun.set()
        for _ in range(TIMEOUT_S * 100):
            if is_client_disconnected(environ):
                noticed.set()
                break
            threading.Event().wait(0.01)
        return [b"ok"]

    with serving(body, channel_class=secure(trust)) as server:
        with tls(server, trust) as client:
            client.sendall(GET)
            assert begun.wait(TIMEOUT_S)
        assert noticed.wait(TIMEOUT_S)


def test_tls_port_refuses_plain_http_with_400_after_its_body(trust: Trust) -> None:
    with (
        serving(lambda _: [], wrap=sized, max_body=1 << 20, channel_class=secure(trust)) as server,
        connection(server) as client,
    ):
        client.sendall(post(3, 500_000))
        reply = read_until(client, b"}")
        assert client.recv(1) == b""
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"This port speaks HTTPS only; call it with https://" in reply


def test_a_client_that_does_not_trust_is_logged_in_one_line(trust: Trust, caplog: pytest.LogCaptureFixture) -> None:
    with serving(lambda _: [b"ok"], channel_class=secure(trust)) as server:
        with connection(server) as client, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(client, server_hostname="127.0.0.1")
        with connection(server) as client:
            client.sendall(b"\x16not a handshake at all")
            with suppress(ConnectionResetError):
                client.recv(100)
        with tls(server, trust) as client:
            client.sendall(GET)
            read_until(client, b"ok")
    messages = [each.getMessage() for each in caplog.records]
    assert "TLS: a client does not trust the certificate of this server (tlsv1_alert_unknown_ca)" in messages
    assert [each for each in messages if "the handshake with a client failed" in each]
    assert "Traceback" not in caplog.text
    assert len(messages) == 2


def test_a_client_that_closes_after_the_handshake_is_logged(trust: Trust, caplog: pytest.LogCaptureFixture) -> None:
    """Node checks the certificate only then, and sends no alert."""
    with serving(lambda _: [b"ok"], channel_class=secure(trust)) as server:
        with tls(server, trust) as client:
            client.unwrap()
        wait_for_log(caplog, 1)
    assert [each.getMessage() for each in caplog.records] == [
        "TLS: a client closed its connection after the handshake; it may not trust the certificate"
    ]


def wait_for_log(caplog: pytest.LogCaptureFixture, count: int) -> None:
    ends = time.monotonic() + TIMEOUT_S
    while len(caplog.records) < count and time.monotonic() < ends:
        time.sleep(0.01)


@pytest.mark.parametrize("sent", [b"", b"\x16\x03", b"GE"])
def test_a_client_that_closes_early_is_not_logged(trust: Trust, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with serving(lambda _: [b"ok"], channel_class=secure(trust, hosts=(HOST,))) as server:
        with connection(server) as client:
            client.sendall(sent)
        with connection(server) as client:
            client.sendall(sent)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with tls(server, trust) as client:
            client.sendall(GET)
            read_until(client, b"ok")
    assert caplog.text == ""


# -- the proxy


def test_proxy_serves_a_fixed_host_through_connect(trust: Trust) -> None:
    with (
        serving(lambda _: [], wrap=sized, channel_class=secure(trust, hosts=(HOST,), plain=True)) as server,
        connection(server) as client,
    ):
        for part in (CONNECT[:3], CONNECT[3:20], CONNECT[20:]):  # it may arrive in any pieces
            client.sendall(part)
            time.sleep(0.02)
        assert client.recv(1000) == CONNECTED
        with wrapped(client, trust, HOST) as secured:
            for _ in range(2):
                secured.sendall(post(3, 0))
                assert b"X-Scheme: https" in read_reply(secured, 3)


def test_proxy_resets_the_clients_connection(trust: Trust) -> None:
    def body(environ: WSGIEnvironment) -> Iterable[bytes]:
        abort_connection(environ, reset=True)
        return [b"ok"]

    with (
        serving(body, channel_class=secure(trust, hosts=(HOST,), plain=True)) as server,
        connection(server) as client,
    ):
        client.sendall(CONNECT)
        assert client.recv(1000) == CONNECTED
        with wrapped(client, trust, HOST) as secured:
            secured.sendall(GET)
            require_reset(secured)


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (CONNECT.replace(b":443", b":80"), 403, f"This proxy serves {HOST}:443 and nothing else"),
        (b"CONNECT other.example:443 HTTP/1.1\r\n\r\n", 403, "add other.example to NO_PROXY to reach it directly"),
        (b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n", 403, "add ::1 to NO_PROXY"),
        (b"CONNECT nothing HTTP/1.1\r\n\r\n", 400, "CONNECT takes HOST:PORT"),
        (CONNECT + b"more", 400, "nothing is sent before its reply"),
        (b"CONNECT a:1 HTTP/1.1\r\nX: " + b"a" * 40_000, 400, "The head of the CONNECT request is too large"),
    ],
)
def test_proxy_refuses_everything_else(trust: Trust, request_: bytes, status: int, message: str) -> None:
    with (
        serving(lambda _: [b"ok"], channel_class=secure(trust, hosts=(HOST,), plain=True)) as server,
        connection(server) as client,
    ):
        client.sendall(request_)
        reply = read_until(client, b"}")
    assert reply.startswith(b"HTTP/1.1 %d " % status)
    assert message in reply.decode()


@pytest.mark.parametrize("method", ["GET", "C", "CONNECTED"])
def test_proxy_serves_plain_http_on_the_same_port(trust: Trust, method: str) -> None:
    with (
        serving(lambda _: [b"ok"], channel_class=secure(trust, hosts=(HOST,), plain=True)) as server,
        connection(server) as client,
    ):
        for _ in range(2):
            for byte in GET.replace(b"GET", method.encode()):
                client.sendall(bytes([byte]))
            read_until(client, b"ok")


def test_proxy_without_plain_http_refuses_it_after_connect_too(trust: Trust) -> None:
    with (
        serving(lambda _: [b"ok"], channel_class=secure(trust, hosts=(HOST,))) as server,
        connection(server) as client,
    ):
        client.sendall(CONNECT)
        assert client.recv(1000) == CONNECTED
        client.sendall(GET)
        assert b"HTTPS only" in read_until(client, b"}")
