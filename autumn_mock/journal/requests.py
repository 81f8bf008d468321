"""The journal: the last requests of each environment."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from autumn_mock.domain.event import Deduction
from autumn_mock.journal.bodies import Item, RequestBody
from autumn_mock.journal.exchange import Exchange, shown_text
from autumn_mock.journal.secrets import masked_query
from autumn_mock.journal.unknown_keys import unknown_key
from autumn_mock.locks import Level, new_lock

T = TypeVar("T")

#: How many requests of one environment are kept.
CAPACITY = 1000
#: Bytes of headers and bodies that are kept of one environment; older requests are kept without. Bodies that findings
#: are made from have at least half of it.
BODY_CAPACITY = 16 << 20

#: Whose requests are those that could not be authenticated.
NO_ENVIRONMENT = ("", "")

#: The outcome of a reply: sent unchanged; sent whole, but changed by a fault; truncated or withheld by a fault; sent
#: after the client had disconnected.
ReplyStatus = Literal["sent", "altered", "lost", "not_awaited"]

#: Seconds after which an impatient client gives up on a reply, at the earliest.
_CLIENT_TIMEOUT_S = 0.05


#: Fields that are not shown.
_INTERNAL = {"content", "exchange", "parsed_customer", "deducted", "received", "replied", "refusals"}


class RequestEntry(Struct, frozen=True, kw_only=True):
    """One request and its outcome."""

    #: Increases in the order in which requests were completed.
    id: int
    #: Message ids are made of it (:func:`~autumn_mock.domain.message.message_ids`). Empty before authentication.
    request_id: str = ""
    #: When it was received, on the organisation's clock (ms).
    at: int
    #: When it was received, in seconds of a monotonic clock.
    received: float
    #: When its reply was ready, on the same clock.
    replied: float
    #: ``POST``, ``GET`` ...
    method: str
    #: The path without the query.
    path: str
    #: The canonical name of the call (``balances.batch_track``); empty for a route that does not exist.
    call: str = ""
    #: The status that the client received; None when a fault withheld the reply.
    status: int | None
    #: The status that the service decided; None when a fault replied in its place.
    service_status: int | None
    #: How long the reply took, in ms.
    duration_ms: float
    #: The id of the organisation; empty without a known key.
    org: str = ""
    #: ``sandbox`` or ``live``; empty without a known key.
    env: str = ""
    #: The customer of the parsed request; see :attr:`customer_id`.
    parsed_customer: str = ""
    #: The message of an error.
    message: str | None = None
    #: The header ``x-api-version``; None without it.
    api_version: str | None = None
    #: Of the body, in bytes.
    size: int = 0
    #: How many items were offered to the queue; None for calls that do not queue.
    items: int | None = None
    #: How many of its items the queue refused; None for calls that do not queue.
    refused: int | None = None
    #: Index to reason of the refused items.
    refusals: Mapping[int, str] = {}
    #: The fault rules that were triggered, as written.
    faults: tuple[str, ...] = ()
    #: What became of the reply: see :data:`ReplyStatus`.
    reply: ReplyStatus = "sent"
    #: The seconds of the reply's Retry-After.
    retry_after: float | None = None
    #: An explanation for people, such as that the route does not exist here.
    note: str | None = None
    #: Of an answered page of a list: the cursor or the offset that asks for the following one; None after the last.
    next_page: str | None = None
    #: The client's own id of the request: its ``x-request-id``.
    correlation_id: str = ""
    #: What the call itself deducted; its queued items are deducted later.
    deducted: Sequence[Deduction] = ()
    #: The body, for calls that record usage; None when the journal has dropped it.
    content: RequestBody | None = None
    #: Headers and the bodies of other calls; None when the journal has dropped them.
    exchange: Exchange | None = None

    @property
    def unknown_key(self) -> str | None:
        """The masked secret key of a request, if it opens no organisation."""
        return unknown_key(self.org, self.message)

    @property
    def body(self) -> bytes | None:
        """The body as it was sent, the beginning of a very long one; None when the journal has dropped it."""
        if self.content is not None:
            return self.content.raw
        return self.exchange.request_body if self.exchange is not None else None

    @property
    def reply_body(self) -> bytes | None:
        """The reply's body, the beginning of a long one; None when nothing was sent, or the journal has dropped it."""
        return self.exchange.reply_body if self.exchange is not None else None

    @property
    def customer_id(self) -> str:
        """The customer that the request names, whether or not it was handled; of a batch, that of its first item."""
        return self.parsed_customer or self._subject[0]

    @property
    def entity_id(self) -> str:
        """The entity that it names."""
        return self._subject[1]

    @property
    def _subject(self) -> tuple[str, str]:
        return self.exchange.subject(self.call, self.body) if self.exchange is not None else ("", "")

    @property
    def sent(self) -> Sequence[Item]:
        """The items of the body, as far as it is kept."""
        return self.content.items if self.content is not None else ()

    @property
    def signature(self) -> Hashable:
        """Equal for requests with the same call and the same items or body; None when the body is not kept."""
        return self.content.signature if self.content is not None else None

    def summary(self) -> dict[str, Any]:
        """All fields but headers and bodies, and those for internal use."""
        shown = {name: value for name, value in asdict(self).items() if name not in _INTERNAL}
        shown["customer_id"], shown["entity_id"] = self.customer_id, self.entity_id
        shown["query"] = masked_query(self.exchange.query) if self.exchange is not None else ""
        shown["reply_size"] = self.exchange.reply_size if self.exchange is not None else 0
        return shown

    def whole(self) -> dict[str, Any]:
        """All fields. Secrets are masked; a body is null when the journal has dropped it, or may have been cut."""
        exchange, body, reply = self.exchange, self.body, self.reply_body
        return {
            **self.summary(),
            "request_headers": exchange.request_headers if exchange is not None else {},
            "request_body": shown_text(body),
            "request_body_cut": body is not None and len(body) < self.size,
            "reply_headers": exchange.reply_headers if exchange is not None else {},
            "reply_body": shown_text(reply),
            "reply_body_cut": reply is not None and exchange is not None and len(reply) < exchange.reply_size,
        }

    @property
    def is_accepted(self) -> bool:
        """Whether the service accepted the request, whatever its client received."""
        return self.service_status in (200, 202)

    @property
    def has_taken(self) -> bool:
        """Whether its items were queued, deducted or granted; faults may have refused some of them."""
        return self.is_accepted and (self.call != "balances.check" or bool(self.deducted))

    @property
    def is_answered(self) -> bool:
        """Whether the client received a whole reply."""
        return self.status is not None and self.reply in ("sent", "altered")

    @property
    def is_known_accepted(self) -> bool:
        """Whether the client received a reply of success."""
        return self.is_answered and self.status is not None and 200 <= self.status < 300

    @property
    def ended(self) -> float:
        """When the request ended for its client, on the clock of ``received``.

        A client without a reply gave up at an unknown time, often long before the reply was ready.
        """
        return self.replied if self.is_answered else min(self.replied, self.received + _CLIENT_TIMEOUT_S)

    def follows(self, earlier: RequestEntry) -> bool:
        """Whether it was sent after another one had ended; if not, they ran concurrently."""
        return self.received >= earlier.ended

    def waited(self, earlier: RequestEntry) -> float:
        """Seconds from the reply of another request to this one, by the monotonic clock or the organisation's,
        whichever is more: moving the clock counts as waiting."""
        return max(self.received - earlier.replied, (self.at - earlier.at) / 1000)


