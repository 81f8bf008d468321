"""HTTP: the Flask application around an engine."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, Rule

from autumn_mock.engine import Engine
from autumn_mock.faults.grammar import require_route
from autumn_mock.operations.errors import ApiError
from autumn_mock.web import page
from autumn_mock.web.authentication import no_session
from autumn_mock.web.control import ROUTES, Control
from autumn_mock.web.dispatch import Dispatcher, unserved_note
from autumn_mock.web.rate_limits import RateLimits
from autumn_mock.web.replies import error_reply, reply_to, text_reply
from autumn_mock.web.resources import ENDPOINTS, call_names
from autumn_mock.web.waitress_adapter import AbortMiddleware

_log = logging.getLogger("autumn_mock.web")


def create_app(emulator: Engine) -> Flask:
    """The WSGI application of an engine. Starting and stopping the engine is the caller's.

    Raises :class:`~autumn_mock.faults.grammar.RuleError` when a rule of the settings or the world names an unknown
    call, and :class:`~autumn_mock.web.guard.ExposedWithoutToken`.
    """
    for rule in emulator.startup_rules():
        require_route(rule, call_names())
    app = Flask("autumn_mock", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    limits = RateLimits(emulator.settings.rate_limit)
    emulator.attach_application({each.name: each.names for each in ENDPOINTS}, limits.forget)
    dispatcher = Dispatcher(emulator, limits)
    app.url_map.converters["any_path"] = _AnyPath
    app.url_map.add(Rule("/v1/<any_path:_>", endpoint="api"))
    app.view_functions["api"] = lambda _: dispatcher.dispatch()
    controls = Control(app, emulator)
    controls.add(ROUTES)
    controls.add_calls(dispatcher.dispatch)
    page.serve(app, controls)
    app.add_url_rule("/", "greeting", lambda: text_reply("Hello from Autumn (test 1) 🍂🍂🍂"))
    app.register_error_handler(HTTPException, _not_served)
    app.register_error_handler(Exception, lambda error: reply_to(error, request))
    app.wsgi_app = AbortMiddleware(app.wsgi_app)  # type: ignore[method-assign]  # how Flask is given middleware
    return app


class _AnyPath(BaseConverter):
    """Matches the rest of a path, whatever it is: dispatch finds the endpoint, after it has received the request."""

    regex = ".*?"
    part_isolating = False


def _not_served(error: HTTPException) -> Response:
    """Routes outside ``/v1`` that are not served belong to the dashboard, which needs a session."""
    if error.code not in (404, 405):
        return reply_to(error, request)
    if request.path.startswith("/_mock"):
        return error_reply(ApiError(404, f"There is no {request.method} {request.path} here", "not_found"), "sandbox")
    _log.warning("%s", unserved_note(request))
    return error_reply(no_session(), "sandbox")
