"""Starting and stopping a server: errors as messages with an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from autumn_mock.engine import Engine


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
        raise click.ClickException(
            f"{engine.settings.db} could not be written: {error.strerror or error}; "
            "nothing is lost: the log beside it has the changes, and the next start applies them"
        ) from None
