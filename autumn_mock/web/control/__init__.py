"""The control API under /_mock: what a real server does not tell, and what a test may move.

With a bearer key a call concerns that organisation's environment alone, without one the whole server.
"""

from __future__ import annotations

from flask import Blueprint

from autumn_mock.emulator import Emulator
from autumn_mock.web.control.failing import serve_faults
from autumn_mock.web.control.looking import serve_views
from autumn_mock.web.control.running import serve_running
from autumn_mock.web.guard import Guard


def control(emulator: Emulator) -> Blueprint:
    """The routes under /_mock of an emulator. Raises :class:`~autumn_mock.web.guard.ExposedWithoutToken`."""
    blueprint = Blueprint("control", __name__, url_prefix="/_mock")
    blueprint.before_request(Guard(emulator.settings.host, emulator.settings.control_token).check)
    serve_running(blueprint, emulator)
    serve_faults(blueprint, emulator)
    serve_views(blueprint, emulator)
    return blueprint
