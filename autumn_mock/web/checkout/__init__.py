"""The pages on which a customer pays: a checkout session, an invoice, the customer's portal.

They stand for those of the payment provider, work without scripts, and need no token: a browser that pays has none. An
application of their own, made by the first request, serves them.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, render_template

from autumn_mock.engine import Engine
from autumn_mock.operations.errors import ApiError
from autumn_mock.web.base_app import new_app
from autumn_mock.web.checkout import invoice_page, portal_page, session_page
from autumn_mock.web.checkout.formats import FILTERS
from autumn_mock.web.guard import Guard

_HEADERS = {
    # Browsers check form-action for where a form's reply redirects to as well: the shop.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # without a referrer, browsers send no origin with a form
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def create_checkout_app(engine: Engine, guard: Guard) -> Flask:
    """The application of the pages."""
    app = new_app("autumn_mock.checkout")
    pages = Blueprint(
        "checkout",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/checkout/static",
    )
    pages.before_request(guard.check_page)
    pages.after_request(_with_headers)
    pages.register_error_handler(ApiError, _refused)
    for module in (session_page, invoice_page, portal_page):
        module.add(pages, engine)
    app.register_blueprint(pages)
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    return app


def _refused(error: ApiError) -> tuple[str, int]:
    return render_template("checkout/refused.html", message=error.message), error.status


def _with_headers(reply: Response) -> Response:
    for name, value in _HEADERS.items():
        reply.headers.setdefault(name, value)
    return reply
