"""Meters with a bug that metering clients often have.

``METER_BUG=NAME pytest`` puts one in the place of the meter under test, to show which test finds it. Do not copy them.
"""

from __future__ import annotations

import os

import httpx

from .meter import Item, Meter


class RetryAfter202(Meter):
    """Takes 202 for "not yet", and sends the batch again to be sure."""

    def _post(self, batch: list[Item]) -> httpx.Response:
        reply = super()._post(batch)
        return super()._post(batch) if reply.status_code == 202 else reply


class NoRetryOn503(Meter):
    """Gives up on a batch that could not be queued."""

    retried = Meter.retried - {503}


class NoBackOffOn429(Meter):
    """Sends again at once after a 429."""

    def _post(self, batch: list[Item]) -> httpx.Response:
        for _ in range(self._tries):
            reply = super()._post(batch)
            if reply.status_code != 429:
                break
        return reply


BUGS: dict[str, type[Meter]] = {
    "retry-after-202": RetryAfter202,
    "no-retry-on-503": NoRetryOn503,
    "no-back-off-on-429": NoBackOffOn429,
}


def meter_under_test() -> type[Meter]:
    """The meter, or the one with the bug that METER_BUG names."""
    name = os.environ.get("METER_BUG")
    return BUGS[name] if name else Meter
