"""The thread that delivers messages to one endpoint.

Each endpoint has a thread, so that one which hangs does not delay the others. Messages are sent in the order in which
they were queued; one that failed waits for its retry and does not delay those behind it.

It uses ``http.client`` rather than httpx: :meth:`Sender.stop` can interrupt a request by shutting its socket down,
which httpx does not expose, and it imports fewer modules. They are imported by the first delivery: a server without
endpoints starts without them.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from autumn_mock import __version__
from autumn_mock.clock import stopwatch, wall_clock
from autumn_mock.domain.webhook import WebhookEndpoint
from autumn_mock.locks import Level, new_lock
from autumn_mock.webhooks.journal import WebhookDelivery, WebhookJournal

if TYPE_CHECKING:
    from http.client import HTTPConnection

#: Seconds to wait after each failed attempt; after the last one a message is not retried.
RETRY_AFTER = (1.0, 5.0, 30.0)
#: Seconds that connecting may take, and that an attempt may take that is connected in time.
TIMEOUT = 5.0
#: Messages that may wait for one endpoint; further ones are dropped.
CAPACITY = 10_000
#: Seconds that an attempt in flight is given when the server stops.
_GRACE = 0.5

_log = logging.getLogger("autumn_mock.webhooks")


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The ``svix-signature`` of a message; ``timestamp`` in seconds."""
    import hmac
    from binascii import a2b_base64, b2a_base64

    key = a2b_base64(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{b2a_base64(digest, newline=False).decode()}"


class Sender:
    """Delivers to one endpoint. The thread starts with the first message.

    ``retry_after`` and ``timeout`` in seconds. ``seconds`` is the clock for waits.
    """

    def __init__(
        self,
        endpoint: WebhookEndpoint,
        journal: WebhookJournal,
        *,
        retry_after: Sequence[float] = RETRY_AFTER,
        timeout: float = TIMEOUT,
        capacity: int = CAPACITY,
        seconds: Callable[[], float] = stopwatch,
    ) -> None:
        self.endpoint = endpoint
        self._journal = journal
        self._retry_after = tuple(retry_after)
        self._timeout = timeout
        self._capacity = capacity
        self._seconds = seconds
        #: (due, number, delivery): a heap by due time and order of arrival.
        self._waiting: list[tuple[float, int, WebhookDelivery]] = []
        self._numbers = itertools.count()
        #: The delivery being attempted, unless it was cleared meanwhile.
        self._flying: WebhookDelivery | None = None
        self._changed = threading.Condition(new_lock(Level.SENDER))
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._connection: HTTPConnection | None = None

    def put(self, delivery: WebhookDelivery) -> None:
        """Queue a delivery; does not block."""
        self._journal.add(delivery)
        with self._changed:
            if not self._stopping and len(self._waiting) < self._capacity:
                heapq.heappush(self._waiting, (self._seconds(), next(self._numbers), delivery))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="autumn-mock-webhooks", daemon=True)
                    self._thread.start()
                self._changed.notify_all()
                return
        _log.warning("%s messages wait for %s already; dropped %s", self._capacity, self.endpoint.url, delivery.id)
        self._journal.drop(delivery, f"{self._capacity} messages were waiting already")

    def clear(self, org: str | None = None, env: str | None = None) -> None:
        """Drop what waits, and retries of what is in flight, of one environment or of all."""

        def stays(delivery: WebhookDelivery) -> bool:
            return org is not None and (delivery.org, delivery.env) != (org, env)

        with self._changed:
            self._waiting = [each for each in self._waiting if stays(each[2])]
            heapq.heapify(self._waiting)
            if self._flying is not None and not stays(self._flying):
                self._flying = None

    def stop(self) -> None:
        """End the thread. Waiting messages are not delivered; an attempt in flight is given half a second."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread = self._thread
        if thread is None:
            return
        thread.join(_GRACE)
        self._interrupt()
        thread.join(_GRACE)

    def _interrupt(self) -> None:
        """End the request that waits for its response."""
        connection = self._connection
        held = connection.sock if connection is not None else None
        if held is not None:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    # -- in the thread

    def _run(self) -> None:
        while (delivery := self._take()) is not None:
            http_status, error = self._attempt(delivery)
            is_last = delivery.attempts >= len(self._retry_after)
            if error is not None:
                _log.info("%s to %s failed: %s", delivery.id, delivery.endpoint, error)
            with self._changed:
                if error is not None and not is_last and self._flying is delivery:
                    due = self._seconds() + self._retry_after[delivery.attempts]
                    heapq.heappush(self._waiting, (due, next(self._numbers), delivery))
            self._journal.attempted(delivery, http_status, error, is_last=is_last)

    def _take(self) -> WebhookDelivery | None:
        """Wait for the next message that is due; None when the sender stops."""
        with self._changed:
            while not self._stopping:
                if not self._waiting:
                    self._changed.wait()
                    continue
                ahead = self._waiting[0][0] - self._seconds()
                if ahead <= 0:
                    self._flying = heapq.heappop(self._waiting)[2]
                    return self._flying
                self._changed.wait(ahead)
        return None

    def _attempt(self, delivery: WebhookDelivery) -> tuple[int | None, str | None]:
        """Send a message once; returns the status of the response, and why the attempt counts as failed."""
        from http.client import HTTPException

        body = msgspec.json.encode(delivery.payload)
        timestamp = wall_clock() // 1000  # real time: receivers refuse timestamps far from their own clock
        headers = {
            "content-type": "application/json",
            "user-agent": f"autumn-mock/{__version__}",
            "svix-id": delivery.id,
            "svix-timestamp": str(timestamp),
            "svix-signature": sign(self.endpoint.secret, delivery.id, timestamp, body),
        }
        connection, path = self._connect()
        self._connection = connection
        began = stopwatch()
        deadline: threading.Timer | None = None
        try:
            connection.connect()
            # The connection's time-out is for each read: a receiver that sends a byte now and then never reaches it.
            deadline = threading.Timer(max(self._timeout - (stopwatch() - began), 0), self._interrupt)
            deadline.daemon = True
            deadline.start()
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status
            if stopwatch() - began >= self._timeout:  # headers that the deadline cut off pass as whole ones
                raise TimeoutError
        except (OSError, HTTPException, ValueError) as error:
            if stopwatch() - began >= self._timeout:
                return None, f"TimeoutError: timed out, no whole response within {self._timeout} s"
            return None, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        finally:
            if deadline is not None:
                deadline.cancel()
            self._connection = None
            connection.close()
        return status, None if 200 <= status < 300 else f"answered {status}"

    def _connect(self) -> tuple[Any, str]:
        """A connection that is not open yet, and the path of the endpoint."""
        from http.client import HTTPConnection, HTTPSConnection
        from urllib.parse import urlsplit

        parts = urlsplit(self.endpoint.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return kind(parts.hostname or "", parts.port, timeout=self._timeout), path
