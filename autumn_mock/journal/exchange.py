"""What client and server sent each other in one request: headers and bodies.

Serving a request only keeps references to what exists already. What people see is derived when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from autumn_mock.journal.secrets import masked, masked_header
from autumn_mock.wire.body import json_body

#: Bytes that are kept of a longer reply.
MAX_REPLY_KEPT = 64 << 10
#: Longer bodies of requests are kept in part.
MAX_BODY_KEPT = 1 << 20

#: What names a customer in a body, besides ``customer_id``: the id itself in calls about customers and entities.
_OWN_ID = {"customers": "customer_id", "entities": "entity_id"}


class Exchange(Struct):
    """The headers and bodies of a request; without them when the journal has dropped them."""

    #: The headers of the request, by their names in the WSGI environ.
    names: tuple[str, ...]
    values: tuple[str, ...]
    #: Masked.
    authorization: str | None
    #: Values of the path's parameters.
    path: Mapping[str, Any]
    query: str
    #: None when the journal keeps the body elsewhere, because findings need it.
    request_body: bytes | None
    replied: Iterable[tuple[str, str]]
    #: None when nothing was sent.
    reply_body: bytes | None
    #: In bytes; more than are kept of a long one.
    reply_size: int
    _subject: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Exchange, {self.size} bytes>"

    @property
    def size(self) -> int:
        """The bytes that it keeps in memory, without its request's own body where that is kept elsewhere."""
        return len(self.request_body or b"") + len(self.reply_body or b"") + sum(map(len, self.values))

    def drop(self) -> None:
        """Keep nothing but the sizes."""
        self.names = self.values = self.replied = ()
        self.authorization = None
        self.request_body = self.reply_body = None

    @property
    def request_headers(self) -> dict[str, str]:
        """The headers of the request, secrets masked."""
        names = [name.removeprefix("HTTP_").replace("_", "-").lower() for name in self.names]
        headers = {name: masked_header(name, value) for name, value in zip(names, self.values, strict=True)}
        return headers if self.authorization is None else {**headers, "authorization": self.authorization}

    @property
    def reply_headers(self) -> dict[str, str]:
        """The headers of the reply, secrets masked."""
        headers: dict[str, str] = {}
        for name, value in self.replied:
            name = name.lower()
            shown = masked_header(name, value)
            headers[name] = f"{headers[name]}, {shown}" if name in headers else shown
        return headers

    def subject(self, call: str, body: bytes | None) -> tuple[str, str]:
        """The customer and the entity that the request names in its path, its body or its query; empty if none.

        Of a batch, those of its first item.
        """
        if self._subject is None:
            sources = [self.path, _first_fields(body), dict(parse_qsl(self.query))]
            own = _OWN_ID.get(call.partition(".")[0])
            customer, entity = (
                next((found for each in sources if isinstance(found := each.get(name), str) and found), "")
                for name in ("customer_id", "entity_id")
            )
            named = sources[1].get("id") if own is not None else None
            if isinstance(named, str):
                customer, entity = (customer or named, entity) if own == "customer_id" else (customer, entity or named)
            self._subject = (customer, entity)
        return self._subject


@lru_cache(maxsize=256)
def header_names(environ: tuple[str, ...]) -> tuple[str, ...]:
    """The names of headers among those of a WSGI environ; requests of one client have the same ones."""
    return tuple(
        name
        for name in environ
        if name == "CONTENT_TYPE" or (name.startswith("HTTP_") and name != "HTTP_AUTHORIZATION")
    )


def shown_text(body: bytes | None) -> str | None:
    """A body as text, secrets masked."""
    return masked(body.decode("utf-8", "replace")) if body is not None else None


def _first_fields(body: bytes | None) -> Mapping[str, Any]:
    """The fields of a body, or of the first item of a list."""
    value = json_body(body) if body else None
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else {}
