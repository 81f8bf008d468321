"""The state of one request under ``/v1``, and what its handler returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from flask import Request
from msgspec import Struct

from autumn_mock.domain.event import Deduction
from autumn_mock.domain.organisation import ApiKey
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.journal.bodies import Parsed
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Environment
from autumn_mock.wire.answer import Body, Success
from autumn_mock.wire.body import json_body
from autumn_mock.wire.requests.track import TrackTokens
from autumn_mock.wire.versions import upgraded

if TYPE_CHECKING:
    from autumn_mock.engine import Engine
    from autumn_mock.web.endpoint import Endpoint
    from autumn_mock.web.rate_limits import LimitResult
    from autumn_mock.web.request_faults import RequestFaults


#: The key of the environ with the URL of this server, if the name in the request is not its own.
BASE_URL = "autumn_mock.base_url"


def server_url(http: Request) -> str:
    """The URL of this server as the client of a request has it, without a slash at the end."""
    found = http.environ.get(BASE_URL)
    return found if isinstance(found, str) else http.host_url.rstrip("/")


class RequestContext(Struct):
    """One request, from its receipt to its journal entry.

    :mod:`autumn_mock.web.dispatch` runs the steps that set the fields, in the order of the comments below. A field has
    its default until its step has run.
    """

    # Received
    engine: Engine
    http: Request
    #: ``METHOD /path`` as the endpoint declares it.
    route: str
    #: None for a route that is not served.
    endpoint: Endpoint | None
    #: Values of the path's parameters.
    path: dict[str, str]
    raw: bytes
    #: Seconds of :data:`~autumn_mock.clock.stopwatch`.
    started: float

    # Authenticated
    key: ApiKey | None = None
    environment: Environment | None = None
    request_id: str = ""
    #: The organisation's time (ms); read again when the request enters the barrier.
    now: int = 0
    #: Query parameters: lists and booleans as the real server reads them.
    query: dict[str, Any] = {}
    #: Fault rules of this request's own header.
    once: Sequence[ArmedRule] = ()
    faults: RequestFaults | None = None

    # Version negotiated
    _call: Call | None = None

    # Rate limit applied
    limit: LimitResult | None = None

    # Idempotency-Key claimed
    idempotency_key: str | None = None

    # Barrier entered
    #: The organisation whose barrier the request has to leave.
    barrier_of: str | None = None

    # Validated
    #: What to show in full; the body's ``expand`` wins over the query's.
    expand: Sequence[str] = ()
    #: The query as its schema parses it, where the endpoint declares one.
    parsed_query: Any = None
    #: What the handler takes besides the request: the parsed body, or the parsed query, or nothing.
    params: tuple[Any, ...] = ()

    # Handled
    #: Items offered to the queue, and how many of them it refused; None for calls that do not queue.
    items: int | None = None
    refused: int | None = None
    #: An explanation for the journal: see :class:`~autumn_mock.journal.requests.RequestEntry`.
    note: str | None = None
    #: What asks for the page after the answered one.
    next_page: str | None = None

    _json: Any = None
    _is_parsed: bool = False

    @property
    def deducted(self) -> Sequence[Deduction]:
        """What the call deducted at once."""
        return self._call.effects.deductions if self._call is not None else ()

    @property
    def call(self) -> Call:
        """The call that operations take. Available after version negotiation."""
        assert self._call is not None
        return self._call

    @call.setter
    def call(self, call: Call) -> None:
        self._call = call

    def add_note(self, text: str) -> None:
        """Add an explanation for the journal and the log."""
        self.note = text if self.note is None else f"{self.note}; {text}"

    def header(self, name: str) -> str | None:
        """A request header, by its name in the WSGI environ (``X_API_VERSION``); Flask's lookup raises for a miss."""
        value: str | None = self.http.environ.get(f"HTTP_{name}")
        return value

    @property
    def json(self) -> Any:
        """The body as JSON, parsed on first use; ``{}`` for a body that is not JSON."""
        if not self._is_parsed:
            self._json = json_body(self.raw)
            self._is_parsed = True
        return self._json

    @property
    def fields(self) -> dict[str, Any]:
        """The body's fields; none when it is not an object."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def customer_id(self) -> str | None:
        """The customer that rate limits count by: from the path, the body or the query (contract 10)."""
        for source in (self.path, self.fields, self.query):
            found = source.get("customer_id")
            if found:
                return found if isinstance(found, str) else None
        return None

    @property
    def expanded(self) -> list[str]:
        """What to include in full: what the request asks for, and what its version always includes."""
        return [*self.expand, *self.call.traits.expands]

    @property
    def base_url(self) -> str:
        """The URL of this server as the client has it, without a slash at the end."""
        return server_url(self.http)

    @property
    def version(self) -> Version:
        """The negotiated version; the newest one before that."""
        return self._call.version if self._call is not None else Version.NEWEST

    @property
    def parsed_items(self) -> Parsed | None:
        """The parsed body of a call that records usage; None before validation, and for other calls."""
        parsed = self.params[0] if self.params else None
        if isinstance(parsed, (TrackItem, TrackTokens)):
            return (parsed,)
        return parsed if isinstance(parsed, list) else None

    @property
    def newest_json(self) -> Any:
        """The body as JSON, as the newest version spells it. Available after version negotiation."""
        name = self.endpoint.name if self.endpoint is not None else ""
        return upgraded(name, self.json, self.call.version)


class Answer(Struct, frozen=True):
    """The answer of a handler: a body in the newest shape, which is sent in the shape of the request's version; or the
    ``location`` that a client is led to (303)."""

    body: Body | None = None
    status: int = 200
    location: str = ""


SUCCESS = Answer(Success())


def read_query(raw: bytes) -> dict[str, Any]:
    """Query parameters as the real server reads them (contract 1.1 step 12): comma-separated values and repeated names
    make a list, ``true`` and ``false`` are booleans."""
    if not raw:
        return {}
    found: dict[str, Any] = {}
    for name, text in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"):
        values: list[Any] = [{"true": True, "false": False}.get(part, part) for part in text.split(",")]
        name = name.removesuffix("[]")
        if name in found:
            known = found[name]
            found[name] = [*known, *values] if isinstance(known, list) else [known, *values]
        else:
            found[name] = values if len(values) > 1 else values[0]
    return found
