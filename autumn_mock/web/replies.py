"""Replies as bytes: JSON, plain text, and what an exception becomes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Request, Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadHost, HTTPException

from autumn_mock.domain.organisation import ApiKey
from autumn_mock.operations.errors import ApiError, database_unavailable, invalid_request
from autumn_mock.parking import TooManyWaiting
from autumn_mock.repeated_errors import RepeatedError
from autumn_mock.store.errors import NoSuchOrganisation
from autumn_mock.web.authentication import revoked, unknown_key
from autumn_mock.web.rate_limits import TooManyRequests
from autumn_mock.wire.schema import ValidationFailed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ENCODER = msgspec.json.Encoder()
_log = logging.getLogger("autumn_mock.web")
_unwritten = RepeatedError(_log)

TOO_MANY_REQUESTS = "Too many requests, please try again later."


class Reply(Response):
    """A reply that goes out with the headers it has."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """The headers themselves, without the copy and the corrections that replies with a location need."""
        return super().get_wsgi_headers(environ) if self.status_code in (204, 304) else self.headers


def json_reply(body: Any, status: int = 200) -> Response:
    """A compact JSON reply."""
    return Reply(_ENCODER.encode(body), status, content_type="application/json")


def text_reply(text: str, status: int = 200) -> Response:
    """A plain text reply."""
    return Reply(text, status, content_type="text/plain; charset=UTF-8")


def error_reply(error: ApiError, env: str) -> Response:
    """An error in Autumn's envelope (contract 11)."""
    reply = json_reply({"message": error.message, "code": error.code, "env": env}, error.status)
    if error.retry_after is not None:
        reply.headers["Retry-After"] = str(error.retry_after)
    return reply


def error_message(reply: Response) -> str | None:
    """The message of an error reply; None if it has another body."""
    if not reply.is_sequence:  # reading it would send it
        return None
    try:
        message = msgspec.json.decode(reply.get_data())["message"]
    except (msgspec.MsgspecError, ValueError, LookupError, TypeError):
        return None
    return message if isinstance(message, str) else None


def reply_to(error: Exception, http: Request, key: ApiKey | None = None) -> Response:
    """The reply for an exception that ended a request; every exception becomes one here.

    ``key`` is the API key of the request, if it was authenticated: the reply names its environment.
    """
    if isinstance(error, TooManyRequests):
        return text_reply(TOO_MANY_REQUESTS, 429)
    return error_reply(_api_error(error, http, key), key.env if key is not None else "sandbox")


def _api_error(error: Exception, http: Request, key: ApiKey | None) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ValidationFailed):
        return ApiError(400, error.message, "invalid_inputs")
    if isinstance(error, NoSuchOrganisation):  # the organisation was removed while the request was in progress
        return revoked(key, http) if key is not None else unknown_key()
    if isinstance(error, TooManyWaiting):
        return ApiError(503, str(error), "too_many_waiting")
    if isinstance(error, OSError):  # the change was rolled back: the client may retry
        _unwritten.log("%s %r: the database could not be written: %s", http.method, http.path, error)
        return database_unavailable()
    if isinstance(error, HTTPException) and error.code == 413:
        return invalid_request("The body is larger than this server takes.", status=413)
    if isinstance(error, BadHost):  # a label of it is empty or longer than 63 characters
        return invalid_request("The header Host has no valid name.")
    _log.error("%s %r failed", http.method, http.path, exc_info=error)
    return ApiError(500, "Unknown error", "internal_error")
