"""A small application on the server's own sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autumn_mock.web.waitress_adapter import AbortMiddleware, Channel, WaitressServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds to wait for what should happen at once.
TIMEOUT_S = 10
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

Body = Callable[["WSGIEnvironment"], Iterable[bytes]]


def application(body: Body) -> WSGIApplication:
    """An application that replies 200 with a body of two bytes."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "2")])
        return body(environ)

    return AbortMiddleware(app)


@contextmanager
def serving(
    body: Body,
    threads: int = 2,
    wrap: Callable[[Body], WSGIApplication] = application,
    most: int = 100,
    max_body: int = 10,
    channel_class: Callable[..., Channel] | None = None,
) -> Iterator[WaitressServer]:
    server = WaitressServer(
        wrap(body),
        host="127.0.0.1",
        port=0,
        threads=threads,
        max_body=max_body,
        max_connections=most,
        unlimited_call=("PUT", "/any"),
        is_unlimited=lambda variables: variables.get("HTTP_X_TOKEN") == "t",
        channel_class=channel_class,
    )
    loop = threading.Thread(target=server.run)
    loop.start()
    try:
        yield server
    finally:
        server.stop()
        loop.join(TIMEOUT_S)
        assert not loop.is_alive()
        server.close()


def read_until(client: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        more = client.recv(1 << 16)
        assert more, received
        received += more
    return received
