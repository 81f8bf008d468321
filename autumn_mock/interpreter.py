"""The interpreter lock and the garbage collector: what the server does about them, and what each measure saves.

One process answers requests, deducts, and writes files, under one interpreter lock. Measured with 8 connections that
send batches of 1000 while another client sends checks (CPU of a deducted item; latency of a check), on two cores that
were shared with other work:

==========================================  =====================================================================
``gc.freeze`` (:func:`gc_paused`),          without: 13 % more CPU per item, median of a check 5.6 instead of 4.6 ms
``gc.set_threshold``
(:func:`tune_interpreter`)
``gc.freeze`` before the collector is       without, or later: 7 % more CPU until the server has started
enabled
``sys.setswitchinterval``                   without: 10 % more CPU per item, median of a check 5.8 instead of 4.6 ms
(:func:`tune_interpreter`)
``FairLock.yield_to_waiters``               without: 95th percentile of a check 57 instead of 44 ms, same CPU
``gc=False`` of records                     without: a full collection of 200 000 events takes 0.18 instead of 0.03 s
``_GilYielder`` of the file                 without: while a file is written, four thread switches with 0.1 ms of
                                            work take 6 instead of 1 ms (median)
:func:`gc_paused` of imports                without: 28 % more CPU until the server has started
==========================================  =====================================================================

The collector is paused until ``serve`` has built its engine. For the records of a database that saves nothing (0.76 s
instead of 0.73 s for 200 000 events), because they are not tracked.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused(*, freeze: bool = False) -> Iterator[None]:
    """Disable the collector while modules are imported: it would walk over all of them repeatedly and find nothing.

    Other threads run without it as well. ``freeze`` exempts everything that exists at the end from collection: the
    collector would walk over all that was made as soon as it is enabled. This concerns the whole process: an embedded
    server must not do it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if freeze:
            gc.freeze()
        if was_enabled:
            gc.enable()


def tune_interpreter() -> None:
    """Tune the interpreter for a server. This concerns the whole process: an embedded server must not call it."""
    # A batch creates thousands of objects, hardly any of them in cycles: collect rarely.
    gc.set_threshold(100_000, 50, 100)
    # A request passes from thread to thread; while a worker computes, each pass takes one of these intervals (s).
    sys.setswitchinterval(0.001)
