"""The control API under /_mock: what a real server does not tell, and what a test may move.

With a bearer key a call concerns that organisation's environment alone, without one the whole server.
"""

from __future__ import annotations

from flask import Blueprint

from autumn_mock.engine import Engine
from autumn_mock.web.control.faults import serve_faults
from autumn_mock.web.control.inspection import serve_views
from autumn_mock.web.control.server import serve_running
from autumn_mock.web.guard import Guard


def control(engine: Engine) -> Blueprint:
    """The routes under /_mock of an emulator. Raises :class:`~autumn_mock.web.guard.ExposedWithoutToken`."""
    blueprint = Blueprint("control", __name__, url_prefix="/_mock")
    blueprint.before_request(Guard(engine.settings.host, engine.settings.control_token).check)
    serve_running(blueprint, engine)
    serve_faults(blueprint, engine)
    serve_views(blueprint, engine)
    return blueprint
