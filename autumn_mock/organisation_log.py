"""Lines of the log about organisations that are opened and closed. The server alone shows them: elsewhere they are
below the level of the loggers.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from autumn_mock.counting import count_of
from autumn_mock.domain.organisation import shown_key
from autumn_mock.durations import duration_text

if TYPE_CHECKING:
    from autumn_mock.domain.organisation import Organisation

#: The name of their logger.
NAME = "autumn_mock.organisations"
_log = logging.getLogger(NAME)


def log_opened(organisation: Organisation, key: str, idle: int | None) -> None:
    """Log that an organisation was opened. ``idle`` (ms): it is closed when no request has used it for so long."""
    end = "" if idle is None else f"; it is closed when no request has used it for {duration_text(idle)}"
    _log.info("opened organisation %s for the key %s%s", organisation.slug, shown_key(key), end)


def log_closed(organisation: Organisation, idle: int | None) -> None:
    """Log that an organisation was closed: by a call, or after ``idle`` ms without requests."""
    why = "" if idle is None else f"; no request had used it for {duration_text(idle)}"
    _log.info("closed organisation %s%s", organisation.slug, why)


def log_reset(closed: int) -> None:
    """Log that a reset of the whole server has closed organisations."""
    if closed:
        _log.info("closed %s by a reset", count_of(closed, "organisation"))
