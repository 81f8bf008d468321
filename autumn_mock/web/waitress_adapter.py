"""Waitress, and everything that depends on its inner parts.

What is used beyond Waitress's documented interface (``create_server`` and its adjustments) is listed in
``tests/web/test_waitress_adapter.py``, which fails when a release changes it.
"""

from __future__ import annotations

import copy
import errno
import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer, create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.trigger import trigger
from waitress.utilities import RequestEntityTooLarge

from autumn_mock.clock import stopwatch
from autumn_mock.parking import RequestParking, spare_thread
from autumn_mock.web.request_parser import RequestParser

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Replies below this size (bytes) are sent whole by the server's loop: two sends from a request's thread cost more than
#: a third of a request, because each gives up the interpreter lock.
_SEND_BYTES = 18_000
#: Bytes read from a connection at once. A batch of 1000 items is read in two pieces; in Waitress's 8192 it takes
#: fourteen, and a twelfth more CPU.
_RECV_BYTES = 65_536
#: Bodies up to this size (bytes) are kept in memory.
_BODY_IN_MEMORY = 8 << 20
#: When fewer connections than this are left, or a quarter of a low limit, a new one replaces the one that was idle
#: longest.
_SPARE_CONNECTIONS = 32
#: Seconds without new connections after the system had no file descriptor for one.
_REST_S = 0.5
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
#: The first byte of a TLS handshake.
HANDSHAKE = b"\x16"
#: The reply to one on a port without TLS, from which clients of TLS know what it speaks.
_NOT_TLS = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#: The key of the environ that says how to end a connection without a reply: ``reset`` or ``close``.
_ABORT = "autumn_mock.abort"

_log = logging.getLogger("autumn_mock.web")
# A request that waits for a thread is expected under load. Where no logging is configured, as in tests with an
# emulator, Python would print Waitress's warning of it on standard error.
logging.getLogger("waitress.queue").addHandler(logging.NullHandler())


class _ErrorTask(ErrorTask):
    """The reply to a request that Waitress refuses, in Autumn's envelope."""

    request: Any
    response_headers: list[tuple[str, str]]

    def execute(self) -> None:
        error = self.request.error
        if isinstance(error, RequestEntityTooLarge):
            most = self.channel.adj.max_request_body_size - 1
            message = f"The body is too large: this server takes {most} bytes; --max-body changes that"
        else:
            message = f"{error.reason}: {error.body}"
        body = msgspec.json.encode({"message": message, "code": "invalid_request", "env": "sandbox"})
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """A connection. Close to the limit of connections, a new one closes the one that was idle longest."""

    error_task_class = _ErrorTask
    parser_class: type[RequestParser] = RequestParser
    #: Every socket of the loop, by file descriptor.
    _map: dict[int, Any]
    socket: Any
    server: Any
    _flush_exception: Any
    total_outbufs_len: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        limit = self.adj.connection_limit
        if len(self._map) > limit - min(_SPARE_CONNECTIONS, limit // 4 + 1):
            _close_longest_idle(self._map, self)

    def received(self, data: bytes) -> bool:
        if data[:1] == HANDSHAKE and self.request is None and not self.requests:
            # A client waits for an answer to the handshake, and the parser for the end of a line.
            with suppress(OSError):
                self.socket.send(_NOT_TLS)
            self.will_close = True
            self.server.warn_of_tls()
            return False
        return bool(super().received(data))

    def service(self) -> None:
        super().service()
        if self.requests:  # pipelined: the loop would keep this reply until the next one is complete
            self.flush()

    def _flush_some(self, do_close: bool = True) -> bool:
        """Send what can be sent. Waitress's loop does not hold the lock when no request is left."""
        with self.outbuf_lock:
            sent: bool = super()._flush_some(do_close=do_close)  # type: ignore[misc]  # the stubs leave it out
            return sent

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait until a client has read most of a large reply."""
        if self.total_outbufs_len > self.adj.outbuf_high_watermark:
            with spare_thread(may_refuse=False):
                super()._flush_outbufs_below_high_watermark()  # type: ignore[misc]  # the stubs leave it out

    def flush(self) -> None:
        """Send what has been written so far; may be called from a request's thread."""
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)

    def reset_on_close(self) -> None:
        """Have the connection reset, not ended, when it is closed."""
        # A socket that may not linger is reset when it is closed.
        layout = "hh" if sys.platform == "win32" else "ii"
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))


