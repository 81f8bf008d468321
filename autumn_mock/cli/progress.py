"""A progress bar for loading a large file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

#: Smaller files are loaded in an instant.
_MIN_RECORDS = 20_000
_STEPS = 200


@contextmanager
def loading_bar() -> Iterator[Callable[[int, int], None]]:
    """A callback for :class:`~autumn_mock.store.state.State`, called with the number of records loaded and the total.

    It shows a bar on a terminal, and nothing elsewhere.
    """
    with ExitStack() as stack:
        bar: Any = None
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal bar, shown
            if bar is None:
                if total < _MIN_RECORDS or not sys.stderr.isatty():
                    return
                bar = stack.enter_context(
                    click.progressbar(
                        length=total,
                        label="autumn-mock: loading",
                        file=sys.stderr,
                        update_min_steps=max(total // _STEPS, 1),
                    )
                )
            bar.update(done - shown)
            shown = done

        yield progress
