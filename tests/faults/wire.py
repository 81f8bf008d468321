"""A client on a plain socket, which sees how a reply ends: whole, cut off, closed, reset."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

#: A whole reply; less than its length said; closed or reset without a byte of it; nothing within the timeout.
Ending = Literal["whole", "cut", "closed", "reset", "silent"]

#: Replies that have no body, whatever their headers say.
_BODILESS = (204, 304)


class Wire(NamedTuple):
    """What was received. Header names are in lower case."""

    ending: Ending
    status: int | None
    headers: dict[str, str]
    body: bytes
    #: Seconds from the request's last byte to the end.
    took: float
    #: The number of pieces that the reply was received in.
    pieces: int


def connect(url: str, timeout: float) -> socket.socket:
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname or "", address.port or 80), timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def send(connection: socket.socket, method: str, path: str, body: Any, headers: Mapping[str, str]) -> None:
    """Send a request; a body that is not None goes out as JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content)


def receive(connection: socket.socket) -> Wire:
    """Read the reply to a request that was sent."""
    began = time.monotonic()
    received = b""
    pieces = 0
    ending: Ending | None = None
    while ending is None and not _is_whole(received):
        try:
            piece = connection.recv(1 << 16)
        except TimeoutError:
            ending = "silent"
        except ConnectionResetError:
            ending = "reset"
        else:
            received += piece
            pieces += 1
            if not piece:
                ending = "cut" if received else "closed"
    status, headers, body = _parsed(received)
    return Wire(ending or "whole", status, headers, body, time.monotonic() - began, pieces)


def exchange(
    url: str, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None, timeout: float = 30
) -> Wire:
    """One request on a connection of its own; ``timeout`` is in seconds."""
    with connect(url, timeout) as connection:
        send(connection, method, path, body, headers or {})
        return receive(connection)


def _is_whole(received: bytes) -> bool:
    status, headers, body = _parsed(received)
    if status is None:
        return False
    return status in _BODILESS or len(body) >= int(headers.get("content-length", "0"))


def _parsed(received: bytes) -> tuple[int | None, dict[str, str], bytes]:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None, {}, b""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}, body