def _close_longest_idle(sockets: dict[int, Any], new: Channel | None = None) -> None:
    """Close the connection that was idle longest, except a new one."""
    others = (each for each in sockets.values() if isinstance(each, Channel) and each is not new)
    idle = [each for each in others if not each.requests and not each.will_close]
    if idle:
        min(idle, key=lambda each: each.last_activity).will_close = True


class _Listener(TcpWSGIServer):
    """A listening socket. When the system has no file descriptor for a connection, it rests for a moment."""

    _map: dict[int, Any]
    _rests_until = 0.0
    _has_warned = _has_warned_of_tls = False

    def warn_of_tls(self) -> None:
        """Log once that a client speaks TLS here."""
        if not self._has_warned_of_tls:
            self._has_warned_of_tls = True
            _log.warning(
                "a client calls this server with https://, which speaks http:// only; --tls starts it with HTTPS"
            )

    def readable(self) -> bool:
        return super().readable() and stopwatch() >= self._rests_until

    def accept(self) -> Any:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _OUT_OF_FILES:
                raise
            self._rests_until = stopwatch() + _REST_S
            _close_longest_idle(self._map)
            if not self._has_warned:
                self._has_warned = True
                _log.warning("connections have to wait (%s): raise the limit of open files (ulimit -n)", error.strerror)
            return None


def _channel_of(environ: WSGIEnvironment) -> Channel | None:
    channel = getattr(environ.get("waitress.client_disconnected"), "__self__", None)
    return channel if isinstance(channel, Channel) else None


def is_client_disconnected(environ: WSGIEnvironment) -> bool:
    """Whether the client has closed the connection of a request; False under other servers."""
    is_disconnected = environ.get("waitress.client_disconnected")
    return bool(is_disconnected is not None and is_disconnected())


def flush(environ: WSGIEnvironment) -> None:
    """Send what a reply has written so far, however little it is."""
    channel = _channel_of(environ)
    if channel is not None:
        channel.flush()


def truncated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a body that is shorter than its Content-Length: Waitress sends them and closes the connection."""
    yield from pieces
    raise ClientDisconnected  # otherwise Waitress would warn about an application that returns too few bytes


def has_unsent(environ: WSGIEnvironment) -> bool:
    """Whether the client has not read yet what a reply has written so far."""
    channel = _channel_of(environ)
    return channel is not None and channel.total_outbufs_len > 0


def abort_connection(environ: WSGIEnvironment, *, reset: bool) -> None:
    """End a request without a reply, by resetting its connection or by closing it; see :class:`AbortMiddleware`."""
    environ[_ABORT] = "reset" if reset else "close"


class AbortMiddleware:
    """WSGI middleware that ends the connections for which :func:`abort_connection` was called."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._application(environ, start_response)
        wanted = environ.get(_ABORT)
        if wanted is None:
            return body
        close = getattr(body, "close", None)
        if close is not None:
            close()
        channel = _channel_of(environ)
        if wanted == "reset" and channel is not None and channel.connected:
            channel.reset_on_close()
        raise ClientDisconnected  # Waitress closes the connection and writes nothing


class _Dispatcher(ThreadedTaskDispatcher):
    """The threads that serve requests: each knows the parking of its server."""

    def __init__(self, parking: RequestParking) -> None:
        super().__init__()
        self._parking = parking

    def start_new_thread(self, target: Callable[[int], object], thread_no: int) -> None:
        try:
            super().start_new_thread(target, thread_no)
        except RuntimeError:  # the system has no more; Waitress counts it already
            self.threads.discard(thread_no)
            raise

    def handler_thread(self, thread_no: int) -> None:
        self._parking.serve_on_this_thread()
        super().handler_thread(thread_no)


