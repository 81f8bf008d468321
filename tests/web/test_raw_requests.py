"""Requests as bytes that clients of HTTP libraries do not send: odd addresses, names, methods and versions.

Odd framings are in test_waitress_adapter.py.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.support.server import ServerProcess

CLOCK = b"/_mock/clock"
#: Names of this machine, which cannot belong to another.
OWN = [b"127.0.0.1", b"localhost", b"LOCALHOST:1", b"[::1]", b"127.0.0.1:2886", b"127.0.0.2", b"shop.localhost"]
#: Names that a page of another site can make resolve to this machine, and invalid names.
FOREIGN = [
    b"evil.example",
    b"evil.example:80",
    b"127.0.0.1.evil.example",
    b"localhost.evil.example",
    b"127.0.0.1@evil.example",
    b"evil.example#localhost",
    b"localhost evil.example",
    b"localhost,evil.example",
    b"localhost/evil.example",
    b"localhost\r\nHost: evil.example",
    b"evil.example\r\nHost: localhost",
    b"evil.example\r\nX-Forwarded-Host: localhost",
    b"evil.example\r\nForwarded: host=localhost",
    b"localhost%00.evil.example",
    b"%6cocalhost",
    b"localhost\0",
    b"localhost.",
    b"127.1",
    b"2130706433",
    b"[evil",
    b"\xff",
    b"",
    b"a..b",
    b"a" * 64,
    b"a" * 5000,
    b"xn--\x80",
]
#: Other ways to write the address of a control call.
ADDRESSES = [
    b"//_mock/clock",
    b"/%5Fmock/clock",
    b"/_mock//clock",
    b"/_mock/./clock",
    b"/_mock/clock;a",
    b"/_mock/clock?a=%00",
    b"/_mock/%2e%2e/_mock/clock",
    b"/v1/../_mock/clock",
    b"_mock/clock",
    b"http://127.0.0.1/_mock/clock",
    b"http://localhost:99999/_mock/clock",
    b"http://user@localhost/_mock/clock",
]
#: Anything else that can stand in a first line, and the header lines after it.
ODD = {
    "no version": b"GET /_mock/health\r\n\r\n",
    "version 0.9": b"GET /_mock/health HTTP/0.9\r\n\r\n",
    "version 2": b"GET /_mock/health HTTP/2\r\nHost: localhost\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "NULs": b"\0" * 100 + b"\r\n\r\n",
    "two spaces": b"GET  /_mock/health  HTTP/1.1\r\n\r\n",
    "a NUL in the method": b"G\0T /_mock/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a long method": b"A" * 5000 + b" /v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "many headers": b"GET /v1/x HTTP/1.1\r\nConnection: close\r\n" + b"X-A: a\r\n" * 5000 + b"\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "bytes that are not ASCII": b"GET /\xc3\xbc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "bytes that are not UTF-8": b"GET /v1/%ff%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a long address": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a path to a file": b"GET /v1/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
}
METHODS = [b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"BREW", b"OPTIONS", b"HEAD"]


def exchange(server: ServerProcess, request: bytes) -> bytes:
    """What a server sends until it closes the connection."""
    address = urlsplit(server.url)
    received = b""
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        connection.sendall(request)
        with suppress(ConnectionResetError):
            while more := connection.recv(1 << 16):
                received += more
    return received


def status_of(server: ServerProcess, address: bytes, host: bytes, method: bytes = b"GET") -> int:
    """The status of a request without a body."""
    head = b"%b %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % (method, address, host)
    return int(exchange(server, head).split(b" ")[1])


@pytest.fixture(autouse=True)
def no_traceback(server: ServerProcess) -> Iterator[None]:
    """No request of these tests is answered by a traceback in the log, and the server goes on."""
    before = server.stderr().count("Traceback")
    yield
    assert server.stderr().count("Traceback") == before, server.stderr()[-4000:]
    assert server.get("/_mock/health").status == 200


def test_control_api_answers_to_names_of_this_machine_only(server: ServerProcess) -> None:
    assert {name: status_of(server, CLOCK, name) for name in OWN} == dict.fromkeys(OWN, 200)
    found = {name: status_of(server, CLOCK, name) for name in FOREIGN}
    assert {name: status for name, status in found.items() if status not in (400, 403)} == {}


def test_control_api_is_guarded_however_its_address_is_written(server: ServerProcess) -> None:
    found = {address: status_of(server, address, b"evil.example") for address in ADDRESSES}
    assert {address: status for address, status in found.items() if status not in (400, 401, 403, 404)} == {}


def test_requests_with_any_host_are_answered(server: ServerProcess) -> None:
    found = {name: status_of(server, b"/v1/customers.list", name) for name in FOREIGN}
    assert {name: status for name, status in found.items() if status not in (400, 401)} == {}


def test_any_method_is_answered(server: ServerProcess) -> None:
    for address in (CLOCK, b"/v1/customers.list", b"/_mock/health", b"/_mock/", b"/"):
        found = {method: status_of(server, address, b"localhost", method) for method in METHODS}
        assert {method: status for method, status in found.items() if status >= 500} == {}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_request_is_answered(server: ServerProcess, name: str) -> None:
    assert re.match(rb"HTTP/1\.[01] [234]\d\d ", exchange(server, ODD[name]))


def test_pipelined_requests_are_all_answered(server: ServerProcess) -> None:
    paths = [b"/v1/nowhere/%d" % number for number in range(200)]
    requests = [b"GET %b HTTP/1.1\r\nHost: localhost\r\n" % path for path in paths]
    end = b"Connection: close\r\n\r\n"
    received = exchange(server, b"\r\n".join(requests) + end)
    assert received.count(b"HTTP/1.1 401 ") == 200
