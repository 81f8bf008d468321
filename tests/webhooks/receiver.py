"""An endpoint for tests: an HTTP server that keeps what it receives and answers with a given status."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

from svix.webhooks import Webhook

from autumn_mock.domain.webhook import DEFAULT_SECRET

#: Seconds that a message may take to arrive before a test fails.
TIMEOUT = 20.0


class Received(NamedTuple):
    """One request; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    def verify(self, secret: str = DEFAULT_SECRET) -> Any:
        """The payload, if Svix's own library finds the signature right."""
        Webhook(secret).verify(self.body, self.headers)
        return self.payload


class Receiver:
    """Answers with ``statuses`` one by one, then 204. A ``held`` one answers nothing until it is let go."""

    def __init__(self, statuses: Iterable[int] = (), *, held: bool = False, port: int = 0) -> None:
        self._statuses = list(statuses)
        self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self.let_go = threading.Event()
        if not held:
            self.let_go.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver._received.put(Received(self.path, headers, body))
                receiver.let_go.wait(TIMEOUT)
                self.send_response(receiver._statuses.pop(0) if receiver._statuses else 204)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a sender that was stopped hangs up

        self._server = Quiet(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?from=autumn"

    def get(self) -> Received:
        """The next request, waited for."""
        return self._received.get(timeout=TIMEOUT)

    def take(self, count: int) -> list[Received]:
        """The next few requests, waited for."""
        return [self.get() for _ in range(count)]

    @property
    def is_empty(self) -> bool:
        """Whether everything that was received was read."""
        return self._received.empty()

    def close(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def free_port() -> int:
    """A port without a listener."""
    with Receiver() as receiver:
        return receiver.port
