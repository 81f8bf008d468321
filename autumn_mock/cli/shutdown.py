"""Starting and stopping a server: the signals that end it, and errors as messages with an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autumn_mock.cli.files import FileError

if TYPE_CHECKING:
    from autumn_mock.engine import Engine


#: Ctrl-C, and the signal of service managers; on Windows Ctrl-Break too.
_FIRST_SIGNALS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGBREAK", signal.SIGINT)}
#: Signals that do not end a process (SIGIO does on Linux only) or that no handler receives.
_HARMLESS = ["CHLD", "CONT", "URG", "WINCH", "TSTP", "TTIN", "TTOU", "INFO", "KILL", "STOP"]
if sys.platform != "linux":
    _HARMLESS.append("IO")
#: After a handler for one of these the instruction that failed would be executed again, for ever.
_FAILURES = ["ILL", "BUS", "FPE", "SEGV"]


def _stop_signals() -> tuple[int, ...]:
    spared = {getattr(signal, f"SIG{name}", None) for name in (*_HARMLESS, *_FAILURES)}
    ending = {each for each in signal.valid_signals() - spared if signal.getsignal(each) is signal.SIG_DFL}
    return tuple(sorted(ending | _FIRST_SIGNALS))


#: The signals that end this process unless it handles them. Not those that it was started to ignore (``nohup``), nor
#: those that Python ignores (SIGPIPE, SIGXFSZ): the call that caused one of these fails.
STOP_SIGNALS = _stop_signals()


@contextmanager
def handling_signals(handle: Callable[[int], None]) -> Iterator[None]:
    """Call ``handle`` with the number of each signal that would end the process, while the block runs."""
    before = {each: signal.signal(each, lambda number, _: handle(number)) for each in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_once() -> None:
    """Let a second Ctrl-C or SIGTERM end the process at once, while it stops.

    Other signals are ignored: a terminal that closes, or a limit of CPU time, sends its signal more than once.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL if number in _FIRST_SIGNALS else signal.SIG_IGN)


@contextmanager
def start_errors(os_error: Callable[[OSError], str]) -> Iterator[None]:
    """Report why a server cannot start, with exit code 2 for invalid input, otherwise 1.

    ``os_error`` returns the message for an error of the system.
    """
    from autumn_mock.faults.grammar import RuleError
    from autumn_mock.input_files import InputFileError
    from autumn_mock.store.errors import NothingToCopy, StoreError
    from autumn_mock.web.errors import CertificateError
    from autumn_mock.web.guard import ExposedWithoutToken

    try:
        yield
    except InputFileError as error:
        raise FileError(str(error)) from None
    except (RuleError, ExposedWithoutToken, NothingToCopy, CertificateError) as error:
        raise click.UsageError(str(error)) from None
    except StoreError as error:
        raise click.ClickException(error.advice()) from None
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
