"""Errors that may come many times a second, such as those of a full disk, which often has the log, too."""

from __future__ import annotations

import logging

from autumn_mock.clock import stopwatch

#: Seconds between two lines of the same error.
INTERVAL_S = 10.0


class RepeatedError:
    """Logs the first error at once, and then at most one each :data:`INTERVAL_S`, with the count of those left out.

    It may be used from any thread; two that meet may log one line more.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next = 0.0
        self._left_out = 0

    def log(self, text: str, *arguments: object) -> None:
        """Log an error; the text is one of %-formatting, as for :mod:`logging`."""
        now = stopwatch()
        if now < self._next:
            self._left_out += 1
            return
        self._next = now + INTERVAL_S
        left_out, self._left_out = self._left_out, 0
        if left_out:
            text += " (and %s more since the last such line)"
            arguments = (*arguments, left_out)
        self._logger.error(text, *arguments)
