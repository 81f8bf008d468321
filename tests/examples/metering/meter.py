"""A metering client for Autumn. It collects usage, sends it in batches, and neither loses nor doubles any of it.

    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=10) as http:
        meter = Meter(http)
        meter.record("cus_123", "messages", 3)
        meter.flush()

Copy it; it needs nothing but httpx. What it keeps to:

- A batch that was accepted (2xx) is never sent again.
- 429 and 503 say that nothing was taken: the same items are sent again, no sooner than ``Retry-After`` says.
- A broken connection, a timeout, a 500, 502 or 504 say nothing at all. So each item has an idempotency key, which it
  keeps: should it have been taken, the second one is dropped.
- Any other reply is an answer to the items themselves. They are not sent again, but handed back.
- What cannot be delivered raises. Nothing is dropped in silence.
"""

from __future__ import annotations

import email.utils
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx

Item = dict[str, Any]

#: As many items as Autumn takes at once.
BATCH_SIZE = 1000
#: Seconds before the second try. They are doubled with each one that follows, up to the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class MeteringError(Exception):
    """Usage that was not accepted, and why."""

    def __init__(self, why: str, items: list[Item]) -> None:
        super().__init__(f"{len(items)} items were not accepted: {why}")
        self.items = items


class Unavailable(MeteringError):
    """Every try failed. The items are still in the meter; the next flush begins with them."""


class Refused(MeteringError):
    """Autumn refuses these items. They were removed from the meter: correct them, or raise an alert."""


class Meter:
    """Collects usage, and sends it in :meth:`flush`. Any thread may record; one at a time may flush."""

    #: Replies after which the same items are sent again.
    retried = frozenset({429, 500, 502, 503, 504})

    def __init__(
        self,
        http: httpx.Client,
        *,
        tries: int = 8,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._tries = tries
        self._sleep = sleep
        self._now = now
        self._items: list[Item] = []

    @property
    def pending(self) -> int:
        """How many items wait to be sent."""
        return len(self._items)

    def record(self, customer_id: str, feature_id: str, value: float = 1) -> None:
        """Remember a use, with the time of it and a key of its own."""
        item = {"customer_id": customer_id, "feature_id": feature_id, "value": value}
        self._items.append({**item, "timestamp": int(self._now() * 1000), "idempotency_key": uuid.uuid4().hex})

    def flush(self) -> None:
        """Send everything that was recorded. Raises :class:`Unavailable` or :class:`Refused`."""
        while batch := self._items[:BATCH_SIZE]:
            try:
                self._deliver(batch)
            except Refused:
                del self._items[: len(batch)]
                raise
            del self._items[: len(batch)]

    def _deliver(self, batch: list[Item]) -> None:
        """Send a batch until it is accepted."""
        why = ""
        for attempt in range(self._tries):
            wait = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1)
            try:
                reply = self._post(batch)
            except httpx.TransportError as error:
                why = repr(error)
            else:
                if reply.is_success:
                    return
                why = f"{reply.status_code} {reply.text}"
                if reply.status_code not in self.retried:
                    raise Refused(why, batch)
                wait = max(wait, self._asked_to_wait(reply))
            if attempt + 1 < self._tries:
                self._sleep(wait)
        raise Unavailable(f"{why}, after {self._tries} tries", batch)

    def _post(self, batch: list[Item]) -> httpx.Response:
        return self._http.post("/v1/balances.batch_track", json=batch)

    def _asked_to_wait(self, reply: httpx.Response) -> float:
        """The seconds that a reply asks for, whether it writes them as a number or as a date."""
        value = reply.headers.get("retry-after", "")
        if value.isdigit():
            return float(value)
        try:
            return email.utils.parsedate_to_datetime(value).timestamp() - self._now()
        except ValueError:
            return 0.0
