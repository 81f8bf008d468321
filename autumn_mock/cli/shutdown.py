"""Ending a server whose disk may be full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from autumn_mock.engine import Engine


def stop(engine: Engine) -> None:
    """Stop it. A file that cannot be written is told in a sentence, with exit code 1."""
    try:
        engine.stop()
    except OSError as error:
        raise click.ClickException(
            f"{engine.settings.db} could not be written: {error.strerror or error}; "
            "nothing is lost, the log beside it has what happened since, and the next start reads it"
        ) from None


def not_begun(db: object, error: OSError) -> click.ClickException:
    """Why a server did not start whose database could not be written."""
    return click.ClickException(f"the database {db} cannot be written: {error.strerror or error}")
