"""HTTP: the Flask application around an emulator."""

from __future__ import annotations

from flask import Flask

from autumn_mock.engine import Engine
from autumn_mock.faults.grammar import require_route
from autumn_mock.web.control import control
from autumn_mock.web.parking import AbortMiddleware, RequestParking
from autumn_mock.web.pipeline import Pipeline, view_of
from autumn_mock.web.rate_limits import RateLimits
from autumn_mock.web.replies import text_reply
from autumn_mock.web.resources import ENDPOINTS, ROUTES, call_names, flask_name
from autumn_mock.web.routes import Route


def create_app(emulator: Engine, parking: RequestParking | None = None) -> Flask:
    """The WSGI application that speaks for an emulator. Starting and stopping the emulator is the caller's.

    ``parking`` is what requests wait with that a fault holds up; a server gives its own. Raises
    :class:`~autumn_mock.faults.grammar.RuleError` when a rule of the settings or the world is for a call that does not
    exist.
    """
    for rule in emulator.startup_rules():
        require_route(rule, call_names())
    app = Flask("autumn_mock", static_folder=None)
    app.url_rule_class = Route
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    emulator.aliases = {each.name: each.names for each in ENDPOINTS}
    limits = RateLimits(app, emulator.state.clock_of, emulator.settings.rate_limit)
    Pipeline(app, emulator, limits, parking or RequestParking())
    app.wsgi_app = AbortMiddleware(app.wsgi_app)  # type: ignore[method-assign]  # how Flask is given middleware
    for route, endpoint in ROUTES.items():
        method, path = route.split(" ")
        app.add_url_rule(
            path,
            endpoint=flask_name(route),
            view_func=view_of(endpoint),
            methods=[method],
            strict_slashes=True,
            provide_automatic_options=False,
        )
    app.register_blueprint(control(emulator))
    app.add_url_rule("/", "greeting", lambda: text_reply("Hello from Autumn (test 1) 🍂🍂🍂"))

    def forget_limits(name: tuple[str, str] | None) -> int:
        return limits.storage.reset() if name is None else limits.storage.clear_of(*name)

    emulator.on_reset("rate_limits", forget_limits)
    return app
