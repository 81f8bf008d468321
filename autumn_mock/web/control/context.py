"""A control request: the environment that it concerns, its fields and its query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request
from msgspec import Struct

from autumn_mock.engine import Engine
from autumn_mock.input_files import guess
from autumn_mock.operations.errors import ApiError, customer_not_found, invalid_request
from autumn_mock.store.environment import Environment
from autumn_mock.web.authentication import unknown_key
from autumn_mock.wire.body import json_body

#: Selects an environment where its key is not known: the id or slug of an organisation, and ``:live`` for that one.
ENVIRONMENT_HEADER = "x-autumn-mock-environment"


#: Of a number in a query.
_MOST_DIGITS = 15


class ControlRequest(Struct, frozen=True):
    """One request to the control API. Its methods raise :class:`~autumn_mock.operations.errors.ApiError`."""

    engine: Engine
    #: Values of the path's parameters.
    path: dict[str, Any]

    def environment(self) -> Environment | None:
        """The environment that the bearer key names, or else :data:`ENVIRONMENT_HEADER`; None without both.

        401 for an unknown key, 404 for an unknown organisation.
        """
        header = request.headers.get("Authorization", "")
        token = header.removeprefix("Bearer ").strip()
        if not token:
            return self._named(request.headers.get(ENVIRONMENT_HEADER, ""))
        key = self.engine.find_key(token)
        if key is None:
            raise unknown_key()
        return self.engine.state.environment(key.org_id, key.env)

    def _named(self, text: str) -> Environment | None:
        name, _, env = text.partition(":")
        if not name:
            return None
        state = self.engine.state
        found = next((each for each in state.organisations.snapshot() if name in (each.id, each.slug)), None)
        if found is None or env not in ("", "sandbox", "live"):
            raise ApiError(
                404,
                f"{ENVIRONMENT_HEADER}: there is no environment {text}; write ORGANISATION or ORGANISATION:live",
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

        404 if there is none, 400 when the request names no environment and several have such a customer.
        """
        found = [each for each in self.environments() if each.customers.of(customer_id)]
        if not found:
            raise customer_not_found(customer_id)
        if len(found) > 1:
            names = ", ".join(sorted(":".join(each.name) for each in found))
            raise invalid_request(
                f"Customer {customer_id} exists in {len(found)} environments ({names}): "
                "give the secret key of one of them in Authorization"
            )
        return found[0]

    def fields(self, *known: str) -> dict[str, Any]:
        """The body; 400 unless it is an object, or, with ``known`` fields, when it has another one."""
        body = json_body(request.get_data(cache=False))
        if not isinstance(body, dict):
            raise invalid_request("input: expected a JSON object")
        for name in body:
            if known and name not in known:
                raise invalid_request(f"input: there is no field {name!r}{guess(name, known)}")
        return body

    def whole_number(self, name: str, default: int) -> int:
        """A whole number of the query; 400 for anything else."""
        value = request.args.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > _MOST_DIGITS:
            raise invalid_request(f"{name}: must be a whole number of at most {_MOST_DIGITS} digits")
        return int(value)


ControlHandler = Callable[[ControlRequest], Response]
