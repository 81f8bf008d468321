"""Control calls about the server itself: counts, queue, snapshots and reset."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile

import flask
import msgspec
from flask import Response
from werkzeug.wsgi import wrap_file

from autumn_mock.operations.errors import invalid_request
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.errors import StoreError
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply
from autumn_mock.web.waitress_adapter import is_client_disconnected

#: Bytes of a snapshot above which it is in a temporary file until it is sent.
_IN_MEMORY = 1 << 20


def stats(request: ControlRequest) -> Response:
    """The counts of items; without a key of the whole server, and of each environment."""
    engine, environment = request.engine, request.environment()
    if environment is not None:
        return json_reply(engine.stats(environment))
    each = {":".join(found.name): engine.stats(found) for found in engine.state.environments()}
    return json_reply({**engine.stats(), "organisations": each})


def drain(request: ControlRequest) -> Response:
    """Wait until the queue is empty, at most ``timeout`` seconds: 504 with the reason when it is not.

    With ``webhooks`` true, wait until every webhook was attempted, too.
    """
    engine, environment, given = request.engine, request.environment(), request.fields()
    timeout, webhooks = given.get("timeout", 10), given.get("webhooks", False)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= 3600:
        raise invalid_request("timeout: must be a number of seconds from 0 to 3600")
    if not isinstance(webhooks, bool):
        raise invalid_request("webhooks: must be true or false")
    environ = flask.request.environ
    done = engine.drain(timeout, environment, webhooks=webhooks, is_abandoned=lambda: is_client_disconnected(environ))
    left = engine.stats(environment)
    if done:
        return json_reply({"drained": True, **left})
    message = engine.why_open(environment, timeout)
    queue = engine.queue.explain(environment.name if environment is not None else None)
    return json_reply({"drained": False, "message": message, **queue, **left}, 504)


def reset(request: ControlRequest) -> Response:
    """Return to the world; replies how much of each was cleared."""
    return json_reply({"cleared": request.engine.reset(request.environment())})


def show_queue(request: ControlRequest) -> Response:
    """Whether workers are paused, what fault rules hold, and the counts of items."""
    engine, environment = request.engine, request.environment()
    name = environment.name if environment is not None else None
    return json_reply({**engine.queue.explain(name), **engine.stats(environment)})


def pause_queue(request: ControlRequest) -> Response:
    """Pause or resume the workers: ``paused`` true or false."""
    queue, name = request.engine.queue, request.name()
    paused = request.fields().get("paused")
    if not isinstance(paused, bool):
        raise invalid_request("paused: must be true or false")
    if paused:
        queue.pause(name)
    else:
        queue.resume(name)
    return show_queue(request)


def show_messages(request: ControlRequest) -> Response:
    """The next ``limit`` messages of the queue, with the fault rule that holds each."""
    rows = []
    for environment, message, held in request.engine.queue.peek(request.name(), request.whole_number("limit", 100)):
        org, env = environment.name
        rows.append(
            {
                "org": org,
                "env": env,
                **msgspec.json.decode(ENCODER.encode(message)),
                "held_by": held.last.armed.rule.text if held is not None else None,
                "until": held.last.until if held is not None else None,
            }
        )
    return json_reply({"list": rows})


def take_snapshot(request: ControlRequest) -> Response:
    """The whole state, or that of the key's organisation, as a TinyDB file."""
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # the server closes it when it is sent
    for piece in request.engine.snapshot_pieces(request.environment()):
        file.write(piece)
    size = file.tell()
    file.seek(0)
    # The server's loop sends it, as fast as the client reads it.
    content = wrap_file(flask.request.environ, file)
    reply = Response(content, content_type="application/json", direct_passthrough=True)
    reply.content_length = size
    return reply


def restore_snapshot(request: ControlRequest) -> Response:
    """Replace everything, or the key's organisation, with a snapshot.

    Replies how much of each there is now, and the slugs of the organisations that were removed, as the snapshot does
    not have them. The only call that takes a body of any size.
    """
    environment = request.environment()
    before = {each.id: each.slug for each in request.engine.state.organisations.snapshot()}
    try:
        # Werkzeug's get_data() would hold it twice.
        counts = request.engine.restore(flask.request.environ["wsgi.input"].read(), environment)
    except StoreError as error:
        raise invalid_request(str(error)) from None
    there = request.engine.state.organisations
    removed = [slug for id, slug in before.items() if id not in there]
    return json_reply({"restored": counts, "organisations": len(there), "removed": removed})


ROUTES: dict[str, ControlHandler] = {
    "GET /stats": stats,
    "POST /drain": ControlCall(drain, ("timeout", "webhooks")),
    "POST /reset": reset,
    "GET /queue": show_queue,
    "POST /queue": ControlCall(pause_queue, ("paused",)),
    "GET /queue/messages": ControlCall(show_messages, query=("limit",)),
    "GET /snapshot": take_snapshot,
    "PUT /snapshot": ControlCall(restore_snapshot, fields=None),
}
