"""The control API under ``/_mock``: what a real server does not show, and what a test may change.

With a bearer key, or the header ``x-autumn-mock-environment``, a call concerns that environment alone, without both the
whole server. ``/_mock/call/v1/...`` is the public call as that environment makes it: same body, reply and faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Flask, Response, request
from werkzeug.routing import Rule

from autumn_mock.domain.organisation import ENVIRONMENT_HEADER
from autumn_mock.engine import Engine
from autumn_mock.operations.errors import invalid_request
from autumn_mock.web.authentication import ACTING_KEY, acting_key
from autumn_mock.web.control import (
    checkouts,
    clock,
    customers,
    faults,
    guide,
    imports,
    inspection,
    organisations,
    probes,
    server,
    webhooks,
)
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.guard import Guard
from autumn_mock.web.replies import reply_to

_MODULES = (probes, server, organisations, clock, faults, webhooks, inspection, customers, checkouts, imports, guide)
#: ``METHOD /path`` below ``/_mock``, and what serves it: a handler that takes neither fields nor a query is bare.
ROUTES: dict[str, ControlHandler] = {route: handler for module in _MODULES for route, handler in module.ROUTES.items()}


#: Where public calls are mounted for callers that have no key.
CALL_PREFIX = "/_mock/call"
#: Control headers, which are not part of the public call.
_OWN_HEADERS = ("HTTP_X_AUTUMN_MOCK_ENVIRONMENT", "HTTP_X_AUTUMN_MOCK_TOKEN")


class Control:
    """Adds control calls to an application."""

    def __init__(self, app: Flask, engine: Engine, guard: Guard) -> None:
        self.app = app
        self.engine = engine
        self.guard = guard

    def add(self, routes: Mapping[str, ControlHandler]) -> None:
        """Serve ``METHOD /path`` below ``/_mock`` with their handlers."""
        for route, handler in routes.items():
            method, path = route.split(" ")
            self.app.add_url_rule(
                f"/_mock{path}",
                f"_mock {route}",
                self._view_of(handler),
                methods=[method],
                provide_automatic_options=False,
            )

    def add_calls(self, api: Flask, dispatch: Callable[[], Response]) -> None:
        """Serve public calls below :data:`CALL_PREFIX`, without a key, as the selected environment makes them.

        ``api`` is the application of the public calls, with ``dispatch`` for each request.
        """

        def call(control: ControlRequest) -> Response:
            environment = control.environment()
            if environment is None:
                raise invalid_request(f"{ENVIRONMENT_HEADER}: name the organisation whose call this is")
            org, env = environment.name
            environ = {name: value for name, value in request.environ.items() if name not in _OWN_HEADERS}
            environ["SCRIPT_NAME"] = CALL_PREFIX
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(CALL_PREFIX)
            environ[ACTING_KEY] = acting_key(org, env)
            with api.request_context(environ):
                return dispatch()

        self.app.url_map.add(Rule(f"{CALL_PREFIX}/v1/<any_path:_>", endpoint="_mock call"))
        self.app.view_functions["_mock call"] = self._view_of(ControlCall(call, fields=None, query=None))

    def _view_of(self, handler: ControlHandler) -> Callable[..., Response]:
        call = handler if isinstance(handler, ControlCall) else ControlCall(handler)
        return lambda **path: self._dispatch(call, path)

    def _dispatch(self, call: ControlCall, path: dict[str, str]) -> Response:
        """Serve one control request, if it is allowed. Errors become replies."""
        try:
            if not call.is_open:
                self.guard.check()
            return call(ControlRequest(self.engine, path))
        except Exception as error:
            return reply_to(error, request)
