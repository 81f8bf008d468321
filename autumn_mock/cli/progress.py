"""A bar while a large file is read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

#: A file with fewer records is read before anybody could look.
_FEW = 20_000
#: Into so many steps the bar is divided.
_STEPS = 200


@contextmanager
def loading_bar() -> Iterator[Callable[[int, int], None]]:
    """Gives what a :class:`~autumn_mock.store.state.State` tells how many of how many records it has read. A terminal
    sees a bar; nothing else is printed anywhere."""
    with ExitStack() as stack:
        bar: Any = None
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal bar, shown
            if bar is None:
                if total < _FEW or not sys.stderr.isatty():
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
