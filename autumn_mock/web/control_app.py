"""The Flask application of everything that the real service does not serve: the control API and the pages."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response

from autumn_mock.engine import Engine
from autumn_mock.web import documentation, page
from autumn_mock.web.base_app import new_app
from autumn_mock.web.control import ROUTES, Control
from autumn_mock.web.guard import Guard


def create_control_app(engine: Engine, guard: Guard, api: Flask, dispatch: Callable[[], Response]) -> Flask:
    """The application. ``api`` is the one that serves ``/v1``, with ``dispatch`` for each of its requests."""
    app = new_app("autumn_mock.control")
    controls = Control(app, engine, guard)
    controls.add(ROUTES)
    controls.add_calls(api, dispatch)
    page.serve(app, controls)
    documentation.serve(app)
    return app
