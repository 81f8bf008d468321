"""A client that makes load: some connections, requests built beforehand, replies read with little parsing.

Runs as a process of its own (:func:`main`): a :class:`Plan` comes in through standard input, a :class:`Report` goes out
through standard output. What a reply took is counted from the first byte sent to the last one read.
"""

from __future__ import annotations

import gc
import heapq
import pickle
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field

#: The second that timestamps lie in, for :attr:`Plan.stamped`.
SECOND = b"1000000007"
_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = b"content-length:"
_CHUNKED = b"transfer-encoding: chunked"
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Plan:
    """What to send. Without a ``rate`` each connection sends its next request as soon as it has its reply."""

    port: int
    #: Sent in turn.
    requests: list[bytes]
    connections: int = 8
    #: Ends after this number of requests, or of seconds.
    count: int | None = None
    seconds: float | None = None
    #: Requests a second, sent when they are due however long replies take.
    rate: float | None = None
    #: Whether to put the second before the present one in the place of :data:`SECOND`.
    stamped: bool = False
    #: Status to how many seconds later the request is sent again; such a reply counts as no answer.
    again: dict[int, float] = field(default_factory=dict)
    keeps_bodies: bool = False


@dataclass
class Report:
    """The results. All times are of the monotonic clock, which the processes of a machine share."""

    started: float = 0.0
    ended: float = 0.0
    #: What the generator itself used of a core (s).
    cpu: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    #: How long each reply took (ms), and when it was there.
    latencies: list[float] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    #: How long after it was due each reply was there (ms), when there is a rate.
    since_due: list[float] = field(default_factory=list)
    #: How often a request had to be sent again.
    resent: int = 0
    bodies: list[bytes] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first request to the last reply."""
        return self.ended - self.started

    @property
    def per_second(self) -> float:
        """Replies a second."""
        return len(self.moments) / self.seconds

    @property
    def ceiling(self) -> float:
        """Replies a second that a core of its own would let the generator take at most."""
        return len(self.moments) / self.cpu

    @property
    def share_of_core(self) -> float:
        """How much of a core the generator used."""
        return self.cpu / self.seconds


@dataclass
class _Job:
    """One request on its way."""

    number: int
    due: float


class _Connection:
    __slots__ = ("events", "inbox", "job", "outbox", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.events = selectors.EVENT_READ
        self.inbox = bytearray()
        self.outbox = memoryview(b"")
        self.job = _Job(0, 0.0)
        self.sent_at = 0.0


class _Run:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.report = Report()
        self.selector = selectors.DefaultSelector()
        self.free: deque[_Connection] = deque()
        self.busy = 0
        self.issued = 0
        self.put_off: list[tuple[float, int, _Job]] = []
        for _ in range(plan.connections):
            connection = _Connection(plan.port)
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
            self.free.append(connection)

    def run(self) -> Report:
        report, now = self.report, time.monotonic()
        report.started = now
        cpu = time.process_time()
        while True:
            while self.free and (job := self._next(now)) is not None:
                self._begin(self.free.popleft(), job, now)
            wait = self._wait(now)
            if wait is None and not self.busy:
                break
            for key, events in self.selector.select(wait if self.free else None):
                if events & selectors.EVENT_WRITE:
                    self._send(key.data)
                if events & selectors.EVENT_READ:
                    self._read(key.data)
            now = time.monotonic()
        report.cpu = time.process_time() - cpu
        report.ended = max(report.moments, default=now)
        return report

    # -- what is next

    def _due(self) -> float | None:
        """When the next request is due that was not sent yet; None when there is none any more."""
        plan, began = self.plan, self.report.started
        due = began + self.issued / plan.rate if plan.rate is not None else 0.0
        if plan.count is not None and self.issued >= plan.count:
            return None
        if plan.seconds is not None and max(due, time.monotonic()) >= began + plan.seconds:
            return None
        return due

    def _next(self, now: float) -> _Job | None:
        if self.put_off and self.put_off[0][0] <= now:
            return heapq.heappop(self.put_off)[2]
        due = self._due()
        if due is None or due > now:
            return None
        job = _Job(self.issued, due)
        self.issued += 1
        return job

    def _wait(self, now: float) -> float | None:
        """Seconds until something is due; None when nothing will be."""
        times = [each for each in (self._due(), self.put_off[0][0] if self.put_off else None) if each is not None]
        return max(min(times) - now, 0.0) if times else None

    # -- one request

    def _begin(self, connection: _Connection, job: _Job, now: float) -> None:
        data = self.plan.requests[job.number % len(self.plan.requests)]
        if self.plan.stamped:
            data = data.replace(SECOND, b"%010d" % (int(time.time()) - 1))
        connection.job = job
        connection.outbox = memoryview(data)
        connection.sent_at = now
        self.busy += 1
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.outbox)
        except BlockingIOError:
            sent = 0
        connection.outbox = connection.outbox[sent:]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.outbox else 0)
        if connection.events != events:
            connection.events = events
            self.selector.modify(connection.socket, events, connection)

    def _read(self, connection: _Connection) -> None:
        data = connection.socket.recv(1 << 18)
        assert data, "the server closed a connection"
        inbox = connection.inbox
        inbox += data
        head = inbox.find(_HEAD_ENDS)
        if head < 0:
            return
        place = inbox[:head].lower().find(_LENGTH)
        if place >= 0:
            length = int(inbox[place + len(_LENGTH) : head].split(b"\r\n", 1)[0])
            if len(inbox) < head + len(_HEAD_ENDS) + length:
                return
        else:
            assert _CHUNKED in inbox[:head].lower(), f"a reply without a length: {bytes(inbox[:head])!r}"
            if not inbox.endswith(_LAST_CHUNK):
                return
        self._end(connection, int(inbox[9:12]), bytes(inbox[head + len(_HEAD_ENDS) :]))
        inbox.clear()

    def _end(self, connection: _Connection, status: int, body: bytes) -> None:
        now, report, job = time.monotonic(), self.report, connection.job
        self.busy -= 1
        self.free.append(connection)
        report.statuses[status] = report.statuses.get(status, 0) + 1
        pause = self.plan.again.get(status)
        if pause is not None:
            report.resent += 1
            heapq.heappush(self.put_off, (now + pause, job.number, job))
            return
        report.latencies.append((now - connection.sent_at) * 1000)
        report.moments.append(now)
        if self.plan.rate is not None:
            report.since_due.append((now - job.due) * 1000)
        if self.plan.keeps_bodies:
            report.bodies.append(body)


def main() -> None:
    """Do what standard input says."""
    plan: Plan = pickle.load(sys.stdin.buffer)
    gc.disable()  # a collection would be measured as a pause
    report = _Run(plan).run()
    pickle.dump(report, sys.stdout.buffer)
