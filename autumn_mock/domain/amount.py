"""Amounts: exact decimals internally, plain JSON numbers in requests and answers.

Autumn computes in doubles and rounds the balances it shows to ten decimals, half up. Decimals give the same answers
without rounding errors: 0.1 + 0.2 is 0.3, and a refund undoes a charge exactly.

    >>> number(rounded(amount(10) / amount(3)))
    3.3333333333
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)
INFINITE = Decimal("Infinity")
#: How much of a feature a plan includes, or a customer buys, at most.
MOST_UNITS = 10**13

#: Ten decimals, the precision of every amount that Autumn shows.
_PLACES = Decimal("1e-10")
_CENT = Decimal("0.01")
#: Precise enough for any double, so that no value is an error.
_WIDE = Context(prec=700, rounding=ROUND_HALF_UP)


def rounded(value: Decimal) -> Decimal:
    """``value`` to ten decimals, half up."""
    try:
        return value.quantize(_PLACES, ROUND_HALF_UP)
    except InvalidOperation:  # more digits than the thread's context holds
        return value.quantize(_PLACES, context=_WIDE)


def money(value: Decimal) -> Decimal:
    """An amount of money in the major unit of a currency: two decimals, half up."""
    try:
        return value.quantize(_CENT, ROUND_HALF_UP)
    except InvalidOperation:  # more digits than the thread's context holds
        return value.quantize(_CENT, context=_WIDE)


def amount(value: int | float | Decimal) -> Decimal:
    """The exact decimal that a JSON number was written as."""
    if isinstance(value, float):
        return Decimal(int(value)) if value.is_integer() else Decimal(repr(value))
    return Decimal(value)


def number(value: Decimal) -> int | float:
    """An amount as balances show it: ten decimals, no trailing zeros, whole numbers without a point."""
    return exact_number(value if value == int(value) else rounded(value))


def exact_number(value: Decimal) -> int | float:
    """An amount as JSON writes it, with all its digits."""
    whole = int(value)
    return whole if whole == value else float(value)
