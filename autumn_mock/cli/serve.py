"""``autumn-mock serve``: run the server."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.files import STANDARD, STANDARD_INPUT, input_file
from autumn_mock.cli.options import SettingsCommand, setting_options
from autumn_mock.cli.ready_file import ready_file
from autumn_mock.cli.settings_file import LOG_FORMATS, SETTINGS_FILE
from autumn_mock.cli.shutdown import database_error, handling_signals, start_errors, stop, stop_once
from autumn_mock.settings import Settings

if TYPE_CHECKING:
    from autumn_mock.cli.log import ServerLog


@click.command(cls=SettingsCommand, short_help="Run the server.")
@setting_options
@click.option(
    "--log",
    "log",
    type=click.Choice(LOG_FORMATS),
    default="text",
    show_default=True,
    envvar="AUTUMN_MOCK_LOG",
    show_envvar=True,
    help="Format of the log on standard error.",
)
@click.option("--open", "opens_page", is_flag=True, help="Open the page of the server in a browser.")
@click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only.")
@click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR.")
@click.option("-v", "--verbose", count=True, help="Log more; repeat it to log everything.")
def serve(log: str, opens_page: bool, quiet: bool, no_color: bool, verbose: int, **values: Any) -> None:
    """Run the server until it is interrupted.

    When it is ready it prints one line with its URL on standard output:

    \b
    autumn-mock ready http://127.0.0.1:2886

    Everything else is on standard error: what the server has, then a line for each request. With --log json each line
    is an object with time, level and event (start, request, organisation, log, service,
    unknown_keys, dropped, stop).

    Exit codes: 0 stopped by a signal, 1 the server cannot start or its file cannot be written, 2 invalid options or
    world.
    """
    from autumn_mock.cli.log import LogOptions, server_log
    from autumn_mock.cli.log_format import Notice
    from autumn_mock.cli.variables import unknown_variables
    from autumn_mock.input_files import shadowed
    from autumn_mock.interpreter import gc_paused, tune_interpreter

    source = click.get_current_context().get_parameter_source("world")
    is_chosen = source is None or source.name != "DEFAULT"
    _warn([*unknown_variables(), shadowed("world", values["world"]) if is_chosen else None], as_json=log == "json")
    settings = Settings(**values)
    world = STANDARD_INPUT if settings.world == STANDARD else settings.world
    ignored: str | None = None
    if settings.db is not None and _holds_state(Path(settings.db)):
        ignored = f"--world {settings.world} is not loaded: {settings.db} has a state; a reset returns to the world"
        world = f"not used: {settings.db} has the state"
    if not is_chosen:
        ignored = None
    with gc_paused(freeze=True):
        engine, server = _set_up(settings)
    tune_interpreter()
    with server_log(engine, LogOptions(log == "json", quiet, no_color, verbose)) as written:
        if ignored is not None:
            written.notice(Notice("log", ignored, logging.WARNING))
        _run(engine, server, written, world=world, opens_page=opens_page)


def _warn(warnings: Sequence[str | None], *, as_json: bool) -> None:
    """Print warnings as lines of the log, before there is one: the start may fail for what they say."""
    from autumn_mock.cli.log_format import JsonFormat, Notice, TextFormat
    from autumn_mock.clock import stopwatch

    line_format = JsonFormat(str) if as_json else TextFormat(str, colours=False, with_date=True)
    line_format.begin()
    for warning in filter(None, warnings):
        click.echo(line_format.notice(Notice("log", warning, logging.WARNING, at=stopwatch())), err=True)


def _holds_state(path: Path) -> bool:
    """Whether a database has a state, in its file or in the log beside it."""
    from autumn_mock.store.recovery import main_log

    return path.exists() or main_log(path).exists()


def _set_up(settings: Settings) -> tuple[Any, Any]:
    """The engine and its HTTP server."""
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.engine import Engine
    from autumn_mock.web.server import Server, allow_many_connections

    allow_many_connections()
    with start_errors(database_error(settings.db)), input_file(settings.world) as world, loading_bar() as progress:
        engine = Engine(replace(settings, world=world), progress=progress)
    try:
        with start_errors(lambda error: _why_not_bound(error, settings)):
            return engine, Server(engine)
    except click.ClickException:
        engine.abandon()
        raise


def _settings_file() -> str | None:
    name: str | None = click.get_current_context().meta.get(SETTINGS_FILE)
    return name


def _why_not_bound(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {settings.port} on {settings.host} is in use; "
            "stop the program that uses it, or choose another --port (0 selects a free one)"
        )
    return f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}"


def _run(engine: Any, server: Any, log: ServerLog, *, world: str, opens_page: bool) -> None:
    from autumn_mock.cli.banner import facts
    from autumn_mock.cli.log_format import Notice

    def leave(_number: int) -> None:
        stop_once()
        server.release()  # Waitress waits for its threads, and these may be waiting
        raise SystemExit(0)

    with handling_signals(leave):
        try:
            with _authority(server.authority) as authority, ready_file(engine.settings.ready_file, server.url):
                if engine.recovered:
                    log.notice(Notice("log", engine.recovered, logging.WARNING))
                shown = facts(engine, server.url, world, settings_file=_settings_file(), authority=authority)
                log.notice(Notice("start", "started", fields=shown))
                engine.start()
                _announce(server.url, engine.settings.public_url)
                if opens_page:
                    _open_page(server.url)
                server.run()
        except SystemExit:
            pass
        except click.ClickException:  # the ready file was refused
            engine.abandon()
            raise
        finally:
            server.close()
            stop(engine)
    saved = f"the state is saved in {engine.settings.db}" if engine.settings.db else "the state was in memory only"
    log.notice(Notice("stop", f"stopped; {saved}"))


@contextmanager
def _authority(authority: bytes | None) -> Iterator[str | None]:
    """The name of a file with the authority that clients have to trust, if the server made one."""
    if authority is None:
        yield None
        return
    from autumn_mock.cli.trust import authority_file

    with authority_file(authority) as path:
        yield str(path)


def _open_page(url: str) -> None:
    """Open the page in a browser, which may take its time to start."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(f"{url}/_mock/",), daemon=True).start()


def _announce(url: str, public_url: str | None) -> None:
    """Print the line that programs wait for; a server whose standard output is closed continues."""
    public = "" if public_url is None else f" public {public_url}"
    with suppress(OSError, ValueError, AttributeError):
        click.echo(f"autumn-mock ready {url}{public}")
        sys.stdout.flush()