class WaitressServer:
    """A bound socket that serves a WSGI application.

    ``max_body`` is in bytes; it does not apply to ``unlimited_call``, a method and a path, if ``is_unlimited`` is true
    of its headers (``HTTP_CONTENT_TYPE``). ``channel_class`` makes the connections: :class:`Channel`, or one that
    derives from it. Raises :class:`OSError` when the address cannot be bound.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        host: str,
        port: int,
        threads: int,
        max_body: int,
        max_connections: int,
        unlimited_call: tuple[str, str] | None = None,
        is_unlimited: Callable[[Mapping[str, str]], bool] = lambda _: True,
        channel_class: Callable[..., Channel] | None = None,
    ) -> None:
        self._sockets: dict[int, Any] = {}
        self.parking = RequestParking()
        self._dispatcher = _Dispatcher(self.parking)
        self.set_threads(threads)
        self.parking.attach(lambda more: self.set_threads(threads + more))
        try:
            self._server: Any = create_server(
                application,
                map=self._sockets,
                _dispatcher=self._dispatcher,
                host=host,
                port=port,
                ident=None,
                connection_limit=max_connections,
                recv_bytes=_RECV_BYTES,
                asyncore_use_poll=sys.platform != "win32",
                max_request_body_size=max_body + 1,  # Waitress refuses a body of exactly this size
                inbuf_overflow=_BODY_IN_MEMORY,
                clear_untrusted_proxy_headers=False,
                channel_request_lookahead=1,  # notices that a client disconnects while its request is served
            )
        except BaseException as error:
            self._triggers = self._find_triggers()
            self._dispatcher.shutdown()
            self._close_sockets()
            self._close_triggers()
            if isinstance(error.__context__, socket.gaierror):  # Waitress raises a ValueError for it
                raise error.__context__ from None
            raise
        self._triggers = self._find_triggers()
        for each in self._sockets.values():
            if isinstance(each, TcpWSGIServer):
                each.__class__ = _Listener  # create_server has no parameter for it
                listener: Any = each
                listener.channel_class = channel_class or Channel
                adj = listener.adj
                adj.send_bytes = _SEND_BYTES  # as an adjustment it is deprecated
                adj.unlimited_call, adj.is_unlimited = unlimited_call, is_unlimited
                adj.without_limit = copy.copy(adj)
                adj.without_limit.max_request_body_size = sys.maxsize

    @property
    def port(self) -> int:
        """The port that is bound."""
        listeners = getattr(self._server, "effective_listen", None)
        if listeners:
            return int(listeners[0][1])
        bound: socket.socket = self._server.socket
        return int(bound.getsockname()[1])

    def set_threads(self, count: int) -> None:
        """Serve requests with ``count`` threads from now on."""
        self._dispatcher.set_thread_count(count)

    def run(self) -> None:
        """Serve requests until :meth:`stop` is called, or until something raises in this thread."""
        self._server.run()

    def stop(self) -> None:
        """Make :meth:`run` return; may be called from any thread."""
        for each in self._triggers[:1]:  # wakes the loop
            each.pull_trigger(self._close_sockets)

    def close(self) -> None:
        """Close the sockets and end the threads, once :meth:`run` has returned."""
        self._dispatcher.shutdown(cancel_pending=True, timeout=1)
        self._close_sockets()
        self._close_triggers()

    def _find_triggers(self) -> list[Any]:
        return [each for each in self._sockets.values() if isinstance(each, trigger)]

    def _close_triggers(self) -> None:
        for each in self._triggers:
            each.close()

    def _close_sockets(self) -> None:
        """End the loop, which runs as long as it has sockets.

        Triggers stay open: a thread that pulled one may still be writing to it.
        """
        for number, each in list(self._sockets.items()):
            if isinstance(each, trigger):
                del self._sockets[number]
            elif isinstance(each, Channel):
                each.handle_close()  # also wakes a thread that waits for the client to read
            else:
                wasyncore.dispatcher.close(each)  # a server's own close would close the trigger, too
        self._sockets.clear()
