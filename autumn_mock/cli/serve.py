"""``autumn-mock serve``: run the server."""

from __future__ import annotations

import errno
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import click

from autumn_mock.cli.options import SettingsCommand, setting_options
from autumn_mock.cli.ready_file import ready_file
from autumn_mock.cli.shutdown import database_error, start_errors, stop
from autumn_mock.settings import Settings

#: Ctrl-C, and the signal of service managers; on Windows Ctrl-Break too.
_STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    _STOP_SIGNALS.append(signal.SIGBREAK)


@click.command(cls=SettingsCommand, short_help="Run the server.")
@setting_options
@click.option("-v", "--verbose", count=True, help="Log more; repeat it to log everything.")
def serve(verbose: int, **values: Any) -> None:
    """Run the server until it is interrupted.

    When it is ready it prints one line with its URL:

    \b
    autumn-mock ready http://127.0.0.1:2886
    """
    import logging

    from autumn_mock.interpreter import gc_paused, settle_interpreter

    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full task queue is expected under load
    settings = Settings(**values)
    with gc_paused():
        engine, server = _set_up(settings)
    settle_interpreter()
    _run(engine, server)


def _set_up(settings: Settings) -> tuple[Any, Any]:
    """The engine and its HTTP server."""
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.engine import Engine
    from autumn_mock.web.server import Server, allow_many_connections

    allow_many_connections()
    with start_errors(database_error(settings.db)), loading_bar() as progress:
        engine = Engine(settings, progress=progress)
    try:
        with start_errors(lambda error: _why_not_bound(error, settings)):
            return engine, Server(engine)
    except click.ClickException:
        stop(engine)
        raise


def _why_not_bound(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {settings.port} on {settings.host} is in use; "
            "stop the program that uses it, or choose another --port (0 selects a free one)"
        )
    return f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}"


def _run(engine: Any, server: Any) -> None:
    def leave(_number: int, _frame: FrameType | None) -> None:
        for each in _STOP_SIGNALS:
            signal.signal(each, signal.SIG_DFL)  # a second signal ends the process at once
        server.release()  # Waitress waits for its threads, and these may be waiting
        raise SystemExit(0)

    for each in _STOP_SIGNALS:
        signal.signal(each, leave)
    if engine.recovered:
        _print(f"autumn-mock: {engine.recovered}", err=True)
    for rule in engine.first_faults:  # with their random seeds, so that the run can be reproduced
        _print(f"autumn-mock: armed {rule.text}", err=True)
    engine.start()
    try:
        with ready_file(engine.settings.ready_file, server.url):
            _print(f"autumn-mock ready {server.url}")
            server.run()
    except SystemExit:
        pass
    finally:
        server.close()
        stop(engine)


def _print(text: str, *, err: bool = False) -> None:
    """Print a line; a server whose streams are closed continues."""
    with suppress(OSError, ValueError, AttributeError):
        click.echo(text, err=err)
        (sys.stderr if err else sys.stdout).flush()
