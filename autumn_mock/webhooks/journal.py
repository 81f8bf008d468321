"""The deliveries that were queued, newest last, and their state."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict

from autumn_mock.domain.webhook import WebhookType
from autumn_mock.locks import Level, new_lock
from autumn_mock.parking import wait_for

#: Deliveries that are kept.
CAPACITY = 1000

Status = Literal["pending", "delivered", "failed", "dropped", "recorded"]


class WebhookDelivery(Struct, eq=False):
    """One message to one endpoint. Only the journal changes it."""

    #: The ``svix-id``: the same at all endpoints, and at every attempt.
    id: str
    #: When it was queued (ms), by the organisation's clock.
    at: int
    #: The id of the organisation.
    org: str
    #: ``sandbox`` or ``live``.
    env: str
    #: What happened, such as ``balances.limit_reached``.
    type: WebhookType
    #: The URL; empty without one.
    endpoint: str
    #: The body: ``type`` and ``data``.
    payload: dict[str, Any]
    #: The id of the request, or of the queued message, that led to it; empty for what time did.
    cause: str = ""
    #: ``dropped`` if the queue was full, ``recorded`` without an endpoint, ``failed`` after the last attempt.
    status: Status = "pending"
    #: How often it was sent.
    attempts: int = 0
    #: Of the last response; None if there was none.
    http_status: int | None = None
    #: Why the last attempt failed.
    error: str | None = None


class WebhookJournal:
    """The last deliveries, and which of them were not attempted yet. May be used from any thread."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: deque[WebhookDelivery] = deque(maxlen=capacity)
        self._released = False
        #: Increases with each change.
        self.version = 0
        self._unattempted: set[WebhookDelivery] = set()
        self._changed = threading.Condition(new_lock(Level.WEBHOOK_JOURNAL))

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, delivery: WebhookDelivery) -> None:
        """Add a delivery that waits for its first attempt."""
        with self._changed:
            self.version += 1
            self._entries.append(delivery)
            self._unattempted.add(delivery)

    def record(self, delivery: WebhookDelivery) -> None:
        """Add a message that is not sent."""
        with self._changed:
            self.version += 1
            self._entries.append(delivery)
            self._changed.notify_all()

    def drop(self, delivery: WebhookDelivery, why: str) -> None:
        """Mark a delivery as dropped before its first attempt."""
        with self._changed:
            delivery.status, delivery.error = "dropped", why
            self._settle(delivery)

    def attempted(
        self, delivery: WebhookDelivery, http_status: int | None, error: str | None, *, is_last: bool
    ) -> None:
        """Record an attempt, successful without an ``error``. ``is_last``: it is not retried."""
        with self._changed:
            delivery.attempts += 1
            delivery.http_status, delivery.error = http_status, error
            if error is None:
                delivery.status = "delivered"
            elif is_last:
                delivery.status = "failed"
            self._settle(delivery)

    def _settle(self, delivery: WebhookDelivery) -> None:
        self.version += 1
        self._unattempted.discard(delivery)
        self._changed.notify_all()

    def wait_attempted(
        self,
        timeout: float,
        org: str | None = None,
        env: str | None = None,
        is_abandoned: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait at most ``timeout`` seconds until every delivery, or one environment's, was attempted once.

        It ends soon after ``is_abandoned()``, too.
        """
        with self._changed:
            wait_for(
                self._changed,
                lambda: self._released or not self._count_unattempted(org, env),
                timeout,
                is_abandoned,
            )
            return not self._count_unattempted(org, env)

    def wait_found(
        self, find: Callable[[WebhookDelivery], bool], timeout: float, org: str, env: str
    ) -> WebhookDelivery | None:
        """The first delivery of an environment that ``find`` chooses; waits at most ``timeout`` seconds for one."""
        found: list[WebhookDelivery] = []

        def has_found() -> bool:
            own = (each for each in self._entries if (each.org, each.env) == (org, env))
            found[:] = [first] if (first := next(filter(find, own), None)) is not None else []
            return bool(found) or self._released

        with self._changed:
            wait_for(self._changed, has_found, timeout, lambda: False)
            return next(iter(found), None)

    def delivered(self, org: str, env: str) -> list[WebhookDelivery]:
        """The messages of one environment that an endpoint accepted."""
        with self._changed:
            own = (each for each in self._entries if (each.org, each.env) == (org, env))
            return [each for each in own if each.status == "delivered"]

    def release(self) -> None:
        """End all waits, now and later."""
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def unattempted(self, org: str | None = None, env: str | None = None) -> int:
        """The number of deliveries that wait for their first attempt."""
        with self._changed:
            return self._count_unattempted(org, env)

    def _count_unattempted(self, org: str | None, env: str | None) -> int:
        return sum(org is None or (each.org, each.env) == (org, env) for each in self._unattempted)

    def entries(self, org: str | None = None, env: str | None = None) -> list[dict[str, Any]]:
        """The deliveries of one environment, or all, oldest first."""
        with self._changed:
            return [asdict(each) for each in self._entries if org is None or (each.org, each.env) == (org, env)]

    def deliveries(self, org: str, env: str) -> list[WebhookDelivery]:
        """The deliveries of one environment themselves, oldest first."""
        with self._changed:
            return [each for each in self._entries if (each.org, each.env) == (org, env)]

    def find(self, message_id: str, org: str | None = None, env: str | None = None) -> list[WebhookDelivery]:
        """The deliveries of a message, of one environment or any."""
        with self._changed:
            found = [each for each in self._entries if each.id == message_id]
        return [each for each in found if org is None or (each.org, each.env) == (org, env)]

    def clear(self, org: str | None = None, env: str | None = None) -> int:
        """Delete the deliveries of one environment, or all; returns how many."""

        def goes(each: WebhookDelivery) -> bool:
            return org is None or (each.org, each.env) == (org, env)

        with self._changed:
            self.version += 1
            kept = [each for each in self._entries if not goes(each)]
            dropped = len(self._entries) - len(kept)
            self._entries.clear()
            self._entries.extend(kept)
            self._unattempted = {each for each in self._unattempted if not goes(each)}
            self._changed.notify_all()
            return dropped
