"""Waitress, and everything that depends on its inner parts.

What is used beyond Waitress's documented interface (``create_server`` and its adjustments) is listed in
``tests/web/test_waitress_adapter.py``, which fails when a release changes it.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.trigger import trigger
from waitress.utilities import RequestEntityTooLarge

from autumn_mock.parking import RequestParking, spare_thread

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Replies below this size (bytes) are sent whole by the server's loop: two sends from a request's thread cost more than
#: a third of a request, because each gives up the interpreter lock.
_SEND_BYTES = 18_000
#: Bodies up to this size (bytes) are kept in memory.
_BODY_IN_MEMORY = 8 << 20
#: When fewer connections than this are left, a new one replaces the one that was idle longest.
_SPARE_CONNECTIONS = 32
#: The key of the environ that says how to end a connection without a reply: ``reset`` or ``close``.
_ABORT = "autumn_mock.abort"


class _ErrorTask(ErrorTask):
    """The reply to a request that Waitress refuses, in Autumn's envelope."""

    request: Any
    response_headers: list[tuple[str, str]]

    def execute(self) -> None:
        error = self.request.error
        if isinstance(error, RequestEntityTooLarge):
            message = f"The body is too large: this server takes {self.channel.adj.max_request_body_size - 1} bytes"
        else:
            message = f"{error.reason}: {error.body}"
        body = msgspec.json.encode({"message": message, "code": "invalid_request", "env": "sandbox"})
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    """A connection. Close to the limit of connections, a new one closes the one that was idle longest."""

    error_task_class = _ErrorTask
    #: Every socket of the loop, by file descriptor.
    _map: dict[int, Any]
    socket: Any
    _flush_exception: Any
    _flush_some: Any
    total_outbufs_len: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if len(self._map) > self.adj.connection_limit - _SPARE_CONNECTIONS:
            others = (each for each in self._map.values() if isinstance(each, _Channel) and each is not self)
            idle = [each for each in others if not each.requests and not each.will_close]
            if idle:
                min(idle, key=lambda each: each.last_activity).will_close = True

    def service(self) -> None:
        super().service()
        if self.requests:  # pipelined: the loop would keep this reply until the next one is complete
            self.flush()

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait until a client has read most of a large reply."""
        if self.total_outbufs_len > self.adj.outbuf_high_watermark:
            with spare_thread(may_refuse=False):
                super()._flush_outbufs_below_high_watermark()  # type: ignore[misc]  # the stubs leave it out

    def flush(self) -> None:
        """Send what has been written so far; may be called from a request's thread."""
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)


def _channel_of(environ: WSGIEnvironment) -> _Channel | None:
    channel = getattr(environ.get("waitress.client_disconnected"), "__self__", None)
    return channel if isinstance(channel, _Channel) else None


def is_client_disconnected(environ: WSGIEnvironment) -> bool:
    """Whether the client has closed the connection of a request; False under other servers."""
    is_disconnected = environ.get("waitress.client_disconnected")
    return bool(is_disconnected is not None and is_disconnected())


def flush(environ: WSGIEnvironment) -> None:
    """Send what a reply has written so far, however little it is."""
    channel = _channel_of(environ)
    if channel is not None:
        channel.flush()


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
            # A socket that may not linger is reset when it is closed.
            layout = "hh" if sys.platform == "win32" else "ii"
            channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
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

    ``max_body`` is in bytes. Raises :class:`OSError` when the address cannot be bound.
    """

    def __init__(
        self, application: WSGIApplication, *, host: str, port: int, threads: int, max_body: int, max_connections: int
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
                asyncore_use_poll=sys.platform != "win32",
                max_request_body_size=max_body + 1,  # Waitress refuses a body of exactly this size
                inbuf_overflow=_BODY_IN_MEMORY,
                clear_untrusted_proxy_headers=False,
                channel_request_lookahead=1,  # notices that a client disconnects while its request is served
            )
        except BaseException:
            self._triggers = self._find_triggers()
            self._dispatcher.shutdown()
            self._close_sockets()
            self._close_triggers()
            raise
        self._triggers = self._find_triggers()
        for each in self._sockets.values():
            if isinstance(each, BaseWSGIServer):
                each.channel_class = _Channel
                each.adj.send_bytes = _SEND_BYTES  # as an adjustment it is deprecated

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
            elif isinstance(each, _Channel):
                each.handle_close()  # also wakes a thread that waits for the client to read
            else:
                wasyncore.dispatcher.close(each)  # a server's own close would close the trigger, too
        self._sockets.clear()
