"""HTTP: the Flask applications around an engine."""

from __future__ import annotations

from types import ModuleType

from flask import Flask
from werkzeug.routing import Rule

from autumn_mock.engine import Engine
from autumn_mock.faults.grammar import require_route
from autumn_mock.web.base_app import new_app
from autumn_mock.web.deferred import DeferredApplication, PathMiddleware
from autumn_mock.web.dispatch import Dispatcher
from autumn_mock.web.guard import Guard
from autumn_mock.web.rate_limits import RateLimits
from autumn_mock.web.replies import text_reply
from autumn_mock.web.waitress_adapter import AbortMiddleware

#: Paths that begin with these are served by the second application, :mod:`autumn_mock.web.control_app`.
CONTROL_PREFIXES = ("/_mock",)
#: And these by a third one, :mod:`autumn_mock.web.checkout`.
CHECKOUT_PREFIXES = ("/checkout/", "/invoice/", "/portal/")


def create_app(engine: Engine) -> Flask:
    """The WSGI application of an engine. Starting and stopping the engine is the caller's.

    Raises :class:`~autumn_mock.faults.grammar.RuleError` when a rule of the settings or the world names an unknown
    call, and :class:`~autumn_mock.web.guard.ExposedWithoutToken`.
    """
    for rule in engine.startup_rules():
        require_route(rule, _registry().call_names())
    guard = Guard.of(engine.settings)
    app = new_app("autumn_mock")
    limits = RateLimits(engine.settings.rate_limit)
    engine.attach_application(lambda: _registry().names_by_call(), limits.forget)
    dispatcher = Dispatcher(engine, limits)
    app.url_map.add(Rule("/v1/<any_path:_>", endpoint="api"))
    app.url_map.add(Rule("/checkouts/<any_path:_>", endpoint="api"))
    app.view_functions["api"] = lambda _: dispatcher.dispatch()
    app.add_url_rule("/", "greeting", lambda: text_reply("Hello from Autumn (test 1) 🍂🍂🍂"))

    def control_app() -> Flask:
        from autumn_mock.web.control_app import create_control_app

        return create_control_app(engine, guard, app, dispatcher.dispatch)

    def checkout_app() -> Flask:
        from autumn_mock.web.checkout import create_checkout_app

        return create_checkout_app(engine, guard)

    by_path = PathMiddleware(app.wsgi_app, CONTROL_PREFIXES, DeferredApplication(control_app))
    by_path = PathMiddleware(by_path, CHECKOUT_PREFIXES, DeferredApplication(checkout_app))
    app.wsgi_app = AbortMiddleware(by_path)  # type: ignore[method-assign]  # how Flask is given middleware
    if engine.settings.public_url is not None:
        from autumn_mock.web.fixed_hosts import PublicAddress

        app.wsgi_app = PublicAddress(app.wsgi_app, engine.settings.public_url)  # type: ignore[method-assign]  # likewise
    return app


def _registry() -> ModuleType:
    """All endpoints, which are imported when they are first used."""
    from autumn_mock.web.resources import registry

    return registry
