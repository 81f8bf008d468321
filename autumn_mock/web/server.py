"""The socket: Waitress around the application."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import Any

import msgspec
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.trigger import trigger
from waitress.utilities import RequestEntityTooLarge

from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from autumn_mock.web.parking import RequestParking

if sys.platform != "win32":
    import resource

#: Threads that answer requests. More than workers, so that a slow answer holds up nobody.
THREADS = 8
#: File descriptors that connections leave to the rest of the process.
_OTHER_FILES = 64
_MOST_FILES = 65_536
#: Connections that are left for those who come, however many are silent.
_SPARE_CONNECTIONS = 32


class _ErrorTask(ErrorTask):
    """What Waitress refuses by itself, in Autumn's envelope."""

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
    """A connection. Where only a few more can be had, a new one takes the place of that which was silent longest."""

    error_task_class = _ErrorTask
    #: Everything that the loop looks after, by file descriptor.
    _map: dict[int, Any]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if len(self._map) > self.adj.connection_limit - _SPARE_CONNECTIONS:
            others = (each for each in self._map.values() if isinstance(each, _Channel) and each is not self)
            silent = [each for each in others if not each.requests and not each.will_close]
            if silent:
                min(silent, key=lambda each: each.last_activity).will_close = True


def _most_connections() -> int:
    """As many as the files that the process may have open leave room for."""
    if sys.platform == "win32":
        return 500  # what select takes there
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST_FILES if soft == resource.RLIM_INFINITY else max(soft - _OTHER_FILES, 64)


def allow_many_connections() -> None:
    """Let the process have as many files open as it may ask for. It is the whole process's: an embedded server does
    not touch it."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Server:
    """A bound socket that answers for an emulator. Raises :class:`OSError` when the address cannot be had."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        settings = engine.settings
        self._parking = RequestParking()
        self._sockets: dict[int, Any] = {}
        dispatcher = self._dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(THREADS)
        try:
            self._server: Any = create_server(
                create_app(engine, self._parking),
                map=self._sockets,
                _dispatcher=dispatcher,
                host=settings.host,
                port=settings.port,
                ident=None,
                connection_limit=_most_connections(),
                asyncore_use_poll=sys.platform != "win32",
                max_request_body_size=settings.max_body + 1,  # Waitress refuses a body of this size
                inbuf_overflow=8 << 20,
                clear_untrusted_proxy_headers=False,
                channel_request_lookahead=1,  # sees that a client has gone while its request is worked on
            )
        except BaseException:
            dispatcher.shutdown()
            self._triggers = self._find_triggers()
            self._close_sockets()
            self._close_triggers()
            raise
        self._triggers = self._find_triggers()
        for each in self._sockets.values():
            if isinstance(each, BaseWSGIServer):
                each.channel_class = _Channel
        self._parking.attach(lambda more: dispatcher.set_thread_count(THREADS + more))

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.engine.settings.host, self._port()
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _port(self) -> int:
        listeners = getattr(self._server, "effective_listen", None)
        if listeners:
            return int(listeners[0][1])
        bound: socket.socket = self._server.socket
        return int(bound.getsockname()[1])

    def run(self) -> None:
        """Answer requests until something raises in this thread."""
        self._server.run()

    def _find_triggers(self) -> list[Any]:
        return [each for each in self._sockets.values() if isinstance(each, trigger)]

    def _close_triggers(self) -> None:
        for each in self._triggers:
            each.close()

    def release(self) -> None:
        """Let the requests go that wait, for a fault or for the queue; from now on none waits any more."""
        self._parking.stop()
        self.engine.release()

    def stop(self) -> None:
        """Make :meth:`run` come to its end; may be called from any thread."""
        self.release()
        for each in self._triggers[:1]:  # wakes the loop
            each.pull_trigger(self._close_sockets)

    def _close_sockets(self) -> None:
        """End the loop: it runs as long as it has sockets. The triggers stay open, because whoever pulled one may still
        be writing to it."""
        for number, each in list(self._sockets.items()):
            if isinstance(each, trigger):
                del self._sockets[number]
            else:
                wasyncore.dispatcher.close(each)  # a server's own close takes the trigger with it
        self._sockets.clear()

    def close(self) -> None:
        """Let go of the sockets and of the threads. To be called when :meth:`run` has come to its end."""
        self.release()
        self._dispatcher.shutdown(cancel_pending=True, timeout=1)
        self._close_sockets()
        self._close_triggers()
