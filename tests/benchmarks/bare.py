"""What Flask allows: a view that reads the body and answers 202, behind the very server that autumn-mock runs.

    python -m tests.benchmarks.bare [--parse]

Only the application is another one; socket, threads and settings of Waitress are autumn-mock's own. With ``--parse`` it
also parses the body.
"""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, request

from autumn_mock.settings import Settings
from autumn_mock.web import server


def create_app(*_: Any) -> Flask:
    """The application."""
    app = Flask("bare", static_folder=None)
    parses = "--parse" in sys.argv

    @app.post("/<path:_>")
    def view(_: str) -> Response:
        if parses:
            request.get_json(cache=False)
        else:
            request.get_data(cache=False)
        return Response(b'{"success":true}', 202, content_type="application/json")

    return app


def main() -> None:
    """Answer until killed."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    module: Any = server  # whose application is exchanged
    module.create_app = create_app
    running = module.Server(SimpleNamespace(settings=Settings(port=0)))
    print("bare ready", running.url, flush=True)
    running.run()


if __name__ == "__main__":
    main()
