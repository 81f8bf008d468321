"""Declaring what a resource can do: routes, scopes, schemas and the function that answers.

A resource is a Flask blueprint. Each operation goes through the same steps: scope, query, body, handler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Blueprint, Response, g
from msgspec import Struct

from autumn_mock.domain.version import Version
from autumn_mock.operations.errors import ApiError
from autumn_mock.web.context import RequestContext
from autumn_mock.web.replies import json_reply
from autumn_mock.web.request import Answer, Handler, Request
from autumn_mock.wire.changes import to_version
from autumn_mock.wire.responses.shapes import SUCCESS
from autumn_mock.wire.schema import Schema, parse

#: A schema, or how to choose one by version.
Body = Schema | Callable[[Version], Schema]

#: Scopes that hold every other one.
_META_SCOPES = {"admin", "owner", "superuser"}


class Operation(Struct, frozen=True):
    """One call of the API: where it is served, who may call it, what it takes."""

    routes: tuple[str, ...]
    handler: Handler
    #: Any one of these opens it.
    scopes: tuple[str, ...]
    body: Body | None
    query: Schema | None
    #: Whether the handler reads the raw bytes itself.
    reads_raw: bool
    #: What it answers when all is well, by status.
    answers: Mapping[int, Schema]

    @property
    def name(self) -> str:
        """The canonical path without the version prefix: ``balances.track``. Of a path that names its subject, or that
        is only read or deleted, also the method: ``get_customers_customer_id``."""
        method, path = self.routes[0].split(" ")
        words = re.sub(r"[^A-Za-z0-9.]+", "_", path.removeprefix("/v1/")).strip("_")
        return words if method == "POST" and "<" not in path else f"{method.lower()}_{words}"


#: Every operation that any resource declared.
OPERATIONS: list[Operation] = []


class Names(NamedTuple):
    """What a call is known by."""

    #: Empty for what is not served.
    canonical: str
    #: That, and its paths without the version prefix.
    every: frozenset[str]


_NO_ONE = Names("", frozenset())
#: By Flask's endpoint.
_NAMES: dict[str, Names] = {}


def names_of(endpoint: str | None) -> Names:
    """The names of the call behind one of Flask's endpoints."""
    return _NAMES.get(endpoint or "", _NO_ONE)


def aliases() -> dict[str, frozenset[str]]:
    """Canonical name to all names of each call."""
    return {names.canonical: names.every for names in _NAMES.values()}


def every_call() -> list[str]:
    """The names that a rule may use for its route, sorted."""
    return sorted({name for names in _NAMES.values() for name in names.every})


class Resource:
    """Operations that belong together, as a blueprint."""

    def __init__(self, name: str) -> None:
        self.blueprint = Blueprint(name, __name__)

    def operation(
        self,
        *routes: str,
        scopes: str | tuple[str, ...],
        body: Body | None = None,
        query: Schema | None = None,
        reads_raw: bool = False,
        answers: Schema | Mapping[int, Schema] = SUCCESS,
    ) -> Callable[[Handler], Handler]:
        """Serve a handler under ``METHOD /path`` routes, the canonical one first.

        ``answers`` describes what it answers when all is well.
        """

        def register(handler: Handler) -> Handler:
            wanted = (scopes,) if isinstance(scopes, str) else scopes
            told = {200: answers} if isinstance(answers, Schema) else answers
            operation = Operation(routes, handler, wanted, body, query, reads_raw, told)
            OPERATIONS.append(operation)
            paths = (route.split(" ")[1].removeprefix("/v1/") for route in routes)
            names = Names(operation.name, frozenset([operation.name, *paths]))
            for index, route in enumerate(routes):
                method, path = route.split(" ")
                endpoint = f"{operation.name.replace('.', '_')}_{index}"
                _NAMES[f"{self.blueprint.name}.{endpoint}"] = names
                self.blueprint.add_url_rule(
                    path,
                    endpoint=endpoint,
                    view_func=_view(operation),
                    methods=[method],
                    strict_slashes=True,
                    provide_automatic_options=False,
                )
            return handler

        return register


def _view(operation: Operation) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        passage: RequestContext = g.passage
        request = passage.incoming
        assert request is not None  # or the request would not have come this far
        request.path = path
        answer = answer_to(operation, request)
        return json_reply(to_version(answer.kind, answer.body, request.call.version), answer.status)

    return view


def answer_to(operation: Operation, request: Request) -> Answer:
    """Check a request against its operation, then let the handler answer."""
    _require_scope(operation, request)
    now = request.call.now
    if operation.query is not None:
        request.query = parse(operation.query, request.query, now_ms=now)
    request.expand = _expand(request)
    if operation.body is not None and not operation.reads_raw:
        body: Any = operation.body
        schema = body if isinstance(body, Schema) else body(request.call.version)
        request.params = parse(schema, request.json, now_ms=now)
    return operation.handler(request)


def _require_scope(operation: Operation, request: Request) -> None:
    held = set(request.key.scopes)
    if not held or held & _META_SCOPES:
        return
    for scope in operation.scopes:
        implied = scope.removesuffix(":read") + ":write" if scope.endswith(":read") else scope
        if scope in held or implied in held:
            return
    raise ApiError(403, f"Insufficient scopes. Missing: {operation.scopes[0]}", "insufficient_scopes")


def _expand(request: Request) -> list[str]:
    # A list has no fields, and a batch is too large to be parsed only to learn that.
    fields = {} if request.raw[:64].lstrip()[:1] == b"[" else request.fields
    asked = fields.get("expand", request.query.get("expand"))
    if isinstance(asked, str):
        asked = asked.split(",")
    return [each for each in asked if isinstance(each, str)] if isinstance(asked, list) else []
