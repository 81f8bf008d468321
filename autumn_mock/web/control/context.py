"""A control request: the environment that it concerns, its fields and its query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from flask import Response, after_this_request, request
from msgspec import Struct

from autumn_mock.domain.organisation import ENVIRONMENT_HEADER, OPENED_HEADER, hash_key, shown_key
from autumn_mock.engine import Engine
from autumn_mock.input_files import guess
from autumn_mock.operations.errors import ApiError, customer_not_found, invalid_request
from autumn_mock.store.environment import Environment
from autumn_mock.web.authentication import unknown_key
from autumn_mock.wire.body import json_body

#: Methods that open an organisation for a key that has none yet.
_OPENING = ("POST", "PUT")
#: Of a number in a query.
_MOST_DIGITS = 15


class ControlRequest(Struct, frozen=True):
    """One request to the control API. Its methods raise :class:`~autumn_mock.operations.errors.ApiError`."""

    engine: Engine
    #: Values of the path's parameters.
    path: dict[str, Any]

    def environment(self) -> Environment | None:
        """The environment that the bearer key names, or else :data:`ENVIRONMENT_HEADER`; None without both.

        A request that only reads does not use the organisation. POST and PUT open one for a new key, as a test sets up
        its faults before its first call. 401 for an unknown key, 404 for an unknown organisation.
        """
        header = request.headers.get("Authorization", "")
        token = header.removeprefix("Bearer ").strip()
        if not token:
            return self._named(request.headers.get(ENVIRONMENT_HEADER, ""))
        is_new = self.engine.would_open(token) and not self.engine.state.has_key(hash_key(token))
        key = self.engine.find_key(token, opens=request.method in _OPENING, uses=request.method != "GET")
        if key is None and is_new:
            raise ApiError(
                404, f"No request has used the key {shown_key(token)} yet: it has no organisation", "not_found"
            )
        if key is None:
            raise unknown_key()
        environment = self.engine.state.environment(key.org_id, key.env)
        if is_new:
            after_this_request(partial(_with_header, OPENED_HEADER, environment.organisation.slug))
        return environment

    def _named(self, text: str) -> Environment | None:
        name, _, env = text.partition(":")
        if not name:
            return None
        state = self.engine.state
        found = next((each for each in state.organisations.snapshot() if name in (each.id, each.slug)), None)
        if found is None or env not in ("", "sandbox", "live"):
            raise ApiError(
                404,
                f"There is no environment {text}: write the id or slug of an organisation, or that with :live",
                "not_found",
            )
        return state.environment(found.id, "live" if env == "live" else "sandbox")

    def name(self) -> tuple[str, str] | None:
        """The name of that environment."""
        environment = self.environment()
        return environment.name if environment is not None else None

    def environments(self) -> list[Environment]:
        """The environment that the bearer key names, or every one that any key opens."""
        environment = self.environment()
        if environment is not None:
            return [environment]
        for key in self.engine.state.keys.snapshot():  # a key opens its environment even before its first use
            self.engine.state.environment(key.org_id, key.env)
        return self.engine.state.environments()

    def environment_of_customer(self, customer_id: str) -> Environment:
        """The environment of the request that has a customer.

        404 if there is none. If the request names no environment, one whose organisation was there at the start counts
        before those that were opened since, as by scenarios and tests; 400 if that leaves several.
        """
        found = [each for each in self.environments() if each.customers.of(customer_id)]
        if not found:
            raise customer_not_found(customer_id)
        found = [each for each in found if not self.engine.is_on_demand(each.organisation.id)] or found
        if len(found) > 1:
            names = ", ".join(sorted(f"{each.organisation.slug}:{each.env}" for each in found))
            raise invalid_request(
                f"Customer {customer_id} exists in {len(found)} environments ({names}): "
                "give the secret key of one of them"
            )
        return found[0]

    def fields(self) -> dict[str, Any]:
        """The fields of the body; 400 unless it is an object."""
        body = json_body(request.get_data())
        if not isinstance(body, dict):
            raise invalid_request("input: expected a JSON object")
        return body

    def switch(self, name: str) -> bool:
        """Whether a parameter of the query is given, as 1; 400 for anything else."""
        if request.args.get(name, "1") != "1":
            raise invalid_request(f"{name}: must be 1")
        return name in request.args

    def whole_number(self, name: str, default: int) -> int:
        """A whole number of the query; 400 for anything else."""
        value = request.args.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > _MOST_DIGITS:
            raise invalid_request(f"{name}: must be a whole number of at most {_MOST_DIGITS} digits")
        return int(value)


ControlHandler = Callable[[ControlRequest], Response]


class ControlCall(Struct, frozen=True):
    """A handler, and the names of what it takes; None: anything."""

    handler: ControlHandler
    #: Fields of the body, which is a JSON object.
    fields: tuple[str, ...] | None = ()
    #: Parameters of the query.
    query: tuple[str, ...] | None = ()
    #: Whether anyone may call it: its reply must reveal nothing of the state.
    is_open: bool = False

    def __call__(self, control: ControlRequest) -> Response:
        """Serve a request. 400 when it has a name that the handler does not take: it is most likely misspelt."""
        if self.query is not None:
            _require_known("query: there is no parameter", request.args, self.query)
        if self.fields is not None:
            _require_known("input: there is no field", control.fields(), self.fields)
        return self.handler(control)


def _with_header(name: str, value: str, reply: Response) -> Response:
    reply.headers[name] = value
    return reply


def _require_known(text: str, names: Iterable[str], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            more = guess(name, known) if known else "; this call takes none"
            raise invalid_request(f"{text} {name!r}{more}")
