"""Amounts, dates and cards as the pages show them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from autumn_mock.domain.amount import number
from autumn_mock.domain.payment import Card

_SIGNS = {"usd": "$", "eur": "€", "gbp": "£"}
_CARDS = {"ok": "it works", "declines": "it is declined", "needs_3ds": "it wants 3-D Secure"}


def money(value: Decimal | float, currency: str = "usd") -> str:
    """An amount in the major unit: ``$20.00``, ``-$5.00``, ``20.00 SEK``."""
    sign = _SIGNS.get(currency.lower())
    shown = f"{abs(value):,.2f}"
    shown = f"{sign}{shown}" if sign is not None else f"{shown} {currency.upper()}"
    return f"-{shown}" if value < 0 else shown


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
