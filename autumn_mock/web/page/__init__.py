"""The page at ``/_mock/``: shows what a server does, and acts through the control API and public calls.

The page itself has no data, so it is sent without the control token; it asks for the token and sends it with every
request of its own. Scripts and styles are files of this package, and nothing else may be loaded.
"""

from __future__ import annotations

import flask
from flask import Blueprint, Flask, Response, redirect, render_template

from autumn_mock import __version__
from autumn_mock.domain.organisation import ENVIRONMENT_HEADER, hash_key, shown_key
from autumn_mock.engine import Engine
from autumn_mock.operations.errors import invalid_request
from autumn_mock.parking import parking
from autumn_mock.store.environment import Environment
from autumn_mock.web.control import Control
from autumn_mock.web.control.context import ControlHandler, ControlRequest
from autumn_mock.web.page.live import LiveStates
from autumn_mock.web.page.scenario_runs import ScenarioRuns
from autumn_mock.web.replies import json_reply

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
#: The views with their titles; each is a template of its name.
_VIEWS = (
    ("overview", "Overview"),
    ("customers", "Customers"),
    ("requests", "Requests"),
    ("faults", "Faults"),
    ("scenarios", "Scenarios"),
    ("server", "Time & queue"),
)
#: Where an item can be, with a title and a note.
_PIPE = (
    ("offered", "Offered", "items that reached the queue"),
    ("refused", "Refused", "not queued; after a 202 the client does not know"),
    ("accepted", "Accepted", "answered with success"),
    ("ready", "Waiting", "in the queue"),
    ("in_flight", "In flight", "with a worker"),
    ("deducted", "Deducted", "taken from a balance"),
    ("lost", "Lost", "accepted and never deducted"),
)
#: The environments that the page offers; of more, those that were opened last.
_MOST_ENVIRONMENTS = 200


def serve(app: Flask, control: Control) -> None:
    """Add the page, and the control calls that only it needs."""
    page = Blueprint(
        "page",
        __name__,
        url_prefix="/_mock",
        template_folder="templates",
        static_folder="static",
        static_url_path="/page",
    )
    page.before_request(control.guard.check_host)
    page.after_request(with_headers)
    page.add_url_rule("/", "index", lambda: render_template("page.html", version=__version__, views=_VIEWS, pipe=_PIPE))
    page.add_url_rule("", "without_slash", lambda: redirect("/_mock/", 308))
    app.register_blueprint(page)
    live = LiveStates(control.engine)
    control.add({"GET /live": _stream_of(live), "GET /environments": list_environments})
    control.add(ScenarioRuns(control.engine.settings).routes)


def with_headers(reply: Response) -> Response:
    """A page that loads nothing from elsewhere, and that no other site can embed."""
    reply.headers.update(_HEADERS)
    return reply


def _stream_of(live: LiveStates) -> ControlHandler:
    def stream(request: ControlRequest) -> Response:
        """The state of an environment whenever it changes, as server-sent events."""
        environment = request.environment()
        if environment is None:
            raise invalid_request(f"{ENVIRONMENT_HEADER}: name the organisation to show")
        parking().require_room()
        events = live.stream(environment, flask.request.environ)
        return Response(events, content_type="text/event-stream", headers={"Cache-Control": "no-store"})

    return stream


def list_environments(request: ControlRequest) -> Response:
    """The environments that keys open, in the order of their organisations, with what a first call of each needs.

    ``key`` is the secret key, if the world or the settings have it; ``hint`` may always be shown.
    ``customer`` and ``feature`` are the first of the environment, null if it has none.
    """
    engine = request.engine
    known = _known_keys(engine)
    hints = {
        (each.org_id, each.env): shown_key(each.hint) for each in engine.state.keys.snapshot() if not each.publishable
    }
    environments = request.environments()
    numbers = {
        org: number for number, org in enumerate(dict.fromkeys(each.organisation.id for each in environments), 1)
    }
    rows = [
        {
            "org": each.organisation.id,
            "slug": each.organisation.slug,
            "name": each.organisation.name,
            "env": each.env,
            "number": numbers[each.organisation.id],
            "key": known.get(each.name),
            "hint": hints.get(each.name),
            **_first_records(each),
        }
        for each in environments[-_MOST_ENVIRONMENTS:]
    ]
    return json_reply({"version": __version__, "list": rows})


def _first_records(environment: Environment) -> dict[str, str | None]:
    """A customer and a feature with a balance, for the examples."""
    with environment.lock:
        customer = next(iter(environment.customers), None)
    features = (each.id for each in environment.features.snapshot() if not each.is_boolean)
    return {"customer": customer.id if customer is not None else None, "feature": next(features, None)}


def _known_keys(engine: Engine) -> dict[tuple[str, str], str]:
    """Secret keys by environment, as far as they are not only known as hashes."""
    named = [key for each in engine.world.organisations for key in each.secret_keys]
    found = ((engine.state.keys.get(hash_key(key)), key) for key in [*named, *engine.settings.key])
    return {(record.org_id, record.env): key for record, key in found if record is not None}
