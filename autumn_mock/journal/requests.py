"""The requests that came in, newest last, kept for each environment by itself."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from autumn_mock.locks import Level, new_lock

#: How many requests of one environment are remembered.
CAPACITY = 1000
#: Bytes of bodies that are kept of one environment; of requests before those only the body is forgotten.
BODY_CAPACITY = 16 << 20

#: What became of a reply: sent as the service meant it; changed by a fault but whole; cut off, or never sent, by a
#: fault; sent to a client that had gone.
ReplyStatus = Literal["sent", "altered", "lost", "not_awaited"]

_NOWHERE = ("", "")


class RequestEntry(Struct, frozen=True, kw_only=True):
    """One request and what became of it."""

    #: Rises in the order in which requests were finished.
    id: int
    #: What the items of the request are known by: the message of a batch's item is ``{request_id}-{index}``, that of
    #: a single track the id itself. Empty when the request did not get past authentication.
    request_id: str = ""
    #: When it came, on the organisation's clock (ms).
    at: int
    #: When it came and when its reply was ready, in seconds of a clock that nobody moves; only their differences mean
    #: something.
    received: float
    replied: float
    method: str
    path: str
    #: The canonical name of the call (``balances.batch_track``); empty for a route that does not exist.
    call: str = ""
    #: What the client was told; None when a fault kept the reply.
    status: int | None
    #: What the service itself decided; None when a fault came before it.
    service_status: int | None
    #: In milliseconds.
    duration_ms: float
    org: str = ""
    env: str = ""
    api_version: str | None = None
    #: Of the body, in bytes.
    size: int = 0
    #: Items offered, and how many of them were refused, for calls that queue.
    items: int | None = None
    refused: int | None = None
    #: Index to reason of the refused items.
    refusals: Mapping[int, str] = {}
    #: The rules that fired, as they were written.
    faults: tuple[str, ...] = ()
    reply: ReplyStatus = "sent"
    #: Seconds that the reply asked the client to wait; None when it did not ask.
    retry_after: float | None = None
    #: What is worth telling a person: a route that does not exist here, for one.
    note: str | None = None
    #: The request's body, of calls that record usage, as long as there is room for it.
    body: bytes | None = None

    def summary(self) -> dict[str, Any]:
        """Everything but the body and the times that mean nothing to others."""
        shown = asdict(self)
        for name in ("body", "received", "replied", "refusals"):
            del shown[name]
        return shown


class _Kept:
    """The requests of one environment."""

    def __init__(self, capacity: int) -> None:
        self.entries: deque[RequestEntry] = deque(maxlen=capacity)
        #: Numbers of the entries that still have a body, with its size, oldest first.
        self.bodies: deque[tuple[int, int]] = deque()
        self.body_bytes = 0


class RequestJournal:
    """The last requests of each environment. May be used from any thread."""

    def __init__(self, capacity: int = CAPACITY, body_capacity: int = BODY_CAPACITY) -> None:
        self._capacity = capacity
        self._body_capacity = body_capacity
        self._lock = new_lock(Level.REQUEST_JOURNAL)
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        return f"<RequestJournal {len(self)} requests>"

    def __len__(self) -> int:
        with self._lock:
            return sum(len(kept.entries) for kept in self._kept.values())

    def next_id(self) -> int:
        """A number for a request."""
        return next(self._numbers)

    def add(self, entry: RequestEntry) -> None:
        """Remember a request."""
        with self._lock:
            kept = self._kept.setdefault((entry.org, entry.env), _Kept(self._capacity))
            kept.entries.append(entry)
            if entry.body is not None:
                kept.bodies.append((entry.id, len(entry.body)))
                kept.body_bytes += len(entry.body)
                self._forget_bodies(kept)

    def amend(self, entry: RequestEntry, **changes: Any) -> None:
        """Say something else of a request than was said when it was added; nothing if it is forgotten."""
        with self._lock:
            kept = self._kept.get((entry.org, entry.env))
            for index, each in enumerate(kept.entries if kept is not None else ()):
                if each.id == entry.id and kept is not None:
                    kept.entries[index] = replace(each, **changes)
                    return

    def _forget_bodies(self, kept: _Kept) -> None:
        first = kept.entries[0].id
        while kept.bodies and (kept.body_bytes > self._body_capacity or kept.bodies[0][0] < first):
            number, size = kept.bodies.popleft()
            kept.body_bytes -= size
            if number >= first:
                _without_body(kept.entries, number)

    def entries(self, name: tuple[str, str] | None = None) -> list[RequestEntry]:
        """The requests of one environment, or all, oldest first."""
        with self._lock:
            if name is not None:
                return list(self._kept[name].entries) if name in self._kept else []
            every = [entry for kept in self._kept.values() for entry in kept.entries]
        return sorted(every, key=lambda entry: entry.id)

    def clear(self, name: tuple[str, str] | None = None) -> int:
        """Forget the requests of one environment, or all; says how many."""
        with self._lock:
            gone = [self._kept.pop(each) for each in list(self._kept) if name in (None, each)]
            return sum(len(kept.entries) for kept in gone)


def _without_body(entries: deque[RequestEntry], number: int) -> None:
    """Take the body from the entry with a number. Entries with bodies are near the old end, so the search is short."""
    for index, entry in enumerate(entries):
        if entry.id == number:
            entries[index] = replace(entry, body=None)
            return
