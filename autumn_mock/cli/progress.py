"""Progress bars for loading, saving and sending a large file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

#: Smaller files are loaded, and sent, in an instant.
_MIN_RECORDS, _MIN_BYTES = 20_000, 8 << 20
_STEPS = 200


@contextmanager
def loading_bar(label: str = "autumn-mock: loading", least: int = _MIN_RECORDS) -> Iterator[Callable[[int, int], None]]:
    """A callback for :class:`~autumn_mock.store.state.State`, called with the number of records loaded and the total.

    It shows a bar on a terminal, and nothing elsewhere or when the total is below ``least``.
    """
    with ExitStack() as stack:
        bar: Any = None
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal bar, shown
            if bar is None:
                if total < least or not sys.stderr.isatty():
                    return
                bar = stack.enter_context(
                    click.progressbar(
                        length=total,
                        label=label,
                        file=sys.stderr,
                        update_min_steps=max(total // _STEPS, 1),
                    )
                )
            bar.update(done - shown)
            shown = done

        yield progress


def with_bar(pieces: Iterable[bytes], total: int | None, label: str) -> Iterator[bytes]:
    """The pieces, with a bar for the bytes among ``total`` (None: not known) that were taken."""
    with loading_bar(label, _MIN_BYTES) as progress:
        done = 0
        for piece in pieces:
            yield piece
            done += len(piece)
            progress(done, total or 0)
