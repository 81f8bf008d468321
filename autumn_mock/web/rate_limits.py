"""Rate limits (contract 10): groups of endpoints, each with a fixed window that the first request opens.

Flask-Limiter counts the requests. It is asked by a decorated function, from within the dispatch of a request, because a
limit depends on the version and the fault rules of the request and is applied after authentication. Windows are
measured on the organisation's own clock, so that moving that clock ends them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

from flask import Flask
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse
from limits.storage import Storage
from msgspec import Struct

from autumn_mock.domain.version import Version
from autumn_mock.locks import Level, new_lock
from autumn_mock.settings import DEFAULT_RATE_LIMIT
from autumn_mock.store.environment import Environment
from autumn_mock.web.context import RequestContext
from autumn_mock.wire.versions import traits_of

if TYPE_CHECKING:
    from autumn_mock.web.request_faults import RequestFaults

#: Groups that an endpoint may name.
GroupName = Literal[
    "batch_track",
    "track",
    "check",
    "customer_entities_get",
    "events",
    "list_customers",
    "list_customers_old",
    "attach",
    "checkouts",
    "logs",
    "general",
]


class LimitGroup(Struct, frozen=True):
    """Endpoints that share a limit. ``per_customer``: each customer (of a public page: each session) has a counter of
    its own."""

    name: str
    #: In Flask-Limiter's notation.
    limit: str
    per_customer: bool = False

    def at(self, version: Version) -> LimitGroup:
        """The group in a version of the API."""
        return GROUPS[traits_of(version).list_limit_group] if self.name == "list_customers" else self


GROUPS: dict[GroupName, LimitGroup] = {
    "batch_track": LimitGroup("batch_track", DEFAULT_RATE_LIMIT),
    "track": LimitGroup("track", "10000/1 second", per_customer=True),
    "check": LimitGroup("check", "10000/1 second", per_customer=True),
    "customer_entities_get": LimitGroup("customer_entities_get", "50/1 second", per_customer=True),
    "events": LimitGroup("events", "5/1 second", per_customer=True),
    "list_customers": LimitGroup("list_customers", "50/1 second"),
    "list_customers_old": LimitGroup("list_customers_old", "5/1 second"),
    "attach": LimitGroup("attach", "30/60 second", per_customer=True),
    #: Public pages, counted by session.
    "checkouts": LimitGroup("checkouts", "10/60 second", per_customer=True),
    "logs": LimitGroup("logs", "10/1 second"),
    #: Everything else, and routes that are not served.
    "general": LimitGroup("general", "25/1 second"),
}


#: Paths of batches that are not served, and are counted as such.
_BATCH_PATHS = {"/v1/balances/batch_track", "/v1/balances/batch_track_tokens"}


def _unserved(path: str) -> LimitGroup:
    """The group of a path that is not served."""
    return GROUPS["batch_track" if path in _BATCH_PATHS else "general"]


#: Windows that are kept per environment: one for each group, and for each customer in the groups that count customers.
MOST_WINDOWS = 10_000


class TooManyRequests(Exception):
    """The request exceeds its rate limit."""


class LimitResult(Struct, frozen=True):
    """The state of a limit after a request: ``window`` and ``reset`` in seconds, ``reset`` None when it is over."""

    allowed: bool
    limit: int
    window: int
    remaining: int
    reset: int | None

    def headers(self) -> list[tuple[str, str]]:
        """The headers that report the limit to the client (contract 10)."""
        headers = [
            ("ratelimit-limit", str(self.limit)),
            ("ratelimit-policy", f"{self.limit};w={self.window}"),
            ("ratelimit-remaining", str(self.remaining)),
        ]
        if self.reset:
            headers.append(("ratelimit-reset", str(self.reset)))
        if not self.allowed:
            headers.append(("retry-after", str(self.reset or self.window)))
        return headers


class _Hit(Struct, frozen=True):
    """What Flask-Limiter is asked about."""

    environment: Environment
    group: str
    #: In Flask-Limiter's notation.
    limit: str
    #: The counter within the group.
    key: str


#: The hit that this thread has Flask-Limiter count.
_CURRENT: ContextVar[_Hit | None] = ContextVar("autumn_mock.rate_limit", default=None)


def _current() -> _Hit:
    hit = _CURRENT.get()
    assert hit is not None  # only set while RateLimits counts
    return hit


class ClockStorage(Storage):
    """Counters in memory, by environment. Windows end on the clock of the environment of the current hit."""

    STORAGE_SCHEME = ["autumn-mock-clock"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._lock = new_lock(Level.RATE_LIMITS)
        #: Environment to key to (hits, end of the window in ms).
        self._windows: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def window(self, key: str) -> tuple[int, int]:
        """The hits that a window has counted, and its end (ms)."""
        return self._windows.get(_current().environment.name, {}).get(key, (0, 0))

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        environment = _current().environment
        now = environment.clock.now()
        with self._lock:
            windows = self._windows.setdefault(environment.name, {})
            hits, ends_at = windows.get(key, (0, 0))
            if now >= ends_at or now < ends_at - expiry * 1000:  # over, or the clock was set back
                hits, ends_at = 0, now + int(expiry * 1000)
            windows[key] = (hits + amount, ends_at)
            if len(windows) > MOST_WINDOWS:
                self._drop_windows(windows, now)
            return hits + amount

    @staticmethod
    def _drop_windows(windows: dict[str, tuple[int, int]], now: int) -> None:
        """Drop the windows that are over, and then the oldest, until half as many as may be kept are left."""
        for key in [key for key, (_, ends_at) in windows.items() if now >= ends_at]:
            del windows[key]
        for key in list(windows)[: max(len(windows) - MOST_WINDOWS // 2, 0)]:
            del windows[key]

    def get(self, key: str) -> int:
        hits, ends_at = self.window(key)
        return hits if _current().environment.clock.now() < ends_at else 0

    def get_expiry(self, key: str) -> float:
        return self.window(key)[1] / 1000

    def check(self) -> bool:
        return True

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.get(_current().environment.name, {}).pop(key, None)

    def reset(self) -> int:
        return self.forget(None)

    def forget(self, name: tuple[str, str] | None) -> int:
        """Forget the windows of one environment, or (None) all. Returns how many there were."""
        with self._lock:
            removed = list(self._windows) if name is None else [name] if name in self._windows else []
            return sum(len(self._windows.pop(each)) for each in removed)


class RateLimits:
    """Applies the rate limits.

    ``batch_limit`` is the limit of ``batch_track`` in Flask-Limiter's notation; ``off`` disables all limits.
    """

    def __init__(self, batch_limit: str) -> None:
        self._is_enabled = batch_limit != "off"
        self._batch_limit = batch_limit if self._is_enabled else GROUPS["batch_track"].limit
        self._limiter = Limiter(
            lambda: _current().key,
            # An application of its own: on the one that serves, the limiter would add hooks to every request that find
            # nothing to limit. They cost a tenth of a call.
            app=Flask("autumn_mock.rate_limits"),
            storage_uri=f"{ClockStorage.STORAGE_SCHEME[0]}://",
            strategy="fixed-window",
            request_identifier=lambda: _current().group,
        )
        storage = self._limiter.storage
        assert isinstance(storage, ClockStorage)
        self._storage = storage

        @self._limiter.limit(lambda: _current().limit)
        def hit() -> None:
            """Count the current hit. Raises :class:`RateLimitExceeded`."""

        self._hit: Callable[[], None] = hit

    def forget(self, name: tuple[str, str] | None) -> int:
        """Forget the windows of one environment, or (None) all. Returns how many there were."""
        return self._storage.forget(name)

    def apply(self, request: RequestContext, faults: RequestFaults) -> None:
        """Count a request and set its ``limit``. Fault rules may replace or exhaust the limit.

        Raises :class:`TooManyRequests`.
        """
        environment, endpoint = request.call.environment, request.endpoint
        group = (endpoint.limit if endpoint is not None else _unserved(request.http.path)).at(request.call.version)
        is_batch = group.name == "batch_track"
        armed = faults.limit(is_batch=is_batch)
        limit = self._batch_limit if is_batch else group.limit
        if armed is not None and armed.replacement is None:
            request.limit = _exhausted(limit)
        elif armed is not None or self._is_enabled:
            owner = request.path.get("checkout_id") or request.customer_id or "undefined"
            customer = (owner,) if group.per_customer else ()
            key = "/".join((*environment.name, *customer))
            hit = _Hit(environment, group.name, (armed.replacement if armed is not None else None) or limit, key)
            request.limit = self._count(hit)
            if armed is not None and not request.limit.allowed:
                faults.limit_refused(armed)
        if request.limit is not None and not request.limit.allowed:
            raise TooManyRequests

    def _count(self, hit: _Hit) -> LimitResult:
        token = _CURRENT.set(hit)
        try:
            with suppress(RateLimitExceeded):
                self._hit()
            limit = self._limiter.current_limit
            assert limit is not None
            hits, ends_at = self._storage.window(limit.key)
            left = ends_at - hit.environment.clock.now()
            return LimitResult(
                allowed=not limit.breached,
                limit=limit.limit.amount,
                window=limit.limit.get_expiry(),
                remaining=max(limit.limit.amount - hits, 0),
                reset=math.ceil(left / 1000) if left > 0 else None,
            )
        finally:
            _CURRENT.reset(token)


def _exhausted(limit: str) -> LimitResult:
    """A limit that is used up and whose window has just begun."""
    item = parse(limit)
    window = item.get_expiry()
    return LimitResult(allowed=False, limit=item.amount, window=window, remaining=0, reset=window)
