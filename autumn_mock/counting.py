"""Counts in messages: a number with its noun, and the verb that agrees with it."""

from __future__ import annotations


def count_of(count: int, what: str) -> str:
    """``1 item``, ``3 items``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def count_in(count: int, listed: str) -> str:
    """``1 closed plan``, ``3 entities``; ``listed`` is the name of a list: ``closed_plans``, ``entities``."""
    what = listed.replace("_", " ")
    if count == 1 and what.endswith("s"):
        what = f"{what[:-3]}y" if what.endswith("ies") else what[:-1]
    return f"{count} {what}"


def are(number: int) -> str:
    """The verb for a number of things."""
    return "is" if number == 1 else "are"


def were(number: int) -> str:
    """The past form of :func:`are`."""
    return "was" if number == 1 else "were"
