"""Connections that speak TLS, and the proxy for clients whose host cannot be changed.

One port takes all of them; the first byte of a connection says which it is:

- 22, a TLS handshake: HTTP follows in it.
- ``CONNECT host:443`` for one of :attr:`Secure.hosts`: it is answered with 200, and then begins anew. The connection
  leads to this server, whatever the name: nothing is forwarded. Other hosts are refused.
- other HTTP: it is served if :attr:`Secure.plain`, otherwise refused with 400 in its own language.

No thread is added: the handshake is part of the server's loop, and TLS is read and written where the socket was.
"""

from __future__ import annotations

import copy
import enum
import logging
import re
import socket
import ssl
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from waitress.utilities import BadRequest

from autumn_mock.web.request_parser import RequestParser
from autumn_mock.web.waitress_adapter import HANDSHAKE, Channel

_CONNECT = b"CONNECT "
_CONNECT_LINE = re.compile(rb"CONNECT +\[?([^\s\]]+?)\]?:(\d{1,5}) +HTTP/1\.[01]\r\n")
#: Bytes of the head of a CONNECT request.
_MAX_HEAD = 16_384
#: A TLS record has at most 16 KB: a read of this size leaves nothing behind that the loop would not see.
_RECORD = 16_384
#: Bytes of one write: each that is complete counts as activity of the connection.
_WRITE = 65_536
#: What the loop waits for is not there yet.
_NOT_YET = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
#: How a client says that it does not trust a certificate.
_DISTRUST = ("UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "BAD_CERTIFICATE", "UNSUPPORTED_CERTIFICATE")

_log = logging.getLogger("autumn_mock.web.tls")


@dataclass(frozen=True)
class Secure:
    """What the connections of a server may be."""

    context: ssl.SSLContext
    #: Whether HTTP without TLS is served, too.
    plain: bool = False
    #: The hosts that the proxy serves, in lower case.
    hosts: Collection[str] = ()


class _Stage(enum.Enum):
    """How far a connection is."""

    #: Its first bytes decide.
    NEW = enum.auto()
    #: It may become a CONNECT request.
    CONNECT = enum.auto()
    HANDSHAKE = enum.auto()
    TLS = enum.auto()
    HTTP = enum.auto()


class _PlainParser(RequestParser):
    """A request without TLS, where it is needed: it is read to its end, and then refused."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        self.expect_continue = False
        self.error = BadRequest("This port speaks HTTPS only; call it with https://")


class SecureChannel(Channel):
    """A connection that finds out what it is; see the module."""

    #: Attributes of Waitress's channel.
    adj: Any
    outbuf_lock: Any
    will_close: bool

    def __init__(self, secure: Secure, *arguments: Any, **options: Any) -> None:
        self._secure = secure
        self._stage = _Stage.NEW
        self._head = b""
        self._read_bytes = b""
        self._has_received = self._has_reset = False
        self._wants_write = False
        super().__init__(*arguments, **options)

    # -- events of the loop

    def writable(self) -> bool:
        return bool(super().writable()) or (self._stage is _Stage.HANDSHAKE and self._wants_write)

    def handle_write(self) -> None:
        if self._stage is _Stage.HANDSHAKE and self._wants_write and not self.will_close:
            self._shake_hands()
        else:
            super().handle_write()

    def handle_read(self) -> None:
        if self._stage is _Stage.NEW:
            self._detect()
        elif self._stage is _Stage.CONNECT:
            self._read_connect()
        elif self._stage is _Stage.HANDSHAKE:
            self._shake_hands()
        elif self._stage is _Stage.HTTP or self._decrypt():
            super().handle_read()

    def handle_close(self) -> None:
        with self.outbuf_lock:
            if self._stage is _Stage.TLS and not self._has_reset and self.socket is not None:
                with suppress(OSError, ValueError):
                    self.socket.unwrap()  # a close_notify; it does not wait for that of the client
            super().handle_close()

    def reset_on_close(self) -> None:
        super().reset_on_close()
        self._has_reset = True

    # -- what Waitress calls the socket for

    def recv(self, buffer_size: int) -> bytes:
        if self._stage is not _Stage.TLS:
            return bytes(super().recv(buffer_size))
        found, self._read_bytes = self._read_bytes, b""
        if not found:
            if not self._has_received:
                _log.warning(
                    "TLS: a client closed its connection after the handshake; it may not trust the certificate"
                )
            self.handle_close()
        self._has_received = True
        return found

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send a part of the data; 0 if the client takes no more at present. Called with ``outbuf_lock``."""
        if self._stage is not _Stage.TLS:
            return int(super().send(data, do_close=do_close))
        try:
            return int(self.socket.send(data[:_WRITE]))
        except _NOT_YET:
            return 0
        except (OSError, ValueError):  # a ValueError: it was closed meanwhile
            self.will_close = True
            return 0

    # -- stages

    def _detect(self) -> None:
        """Decide by the first byte, which stays where it is."""
        try:
            first = self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            first = b""
        if not first:
            self.handle_close()
        elif first == HANDSHAKE:
            self._begin_tls()
        elif self._secure.hosts:
            self._stage = _Stage.CONNECT
            self._read_connect()
        else:
            self._begin_http()

    def _begin_http(self) -> None:
        """Read HTTP, which begins with what has been read of it."""
        self._stage = _Stage.HTTP
        if not self._secure.plain:
            self.parser_class = _PlainParser
        if self._head:
            self.received(self._head)

    def _read_connect(self) -> None:
        """Read a CONNECT request; anything else is HTTP."""
        try:
            more = self.recv(_MAX_HEAD)
        except OSError:
            self.handle_close()
            return
        self._head += more
        if not more:
            return
        if self._head[: len(_CONNECT)] != _CONNECT[: len(self._head)]:
            self._begin_http()
        elif b"\r\n\r\n" in self._head:
            self._connect()
        elif len(self._head) > _MAX_HEAD:
            self._refuse(400, "Bad Request", "The head of the CONNECT request is too large")

    def _connect(self) -> None:
        line = _CONNECT_LINE.match(self._head)
        if line is None or not self._head.endswith(b"\r\n\r\n"):
            self._refuse(400, "Bad Request", "CONNECT takes HOST:PORT, and nothing is sent before its reply")
            return
        host, port = line[1].decode("latin-1").lower(), int(line[2])
        if host not in self._secure.hosts or port != 443:
            served = ", ".join(f"{each}:443" for each in sorted(self._secure.hosts))
            text = f"This proxy serves {served} and nothing else; add {host} to NO_PROXY to reach it directly"
            _log.warning("refused to connect to %r: the proxy serves %s only; NO_PROXY leads past it", host, served)
            self._refuse(403, "Forbidden", text)
            return
        self._head = b""
        self._stage = _Stage.NEW
        self._write_first(b"HTTP/1.1 200 Connection established\r\n\r\n")

    def _refuse(self, status: int, reason: str, message: str) -> None:
        body = msgspec.json.encode({"message": message, "code": "invalid_request", "env": "sandbox"})
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._write_first(head.encode() + b"Connection: close\r\n\r\n" + body)
        self.will_close = True

    def _write_first(self, data: bytes) -> None:
        """Write to a connection to which hardly anything was written: its buffer has room."""
        try:
            self.socket.send(data)
        except OSError:
            self.will_close = True

    def _begin_tls(self) -> None:
        try:
            secured = self._secure.context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        except (OSError, ValueError):  # it is closed already
            self.handle_close()
            return
        self.socket = secured
        self.adj = copy.copy(self.adj)
        self.adj.url_scheme = "https"
        self._stage = _Stage.HANDSHAKE
        self._shake_hands()

    def _shake_hands(self) -> None:
        self._wants_write = False
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return
        except (OSError, ValueError) as error:
            self._log_failure(error)
            self.handle_close()
            return
        self._stage = _Stage.TLS

    def _decrypt(self) -> bool:
        """Read what the client sent; False if it is not complete yet."""
        try:
            with self.outbuf_lock:  # a connection of OpenSSL is used by one thread at a time
                self._read_bytes = self.socket.recv(_RECORD)
        except _NOT_YET:
            return False
        except (OSError, ValueError) as error:
            self._log_failure(error)
            self._has_received = True
            self._read_bytes = b""
        return True

    def _log_failure(self, error: Exception) -> None:
        """Log in one line what a client did not like; not that it closed the connection."""
        reason = getattr(error, "reason", None) or ""
        if any(each in reason for each in _DISTRUST):
            _log.warning("TLS: a client does not trust the certificate of this server (%s)", reason.lower())
        elif isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            _log.warning("TLS: the handshake with a client failed (%s)", (reason or str(error)).lower())
