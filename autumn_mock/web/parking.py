"""Letting a request wait without taking a thread from the others, and ending one without a reply."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from waitress.channel import ClientDisconnected

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Where the application leaves word for :class:`AbortMiddleware`.
_CUT = "autumn_mock.cut"
#: Seconds between two looks at whether a client is still there.
_LOOK = 0.02


class RequestParking:
    """Waits of requests. While one waits, the server has one thread more."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._waiting = 0
        self._set_threads: Callable[[int], None] = lambda _: None

    def __repr__(self) -> str:
        return f"<RequestParking: {self._waiting} waiting>"

    def attach(self, set_threads: Callable[[int], None]) -> None:
        """``set_threads(n)`` gives the server ``n`` threads more than it has by itself."""
        self._set_threads = set_threads

    @contextmanager
    def spare_thread(self) -> Iterator[None]:
        """Have one thread more inside the block."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        with self._lock:
            self._waiting += by
            if not self._stopping.is_set():
                self._set_threads(self._waiting)

    def wait(self, seconds: float | None, is_over: Callable[[], bool]) -> None:
        """Wait so long (None: without end), or until it is over, or until the server stops."""
        with self.spare_thread():
            left = seconds
            while not is_over():
                step = _LOOK if left is None else min(_LOOK, left)
                if self._stopping.wait(step):
                    return
                if left is not None:
                    left -= step
                    if left <= 0:
                        return

    def stop(self) -> None:
        """Let everybody go, for good."""
        with self._lock:
            self._stopping.set()


def client_is_gone(environ: WSGIEnvironment) -> bool:
    """Whether the client has closed its connection."""
    is_gone = environ.get("waitress.client_disconnected")
    return bool(is_gone is not None and is_gone())


def cut(environ: WSGIEnvironment, *, reset: bool) -> None:
    """End this request without a reply: with a reset of the connection, or by closing it."""
    environ[_CUT] = "reset" if reset else "close"


class AbortMiddleware:
    """WSGI middleware that does what :func:`cut` asks for."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._application(environ, start_response)
        wanted = environ.get(_CUT)
        if wanted is None:
            return body
        close = getattr(body, "close", None)
        if close is not None:
            close()
        if wanted == "reset":
            _reset_on_close(environ)
        raise ClientDisconnected  # Waitress closes the connection and writes nothing


def _reset_on_close(environ: WSGIEnvironment) -> None:
    """Have the connection end in a reset: that is what closing does when it may not linger."""
    channel: Any = getattr(environ.get("waitress.client_disconnected"), "__self__", None)
    if channel is not None and channel.connected:
        shape = "hh" if sys.platform == "win32" else "ii"
        channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(shape, 1, 0))
