"""Intervals by which balances are reset, and prices are due."""

from __future__ import annotations

from typing import Final

from autumn_mock.domain.plan import Interval
from autumn_mock.wire import schema as z

RESET_INTERVAL: Final[z.Schema[Interval]] = z.enum(
    "one_off", "minute", "hour", "day", "week", "month", "quarter", "semi_annual", "year"
)
BILLING_INTERVAL: Final[z.Schema[Interval]] = z.enum("one_off", "week", "month", "quarter", "semi_annual", "year")
