"""What is known of one request under /v1 while it passes through the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Request as HttpRequest
from flask import g, request
from msgspec import Struct

from autumn_mock.clock import stopwatch
from autumn_mock.domain.organisation import ApiKey
from autumn_mock.store.environment import Environment

if TYPE_CHECKING:
    from autumn_mock.web.rate_limits import LimitResult
    from autumn_mock.web.request import Request
    from autumn_mock.web.request_faults import RequestFaults


class RequestContext(Struct):
    """Filled from the first hook to the last. What is None was not reached."""

    #: Flask's request itself: reading through its proxy costs more than what is read.
    http: HttpRequest
    #: When it came, in seconds of :data:`~autumn_mock.clock.stopwatch`.
    started: float
    key: ApiKey | None = None
    environment: Environment | None = None
    incoming: Request | None = None
    strikes: RequestFaults | None = None
    verdict: LimitResult | None = None
    #: The idempotency key of the request's header.
    claimed: str | None = None
    #: The organisation whose gate it passed.
    inside: str | None = None
    #: What is worth telling a person: see :class:`~autumn_mock.journal.requests.RequestEntry`.
    note: str | None = None

    @property
    def env(self) -> str:
        """The environment that errors name."""
        return self.key.env if self.key is not None else "sandbox"


def begin_request() -> RequestContext:
    """The passage of the request that Flask has just begun to serve."""
    http: HttpRequest = request._get_current_object()  # type: ignore[attr-defined]  # Werkzeug's proxies have it
    passage = g.passage = RequestContext(http, stopwatch())
    return passage


def current() -> RequestContext:
    """The passage of the request that this thread serves."""
    passage: RequestContext | None = g.get("passage")
    return passage if passage is not None else begin_request()  # a request that is not for the API
