"""``autumn-mock serve``."""

from __future__ import annotations

import errno
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import click

from autumn_mock.cli.options import setting_options
from autumn_mock.cli.ready_file import ready_file
from autumn_mock.cli.shutdown import not_begun, stop
from autumn_mock.settings import Settings

#: Ctrl-C, and what service managers send; on Windows Ctrl-Break besides.
_STOPPING = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    _STOPPING.append(signal.SIGBREAK)


@click.command(short_help="Run the server.")
@setting_options
@click.option("-v", "--verbose", count=True, help="Log more; twice for everything.")
def serve(verbose: int, **knobs: Any) -> None:
    """Run the server until it is interrupted.

    Once the socket is bound, one line says where: "autumn-mock ready http://127.0.0.1:2886".
    """
    import logging

    from autumn_mock.interpreter import gc_paused, settle_interpreter

    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full task queue is a load test, not news
    settings = Settings(**knobs)
    with gc_paused():
        engine, server = _set_up(settings)
    settle_interpreter()
    _run(engine, server)


def _set_up(settings: Settings) -> tuple[Any, Any]:
    """The emulator, and the socket that answers for it."""
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.engine import Engine
    from autumn_mock.faults.grammar import RuleError
    from autumn_mock.store.errors import StoreError
    from autumn_mock.web.guard import ExposedWithoutToken
    from autumn_mock.web.server import Server, allow_many_connections
    from autumn_mock.worlds import WorldError

    allow_many_connections()
    try:
        with loading_bar() as progress:
            engine = Engine(settings, progress=progress)
    except WorldError as error:
        raise click.UsageError(str(error)) from None
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise not_begun(settings.db, error) from None
    try:
        return engine, Server(engine)
    except OSError as error:
        stop(engine)
        raise click.ClickException(_why_not_bound(error, settings)) from None
    except (RuleError, ExposedWithoutToken) as error:
        stop(engine)
        raise click.UsageError(str(error)) from None


def _why_not_bound(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {settings.port} on {settings.host} is taken; "
            "stop what listens there, choose another --port, or let --port 0 pick a free one"
        )
    return f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}"


def _run(engine: Any, server: Any) -> None:
    def leave(_number: int, _frame: FrameType | None) -> None:
        for each in _STOPPING:
            signal.signal(each, signal.SIG_DFL)  # a second one ends the process at once
        server.release()  # Waitress waits for its threads, and these may be waiting
        raise SystemExit(0)

    for each in _STOPPING:
        signal.signal(each, leave)
    if engine.recovered:
        _say(f"autumn-mock: {engine.recovered}", err=True)
    for rule in engine.first_faults:  # with the seeds that were drawn: what happens now can be had again
        _say(f"autumn-mock: armed {rule.text}", err=True)
    engine.start()
    try:
        with ready_file(engine.settings.ready_file, server.url):
            _say(f"autumn-mock ready {server.url}")
            server.run()
    except SystemExit:
        pass
    finally:
        server.close()
        stop(engine)


def _say(text: str, *, err: bool = False) -> None:
    """Print a line, if there is anybody to read it: a server goes on without its streams."""
    with suppress(OSError, ValueError, AttributeError):
        click.echo(text, err=err)
        (sys.stderr if err else sys.stdout).flush()
