"""The declaration of an endpoint: everything about one call of the API, in one place beside its handler.

Routing, rate limits, publishable keys, scopes, validation, the OpenAPI document and the names that fault rules use are
all derived from it. The modules of :mod:`autumn_mock.web.resources` are searched for endpoints:
:data:`autumn_mock.web.resources.registry.ENDPOINTS` has them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from msgspec import Struct

from autumn_mock.domain.version import Version
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.rate_limits import GROUPS, GroupName, LimitGroup
from autumn_mock.wire.answer import Success
from autumn_mock.wire.schema import Object, Params, Schema, schema_of
from autumn_mock.wire.versions import traits_of

T = TypeVar("T")
P = TypeVar("P")
Q = TypeVar("Q", bound=Params)


class PagedSchema(Struct, Generic[T], frozen=True):
    """The request schema of a list that some versions page by cursor, and others by offset."""

    by_cursor: Schema[T]
    by_offset: Schema[T]


#: What a request is parsed to: a class of parameters, a schema, or a schema by version.
Requests = type[P] | Schema[P] | PagedSchema[P]


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
    #: Called with the request and the parsed body (or query, where no body is declared).
    handler: Callable[..., Answer]
    #: A key needs any one of these.
    scopes: tuple[str, ...]
    limit: LimitGroup
    #: Whether the session that the path names is all that a caller needs: see :mod:`autumn_mock.web.authentication`.
    keyless: bool
    #: The routes that publishable keys may call.
    public: tuple[str, ...]
    request: Schema | PagedSchema[Any] | None
    query: Object[Any] | None
    #: Parses a body that its schema alone cannot parse; ``request`` then only documents it.
    parser: Callable[[RequestContext], Any] | None
    #: Whether the journal keeps the bodies: findings are made from them.
    journals_body: bool
    #: Whether the call never had a shape older than :data:`~autumn_mock.wire.versions.FIXED_SHAPE`.
    fixed_shape: bool
    #: The struct of a successful answer, by status; None: it leads to another address.
    answers: Mapping[int, Any]

    def request_at(self, version: Version) -> Schema | None:
        """The schema of the body in a version of the API."""
        request = self.request
        if isinstance(request, PagedSchema):
            return request.by_cursor if traits_of(version).pages_by_cursor else request.by_offset
        return request


if TYPE_CHECKING:
    from typing_extensions import Required, TypedDict, Unpack

    class Declaration(TypedDict, total=False):
        """The fields of :class:`Endpoint` that have a default, and the scopes."""

        scopes: Required[str | tuple[str, ...]]
        limit: GroupName
        keyless: bool
        public: tuple[str, ...]
        journals_body: bool
        fixed_shape: bool
        answers: Any


@overload
def endpoint(
    *routes: str,
    request: Requests[P],
    query: type[Params] | None = None,
    parser: Callable[[RequestContext], P] | None = None,
    **declaration: Unpack[Declaration],
) -> Callable[[Callable[[RequestContext, P], Answer]], Endpoint]: ...
@overload
def endpoint(
    *routes: str, query: type[Q], **declaration: Unpack[Declaration]
) -> Callable[[Callable[[RequestContext, Q], Answer]], Endpoint]: ...
@overload
def endpoint(
    *routes: str, **declaration: Unpack[Declaration]
) -> Callable[[Callable[[RequestContext], Answer]], Endpoint]: ...
def endpoint(
    *routes: str,
    scopes: str | tuple[str, ...],
    limit: GroupName = "general",
    keyless: bool = False,
    public: tuple[str, ...] = (),
    request: Any = None,
    query: type[Params] | None = None,
    parser: Callable[[RequestContext], Any] | None = None,
    journals_body: bool = False,
    fixed_shape: bool = False,
    answers: Any = Success,
) -> Callable[[Callable[..., Answer]], Endpoint]:
    """Declare an endpoint; the decorated handler is replaced by the declaration.

    The arguments are the fields of :class:`Endpoint`. ``answers`` is a struct, for status 200, or structs by status.
    """

    def declare(handler: Callable[..., Answer]) -> Endpoint:
        name = _name(routes[0])
        return Endpoint(
            name=name,
            names=frozenset([name, *(_path(route) for route in routes)]),
            routes=routes,
            handler=handler,
            scopes=(scopes,) if isinstance(scopes, str) else scopes,
            limit=GROUPS[limit],
            keyless=keyless,
            public=public,
            request=schema_of(request) if isinstance(request, type) else request,
            query=None if query is None else schema_of(query),
            parser=parser,
            journals_body=journals_body,
            fixed_shape=fixed_shape,
            answers=answers if isinstance(answers, Mapping) else {200: answers},
        )

    return declare


def _path(route: str) -> str:
    """The path of a route without the version prefix."""
    return route.split(" ")[1].removeprefix("/v1").removeprefix("/")


def _name(route: str) -> str:
    method, path = route.split(" ")
    words = re.sub(r"[^A-Za-z0-9.]+", "_", _path(route)).strip("_")
    return words if method == "POST" and "<" not in path else f"{method.lower()}_{words}"
