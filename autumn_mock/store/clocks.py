"""The clocks of a server and of its organisations, and their records in the database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial

from autumn_mock.clock import Clock
from autumn_mock.domain.organisation import ClockState
from autumn_mock.locks import Level, new_lock
from autumn_mock.store.changes import Change
from autumn_mock.store.errors import StoreError

_log = logging.getLogger("autumn_mock.store")

#: The table of their records.
TABLE = "clocks"
#: The id in the record of the server's own clock.
_SERVER = ""


class Clocks:
    """The server's clock, and those of organisations, which follow it until they are moved.

    ``keep`` writes a change to the log; None: there is none. It is called for every move, in the order of the moves.
    """

    def __init__(self, server: Clock, keep: Callable[[Change], None] | None) -> None:
        self.server = server
        self._keep = keep
        self._lock = new_lock(Level.CLOCK_RECORDS)
        self._by_org: dict[str, Clock] = {}
        self._listener: Callable[[], None] | None = None
        self._keep_moves(_SERVER, server)

    def known(self, org_id: str) -> Clock | None:
        """The clock of an organisation, if it has been used."""
        return self._by_org.get(org_id)

    def of(self, org_id: str, source: Clock | None = None) -> Clock:
        """The clock of an organisation; a new one follows ``source``, by default the server's."""
        clock = self._by_org.get(org_id)
        if clock is None:
            clock = self._by_org[org_id] = Clock((source or self.server).now)
            self._keep_moves(org_id, clock)
            if self._listener is not None:
                clock.on_move(self._listener)
        return clock

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever one of them is moved."""
        self._listener = listener
        for clock in (self.server, *self._by_org.values()):
            clock.on_move(listener)

    def end(self, org_id: str) -> None:
        """Forget the clock of a removed organisation."""
        self._by_org.pop(org_id, None)

    # -- records

    def states(self) -> list[ClockState]:
        """The clocks that do not just follow their source."""
        found = [self._state(_SERVER, self.server), *(self._state(*each) for each in [*self._by_org.items()])]
        return [each for each in found if each.offset or each.frozen_at is not None]

    def restore(self, states: Iterable[ClockState], *, server: bool) -> None:
        """Set clocks as their records have them. Without ``server`` the server's stays, and its record is written."""
        for each in states:
            if each.org == _SERVER:
                if server:
                    self.server.restore(each.offset, each.frozen_at)
            else:
                self.of(each.org).restore(each.offset, each.frozen_at)
        if not server and self._keep is not None:
            self._keep_moved(self._keep, _SERVER, self.server)

    @staticmethod
    def _state(org_id: str, clock: Clock) -> ClockState:
        offset, frozen_at = clock.state()
        return ClockState(org=org_id, offset=offset, frozen_at=frozen_at)

    def _keep_moves(self, org_id: str, clock: Clock) -> None:
        if self._keep is not None:
            clock.on_move(partial(self._keep_moved, self._keep, org_id, clock))

    def _keep_moved(self, keep: Callable[[Change], None], org_id: str, clock: Clock) -> None:
        with self._lock:
            try:
                keep(Change(put={TABLE: [self._state(org_id, clock)]}))
            except (OSError, StoreError) as error:
                _log.warning("a clock was moved, which the file has from its next checkpoint on: %s", error)


def noted(changes: Iterable[Change], states: dict[str, ClockState]) -> None:
    """Add the records of clocks in some changes to ``states``, by organisation; drop those of removed ones."""
    for change in changes:
        states.update((each.org, each) for each in change.put.get(TABLE, ()))
        for org_id in change.delete.get("organisations", ()):
            states.pop(org_id, None)