Listener = Callable[[RequestEntry], None]


class _Kept:
    """The requests of one environment."""

    def __init__(self, capacity: int) -> None:
        self.entries: deque[RequestEntry] = deque(maxlen=capacity)
        #: The ids of the entries that still have a body, with its size, oldest first.
        self.bodies: deque[tuple[int, int]] = deque()
        #: The exchanges that are still kept, with the ids of their entries and their sizes, oldest first.
        self.exchanges: deque[tuple[int, int, Exchange]] = deque()
        self.body_bytes = self.exchange_bytes = 0
        #: Increases with each change.
        self.version = 0
        #: What was derived from the entries, and from which version.
        self.derived: tuple[int, Any] | None = None


class RequestJournal:
    """The last requests of each environment. Thread-safe."""

    def __init__(self, capacity: int = CAPACITY, body_capacity: int = BODY_CAPACITY) -> None:
        self._capacity = capacity
        self._body_capacity = body_capacity
        self._lock = new_lock(Level.REQUEST_JOURNAL)
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._numbers = itertools.count(1)
        self._listeners: tuple[Listener, ...] = ()
        #: How many requests were added, those that were dropped since included.
        self.count = 0

    def __repr__(self) -> str:
        return f"<RequestJournal {len(self)} requests>"

    def __len__(self) -> int:
        with self._lock:
            return sum(len(kept.entries) for kept in self._kept.values())

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with each request that is added from now on, in the thread of the request.

        It must be quick, and must not raise.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def next_id(self) -> int:
        """An id for a request."""
        return next(self._numbers)

    def add(self, entry: RequestEntry) -> None:
        """Add a request, and drop the oldest requests and bodies beyond the capacities."""
        with self._lock:
            kept = self._kept.setdefault((entry.org, entry.env), _Kept(self._capacity))
            kept.version += 1
            self.count += 1
            kept.entries.append(entry)
            if entry.content is not None:
                kept.bodies.append((entry.id, len(entry.content.raw)))
                kept.body_bytes += len(entry.content.raw)
            if entry.exchange is not None:
                size = entry.exchange.size
                kept.exchanges.append((entry.id, size, entry.exchange))
                kept.exchange_bytes += size
            self._drop_oldest(kept)
        for listener in self._listeners:
            listener(entry)

    def amend(self, entry: RequestEntry, **changes: Any) -> None:
        """Change fields of a request, unless it has been dropped."""
        with self._lock:
            kept = self._kept.get((entry.org, entry.env))
            for index, each in enumerate(kept.entries if kept is not None else ()):
                if each.id == entry.id and kept is not None:
                    kept.version += 1
                    kept.entries[index] = replace(each, **changes)
                    return

    def _drop_oldest(self, kept: _Kept) -> None:
        """Drop what belongs to entries that are gone, and the oldest beyond the capacity."""
        first, most = kept.entries[0].id, self._body_capacity
        while kept.exchanges and kept.exchanges[0][0] < first:
            _drop_exchange(kept)
        while kept.bodies and kept.bodies[0][0] < first:
            kept.body_bytes -= kept.bodies.popleft()[1]
        while kept.body_bytes + kept.exchange_bytes > most:
            if kept.exchange_bytes > most // 2 or not kept.bodies:
                _drop_exchange(kept)
            else:
                number, size = kept.bodies.popleft()
                kept.body_bytes -= size
                _without_body(kept.entries, number)

    def entries(self, name: tuple[str, str] | None = None) -> list[RequestEntry]:
        """The requests of one environment, or all, oldest first."""
        with self._lock:
            if name is not None:
                return list(self._kept[name].entries) if name in self._kept else []
            every = [entry for kept in self._kept.values() for entry in kept.entries]
        return sorted(every, key=lambda entry: entry.id)

    def unknown_keys(self, since: float = 0) -> Counter[str]:
        """The masked keys that open no organisation, and how many requests used them since (on the stopwatch)."""
        keys = (entry.unknown_key for entry in self.entries(NO_ENVIRONMENT) if entry.received >= since)
        return Counter(key for key in keys if key is not None)

    def version(self, name: tuple[str, str]) -> int:
        """A number that changes whenever the requests of an environment do."""
        with self._lock:
            kept = self._kept.get(name)
            return kept.version if kept is not None else 0

    def derived(self, name: tuple[str, str], make: Callable[[Sequence[RequestEntry]], T]) -> T:
        """The result of ``make`` for the requests of an environment, cached until they change.

        ``make`` must be the same function in all calls. It runs without the lock.
        """
        with self._lock:
            kept = self._kept.get(name, _Kept(0))
            if kept.derived is not None and kept.derived[0] == kept.version:
                result: T = kept.derived[1]
                return result
            version, entries = kept.version, list(kept.entries)
        result = make(entries)
        kept.derived = (version, result)
        return result

    def clear(self, name: tuple[str, str] | None = None) -> int:
        """Drop the requests of one environment, or all; returns how many there were."""
        with self._lock:
            dropped = [self._kept.pop(each) for each in list(self._kept) if name in (None, each)]
            return sum(len(kept.entries) for kept in dropped)


def _drop_exchange(kept: _Kept) -> None:
    _, size, exchange = kept.exchanges.popleft()
    kept.exchange_bytes -= size
    exchange.drop()


def _without_body(entries: deque[RequestEntry], number: int) -> None:
    """Drop the body of the entry with an id. It is among the oldest, so the search is short."""
    for index, entry in enumerate(entries):
        if entry.id == number:
            entries[index] = replace(entry, content=None)
            return
