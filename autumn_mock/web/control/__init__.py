"""The control API under ``/_mock``: what a real server does not show, and what a test may change.

With a bearer key a call concerns that organisation's environment alone, without one the whole server.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request

from autumn_mock.engine import Engine
from autumn_mock.web.control import faults, inspection, server
from autumn_mock.web.control.context import ControlHandler, ControlRequest
from autumn_mock.web.guard import Guard
from autumn_mock.web.replies import reply_to

#: ``METHOD /path`` below ``/_mock``, and what serves it.
ROUTES: dict[str, ControlHandler] = {**server.ROUTES, **faults.ROUTES, **inspection.ROUTES}


def serve(app: Flask, engine: Engine) -> None:
    """Add the routes of the control API. Raises :class:`~autumn_mock.web.guard.ExposedWithoutToken`."""
    guard = Guard(engine.settings.host, engine.settings.control_token)

    def view_of(handler: ControlHandler) -> Callable[..., Response]:
        return lambda **path: dispatch(guard, engine, handler, path)

    for route, handler in ROUTES.items():
        method, path = route.split(" ")
        app.add_url_rule(
            f"/_mock{path}", f"_mock {route}", view_of(handler), methods=[method], provide_automatic_options=False
        )


def dispatch(guard: Guard, engine: Engine, handler: ControlHandler, path: dict[str, str]) -> Response:
    """Serve one control request: check that it is allowed, then call its handler. Errors become replies."""
    try:
        guard.check()
        return handler(ControlRequest(engine, path))
    except Exception as error:
        return reply_to(error, request)
