"""By how much a clock is moved, in words: the same in scenarios, in tests, on the command line and over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from autumn_mock.clock import Clock
from autumn_mock.durations import parse_duration
from autumn_mock.ledger.intervals import MINUTE, add_months
from autumn_mock.store.environment import Environment

#: Until something is due in the organisation.
NEXT_RESET = "next-reset"
_EXAMPLES = "90m, 1d, 1h30m, 250ms, 1month or next-reset"
#: Calendar months and years: ``1month``, ``3 months``, ``1y``.
_MONTHS = re.compile(r"(\d{1,4}) ?(?:(months?|mo)|(years?|y))")


def read_length(value: Any) -> str:
    """A length in words: a duration, calendar months or years, or ``next-reset``. Raises :class:`ValueError`."""
    if not isinstance(value, str):
        raise ValueError(f"must be like {_EXAMPLES}")
    if value != NEXT_RESET:
        _length_from(0, value)
    return value


def length_ahead(clock: Clock, text: str, environments: Iterable[Environment]) -> int:
    """The ms of a length in words that begins now; ``next-reset`` is that of the environments.

    Raises :class:`ValueError`.
    """
    return _until_reset(environments) if text == NEXT_RESET else _length_from(clock.now(), text)


def _length_from(now: int, text: str) -> int:
    """The ms of a duration (``1d``), or of calendar months or years (``1month``, ``2y``) that begin ``now``."""
    months = _MONTHS.fullmatch(text)
    if months is None:
        return parse_duration(text, _EXAMPLES)
    return add_months(now, int(months[1]) * (12 if months[3] else 1)) - now


def _until_reset(environments: Iterable[Environment]) -> int:
    """The ms until the next balance is reset or plan renews, begins or ends, and all that follows it within a minute.

    Something is due once its time has passed.
    """
    from autumn_mock.operations.billing.due_changes import plan_instants

    ahead = []
    for environment in environments:
        now = environment.clock.now()
        with environment.lock:
            instants = [row.next_reset_at for row in environment.balances]
            for owner in {each.customer for each in environment.customer_plans}:
                instants += plan_instants(environment, owner)
            ahead += [each - now for each in instants if each is not None and each >= now]
    if not ahead:
        raise ValueError("no balance here has a next reset, and no plan renews")
    return max(each for each in ahead if each <= min(ahead) + MINUTE) + 1
