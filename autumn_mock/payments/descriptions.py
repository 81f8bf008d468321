"""The texts of invoice lines, and of amounts.

Pro - Base Price (from 18 Feb 2026 to 18 Mar 2026)
Unused Pro - 1,500 API calls (from 18 Feb 2026 to 18 Mar 2026) (Seat 4)
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.ledger.intervals import to_datetime
from autumn_mock.payments.cycles import Cycle

#: Not those of the machine's language.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def described(
    plan: Plan,
    feature: Feature | None,
    quantity: Decimal,
    period: Cycle | None,
    entity_name: str | None,
    *,
    unused: bool = False,
) -> str:
    """The text of a line: of a feature with its quantity, else of the base price."""
    what = "Base Price" if feature is None else counted(feature, quantity)
    text = f"{plan.name} - {what}"
    if period is not None:
        text += f" (from {day(period.start)} to {day(period.end)})"
    if entity_name is not None:
        text += f" ({entity_name})"
    return f"Unused {text}" if unused else text


def counted(feature: Feature, quantity: Decimal) -> str:
    """Units of a feature: ``1 user``, ``1,500 API calls``."""
    names = feature.display
    several = (names.plural if names is not None else None) or feature.name
    one = (names.singular if names is not None else None) or several
    return f"{int(quantity.to_integral_value(ROUND_CEILING)):,} {one if quantity == 1 else several}"


_SIGNS = {"usd": "$", "eur": "€", "gbp": "£"}


def money(value: Decimal | float, currency: str = "usd") -> str:
    """An amount in the major unit: ``$20.00``, ``-$5.00``, ``20.00 SEK``."""
    sign = _SIGNS.get(currency.lower())
    shown = f"{abs(value):,.2f}"
    shown = f"{sign}{shown}" if sign is not None else f"{shown} {currency.upper()}"
    return f"-{shown}" if value < 0 else shown


def day(instant: int) -> str:
    """A day in UTC: ``18 Feb 2026``."""
    moment = to_datetime(instant)
    return f"{moment.day:02} {_MONTHS[moment.month - 1]} {moment.year}"
