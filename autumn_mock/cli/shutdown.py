"""Starting and stopping a server: the signals that end it, and errors as messages with an exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from autumn_mock.engine import Engine


#: The signals from outside that end a process unless it handles them: Ctrl-C, those of service managers and terminals,
#: timers, limits. Not those of a fault of the process itself, nor SIGKILL, which cannot be handled.
STOP_SIGNALS = tuple(
    getattr(signal, name)
    for name in (
        *("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM"),
        *("SIGPROF", "SIGXCPU", "SIGPOLL", "SIGPWR", "SIGSTKFLT"),
    )
    if hasattr(signal, name)
)


def handle_stop_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    """Have a handler called for the signals that end a process; those that are ignored, as by nohup, stay ignored."""
    for each in STOP_SIGNALS:
        if each in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, handler)


@contextmanager
def start_errors(os_error: Callable[[OSError], str]) -> Iterator[None]:
    """Report why a server cannot start, with exit code 2 for invalid input, otherwise 1.

    ``os_error`` returns the message for an error of the system.
    """
    from autumn_mock.faults.grammar import RuleError
    from autumn_mock.input_files import InputFileError
    from autumn_mock.store.errors import StoreError
    from autumn_mock.web.guard import ExposedWithoutToken

    try:
        yield
    except (InputFileError, RuleError, ExposedWithoutToken) as error:
        raise click.UsageError(str(error)) from None
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(os_error(error)) from None


def database_error(db: object) -> Callable[[OSError], str]:
    """The message for a database that cannot be written."""
    return lambda error: f"the database {db} cannot be written: {error.strerror or error}"


def stop(engine: Engine) -> None:
    """Stop a server. Ends the command with exit code 1 when the file cannot be written."""
    try:
        engine.stop()
    except OSError as error:
        database = Path(str(engine.settings.db))
        raise click.ClickException(
            f"{database} could not be written: {error.strerror or error}; "
            + (
                "nothing is lost: the log beside it has the changes, and the next start applies them"
                if database.parent.is_dir()
                else f"the directory {database.parent} was removed while the server ran, and the database with it"
            )
        ) from None
