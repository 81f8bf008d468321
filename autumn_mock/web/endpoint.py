"""The declaration of an endpoint: everything about one call of the API, in one place beside its handler.

Routing, rate limits, publishable keys, scopes, validation, the OpenAPI document and the names that fault rules use are
all derived from it. Every endpoint is listed in :data:`autumn_mock.web.resources.ENDPOINTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec import Struct

from autumn_mock.domain.version import Version
from autumn_mock.web.context import Handler
from autumn_mock.web.rate_limits import GROUPS, GroupName, LimitGroup
from autumn_mock.wire.responses.shapes import SUCCESS
from autumn_mock.wire.schema import Schema


class VersionedSchema(Struct, frozen=True):
    """A request schema that changed: ``newest`` applies since version ``since``, ``older`` before."""

    newest: Schema
    since: Version
    older: Schema

    def at(self, version: Version) -> Schema:
        """The schema that a version uses."""
        return self.newest if version >= self.since else self.older


class Endpoint(Struct, frozen=True):
    """One call of the API.

    ``routes`` are ``METHOD /path`` texts, the canonical one first, the others being aliases.
    """

    #: The canonical path without the version prefix: ``balances.track``. Where the path contains a parameter, or the
    #: method is not POST, with the method: ``get_customers_customer_id``.
    name: str
    #: The name, and the path of every route without the version prefix: what a fault rule's ``route`` may be.
    names: frozenset[str]
    routes: tuple[str, ...]
    handler: Handler
    #: A key needs any one of these.
    scopes: tuple[str, ...]
    limit: LimitGroup
    #: The routes that publishable keys may call.
    public: tuple[str, ...]
    request: Schema | VersionedSchema | None
    query: Schema | None
    #: Whether the handler reads the body's bytes; ``request`` then only documents it.
    reads_raw: bool
    #: Whether the journal keeps the bodies: findings are made from them.
    journals_body: bool
    #: The schema of a successful answer, by status.
    answers: Mapping[int, Schema]

    def request_at(self, version: Version) -> Schema | None:
        """The schema of the body in a version of the API."""
        return self.request.at(version) if isinstance(self.request, VersionedSchema) else self.request


def endpoint(
    *routes: str,
    scopes: str | tuple[str, ...],
    limit: GroupName = "general",
    public: tuple[str, ...] = (),
    request: Schema | VersionedSchema | None = None,
    query: Schema | None = None,
    reads_raw: bool = False,
    journals_body: bool = False,
    answers: Schema | Mapping[int, Schema] = SUCCESS,
) -> Callable[[Handler], Endpoint]:
    """Declare an endpoint; the decorated handler is replaced by the declaration.

    The arguments are the fields of :class:`Endpoint`. ``answers`` may be one schema, for status 200.
    """

    def declare(handler: Handler) -> Endpoint:
        name = _name(routes[0])
        return Endpoint(
            name=name,
            names=frozenset([name, *(route.split(" ")[1].removeprefix("/v1/") for route in routes)]),
            routes=routes,
            handler=handler,
            scopes=(scopes,) if isinstance(scopes, str) else scopes,
            limit=GROUPS[limit],
            public=public,
            request=request,
            query=query,
            reads_raw=reads_raw,
            journals_body=journals_body,
            answers={200: answers} if isinstance(answers, Schema) else answers,
        )

    return declare


def _name(route: str) -> str:
    method, path = route.split(" ")
    words = re.sub(r"[^A-Za-z0-9.]+", "_", path.removeprefix("/v1/")).strip("_")
    return words if method == "POST" and "<" not in path else f"{method.lower()}_{words}"
