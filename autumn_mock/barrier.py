"""A barrier between requests and changes that replace an organisation's data."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from autumn_mock.locks import Level, new_lock
from autumn_mock.parking import spare_thread

#: Seconds to wait for requests that are inside when the barrier closes.
DRAIN_TIMEOUT_S = 10.0

_log = logging.getLogger("autumn_mock")


class RequestBarrier:
    """Counts the requests inside, per organisation; while it is closed to one, no request of it is inside.

    The readers of a readers-writer lock are the requests, the writer is :meth:`closed`. May be used from any thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(new_lock(Level.BARRIER))
        #: How many times it is closed to an organisation, by its id; None: to all of them.
        self._closed: Counter[str | None] = Counter()
        #: Requests inside, by organisation.
        self._inside: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<RequestBarrier {'closed' if self._closed else 'open'}, {sum(self._inside.values())} inside>"

    def enter(self, org_id: str) -> None:
        """Wait until the barrier is open, and count as inside until :meth:`leave`. Nothing slow belongs in between.

        Raises :class:`~autumn_mock.parking.TooManyWaiting`.
        """
        with self._changed:
            if not self._is_closed(org_id):
                self._inside[org_id] += 1
                return
        with spare_thread(), self._changed:
            self._changed.wait_for(lambda: not self._is_closed(org_id))
            self._inside[org_id] += 1

    def _is_closed(self, org_id: str) -> bool:
        return bool(self._closed) and (org_id in self._closed or None in self._closed)

    def leave(self, org_id: str) -> None:
        """No longer count as inside."""
        with self._changed:
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
    def closed(self, org_id: str | None = None, timeout: float = DRAIN_TIMEOUT_S) -> Iterator[None]:
        """Close the barrier to an organisation, or to all, for the block. Requests that arrive meanwhile wait.

        Requests inside are finished first. After ``timeout`` seconds the block runs although some are still inside, and
        a warning is logged. Must not be called from inside.
        """
        with self._changed:
            self._closed[org_id] += 1
            if not self._changed.wait_for(lambda: not self._count(org_id), timeout):
                _log.warning(
                    "%s requests of %s did not finish within %s s; its data is replaced while they run",
                    self._count(org_id),
                    org_id or "all organisations",
                    timeout,
                )
        try:
            yield
        finally:
            with self._changed:
                self._closed[org_id] -= 1
                if not self._closed[org_id]:
                    del self._closed[org_id]
                self._changed.notify_all()

    def _count(self, org_id: str | None) -> int:
        return sum(self._inside.values()) if org_id is None else self._inside[org_id]
