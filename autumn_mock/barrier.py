"""What requests pass through, so that what an organisation holds can be replaced between two of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds that are given to those inside before they no longer count.
DRAIN_TIMEOUT_S = 10.0


class RequestBarrier:
    """Lets everybody through, except while it is closed to an organisation, or to all. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        #: How often it is closed to an organisation, by its id; None: to all of them.
        self._closed: Counter[str | None] = Counter()
        #: How many are inside of each organisation.
        self._inside: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<RequestBarrier {'closed' if self._closed else 'open'}, {sum(self._inside.values())} inside>"

    def enter(self, org_id: str) -> None:
        """Go in, once it is open. Whoever went in has to :meth:`leave`, and waits for nothing slow inside."""
        with self._lock:
            while self._closed and (org_id in self._closed or None in self._closed):
                self._changed.wait()
            self._inside[org_id] += 1

    def leave(self, org_id: str) -> None:
        """Go out."""
        with self._lock:
            self._inside[org_id] -= 1
            if not self._inside[org_id]:
                del self._inside[org_id]
                if self._closed:
                    self._changed.notify_all()

    @contextmanager
    def passed(self, org_id: str) -> Iterator[None]:
        """Be inside for the block."""
        self.enter(org_id)
        try:
            yield
        finally:
            self.leave(org_id)

    @contextmanager
    def closed(self, org_id: str | None = None, parking: float = DRAIN_TIMEOUT_S) -> Iterator[None]:
        """Nobody of an organisation, or nobody at all, is inside during the block; those who come meanwhile wait.

        Those who are inside go on first, for ``parking`` seconds at most. Not to be used by one of them.
        """
        with self._lock:
            self._closed[org_id] += 1
            self._changed.wait_for(lambda: not (self._inside if org_id is None else self._inside[org_id]), parking)
        try:
            yield
        finally:
            with self._lock:
                self._closed[org_id] -= 1
                if not self._closed[org_id]:
                    del self._closed[org_id]
                self._changed.notify_all()
