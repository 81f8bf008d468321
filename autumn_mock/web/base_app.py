"""What the two Flask applications of a server have in common."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from autumn_mock.operations.errors import ApiError
from autumn_mock.web.authentication import no_session
from autumn_mock.web.dispatch import unserved_note
from autumn_mock.web.replies import error_reply, reply_to

_log = logging.getLogger("autumn_mock.web")


def new_app(name: str) -> Flask:
    """An application without routes. It has the converter ``any_path``, and every error becomes a reply."""
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    app.url_map.converters["any_path"] = _AnyPath
    app.register_error_handler(HTTPException, _not_served)
    app.register_error_handler(Exception, lambda error: reply_to(error, request))
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
