"""The socket: Waitress around the application."""

from __future__ import annotations

import socket
from typing import Any

from waitress import wasyncore
from waitress.server import create_server
from waitress.trigger import trigger

from autumn_mock.emulator import Emulator
from autumn_mock.web import create_app
from autumn_mock.web.patience import Patience

#: Threads that answer requests. More than workers, so that a slow answer holds up nobody.
THREADS = 8
#: Largest body that is read, in bytes.
MAX_BODY = 128 << 20


class Server:
    """A bound socket that answers for an emulator. Raises :class:`OSError` when the address cannot be had."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        settings = emulator.settings
        self._patience = Patience()
        self._sockets: dict[int, Any] = {}
        self._server: Any = create_server(
            create_app(emulator, self._patience),
            map=self._sockets,
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            ident=None,
            connection_limit=2000,
            asyncore_use_poll=True,
            max_request_body_size=MAX_BODY,
            inbuf_overflow=8 << 20,
            clear_untrusted_proxy_headers=False,
            channel_request_lookahead=1,  # sees that a client has gone while its request is worked on
        )
        dispatcher = self._server.task_dispatcher
        self._patience.attach(lambda more: dispatcher.set_thread_count(THREADS + more))

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.emulator.settings.host, self._port()
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

    def release(self) -> None:
        """Let the requests go that faults hold up; from now on none is held up any more."""
        self._patience.stop()

    def stop(self) -> None:
        """Make :meth:`run` come to its end; may be called from any thread."""
        self.release()
        for each in list(self._sockets.values()):
            if isinstance(each, trigger):  # wakes the loop, which ends with its last socket
                each.pull_trigger(self._close_sockets)  # type: ignore[arg-type]  # the stub's None is no argument
                return

    def _close_sockets(self) -> None:
        wasyncore.close_all(self._sockets, ignore_all=True)

    def close(self) -> None:
        """Let go of the socket and of the threads."""
        self.release()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
        self._server.close()
