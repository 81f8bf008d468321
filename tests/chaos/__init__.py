"""Servers that are killed, starved, crowded and fed damaged files, and the laws that hold all the same.

Each script is one law: a function that breaks something and raises :class:`AssertionError` when the law does not hold.
``test_chaos.py`` runs all of them briefly; the long form is::

    python -m tests.chaos [--rounds N] [--seconds S] [--seed N] [NAME ...]

which prints one line of JSON for each script. A NAME is that of a script, or the first part of several: ``damage``.
"""
