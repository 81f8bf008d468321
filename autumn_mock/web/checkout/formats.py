"""Amounts, dates and cards as the pages show them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from autumn_mock.domain.amount import number
from autumn_mock.domain.payment import Card
from autumn_mock.payments.descriptions import money

_CARDS = {"ok": "it works", "declines": "it is declined", "needs_3ds": "it wants 3-D Secure"}


def day(instant: int) -> str:
    """The day of an instant (ms), in UTC: ``18 Feb 2026``."""
    return f"{datetime.fromtimestamp(instant / 1000, timezone.utc):%d %b %Y}"


def moment(instant: int) -> str:
    """An instant (ms), in UTC, to the minute."""
    return f"{datetime.fromtimestamp(instant / 1000, timezone.utc):%d %b %Y, %H:%M} UTC"


def card(value: Card | None) -> str:
    """A payment method."""
    return "none" if value is None else f"{value.brand.title()} ending in {value.last4} ({_CARDS[value.behavior]})"


def plain(value: Decimal | float) -> str:
    """A quantity without needless zeros."""
    return str(number(value) if isinstance(value, Decimal) else value)


FILTERS = {"money": money, "day": day, "moment": moment, "card": card, "plain": plain}
