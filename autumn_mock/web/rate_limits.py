"""Rate limits: groups of routes, each with a fixed window that the first request opens.

Counted by Flask-Limiter, on the organisation's own clock, so that time travel reaches them too.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Literal

from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.storage import Storage
from msgspec import Struct

from autumn_mock.clock import Clock
from autumn_mock.domain.version import Version

_SCHEME = "autumn-mock-clock"


#: Groups that an endpoint may name.
GroupName = Literal[
    "batch_track", "track", "check", "customer_entities_get", "events", "list_customers", "attach", "logs", "general"
]


class LimitGroup(Struct, frozen=True):
    """Endpoints that share a limit. ``per_customer``: each customer has a counter of its own."""

    name: str
    limit: RateLimitItem
    per_customer: bool = False
    #: The group that applies to versions below 2.3 instead.
    before_2_3: LimitGroup | None = None

    def at(self, version: Version) -> LimitGroup:
        """The group in a version of the API."""
        return self if self.before_2_3 is None or version >= Version.V2_3 else self.before_2_3


GROUPS: dict[GroupName, LimitGroup] = {
    "batch_track": LimitGroup("batch_track", parse("10/1 second")),
    "track": LimitGroup("track", parse("10000/1 second"), per_customer=True),
    "check": LimitGroup("check", parse("10000/1 second"), per_customer=True),
    "customer_entities_get": LimitGroup("customer_entities_get", parse("50/1 second"), per_customer=True),
    "events": LimitGroup("events", parse("5/1 second"), per_customer=True),
    "list_customers": LimitGroup(
        "list_customers",
        parse("50/1 second"),
        before_2_3=LimitGroup("list_customers_old", parse("5/1 second")),
    ),
    "attach": LimitGroup("attach", parse("30/60 second"), per_customer=True),
    "logs": LimitGroup("logs", parse("10/1 second")),
    #: Everything else, and what is not served.
    "general": LimitGroup("general", parse("25/1 second")),
}


class LimitKey(Struct, frozen=True):
    """Who asks for what: whose counter a request is for."""

    #: Organisation and environment.
    environment: tuple[str, str]
    group: LimitGroup
    customer: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """What the counter is known by."""
        org, env = self.environment
        return (org, env, self.group.name, *([self.customer or "undefined"] if self.group.per_customer else []))


class LimitResult(Struct, frozen=True):
    """What a limit says of one request. ``reset`` is in whole seconds, None when the window is over."""

    allowed: bool
    limit: int
    window: int
    remaining: int
    reset: int | None

    def headers(self) -> dict[str, str]:
        """The headers that tell a client about it."""
        headers = {
            "ratelimit-limit": str(self.limit),
            "ratelimit-policy": f"{self.limit};w={self.window}",
            "ratelimit-remaining": str(self.remaining),
        }
        if self.reset:
            headers["ratelimit-reset"] = str(self.reset)
        if not self.allowed:
            headers["retry-after"] = str(self.reset or self.window)
        return headers


class ClockStorage(Storage):
    """Counters in memory whose windows pass on the clock of the organisation that a key names."""

    STORAGE_SCHEME = [_SCHEME]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: object) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        clock_of = options["clock_of"]
        assert callable(clock_of)
        self._clock_of: Callable[[str], Clock] = clock_of
        self._lock = threading.Lock()
        #: Key to (hits, end of the window in ms).
        self._windows: dict[str, tuple[int, int]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def _now(self, key: str) -> int:
        return self._clock_of(key.split("/")[1]).now()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = self._now(key)
        with self._lock:
            hits, ends_at = self._windows.get(key, (0, 0))
            if now >= ends_at or now < ends_at - expiry * 1000:  # over, or the clock was set back
                hits, ends_at = 0, now + int(expiry * 1000)
            self._windows[key] = (hits + amount, ends_at)
            return hits + amount

    def get(self, key: str) -> int:
        hits, ends_at = self._windows.get(key, (0, 0))
        return hits if self._now(key) < ends_at else 0

    def get_expiry(self, key: str) -> float:
        return self._windows.get(key, (0, 0))[1] / 1000

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)

    def clear_of(self, org: str, env: str | None = None) -> int:
        """Forget the windows of an organisation, or of one environment of it."""
        with self._lock:
            gone = [key for key in self._windows if key.split("/")[1] == org and env in (None, key.split("/")[2])]
            for key in gone:
                del self._windows[key]
            return len(gone)


class RateLimits:
    """Asks Flask-Limiter about each request."""

    def __init__(self, app: Flask, clock_of: Callable[[str], Clock], batch_limit: str) -> None:
        self.enabled = batch_limit != "off"
        self._batch_limit = parse(batch_limit) if self.enabled else None
        self._clock_of = clock_of
        limiter = Limiter(
            lambda: "",
            storage_uri=f"{_SCHEME}://",
            storage_options={"clock_of": clock_of},  # type: ignore[dict-item]  # our own storage takes a callable
            strategy="fixed-window",
        )
        # One that stands there already gets no hooks. They look for the decorators of the view, of its blueprint and of
        # the application, and there are none: which limit holds depends on the version, and on rules.
        app.extensions.setdefault("limiter", set()).add(limiter)
        limiter.init_app(app)
        self._limiter = limiter.limiter
        storage = limiter.storage
        assert isinstance(storage, ClockStorage)
        self.storage = storage

    def hit(self, asked: LimitKey, instead: str | None = None) -> LimitResult:
        """Count a request and say whether it may pass; ``instead``: another limit than its group's."""
        limit = parse(instead) if instead is not None else self._limit_of(asked.group)
        allowed = self._limiter.hit(limit, *asked.names)
        ends_at, remaining = self._limiter.get_window_stats(limit, *asked.names)
        left = ends_at - self._clock_of(asked.environment[0]).now() / 1000
        return LimitResult(
            allowed=allowed,
            limit=limit.amount,
            window=limit.get_expiry(),
            remaining=int(remaining),
            reset=math.ceil(left) if left > 0 else None,
        )

    def exhausted(self, asked: LimitKey) -> LimitResult:
        """What a request is told when its limit is used up, and its window has just begun."""
        limit = self._limit_of(asked.group)
        window = limit.get_expiry()
        return LimitResult(allowed=False, limit=limit.amount, window=window, remaining=0, reset=window)

    def _limit_of(self, group: LimitGroup) -> RateLimitItem:
        return self._batch_limit if group.name == "batch_track" and self._batch_limit else group.limit
