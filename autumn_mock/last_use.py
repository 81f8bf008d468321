"""When organisations were last used: shown by the list of organisations, and what closes those that are idle."""

from __future__ import annotations

from msgspec.structs import replace

from autumn_mock.clock import wall_clock
from autumn_mock.store.state import State


class LastUse:
    """When each organisation was last used, by its id, in ms of the machine's time.

    In memory, and from time to time in the records of the organisations, so that idleness counts over restarts.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._times: dict[str, int] = {}

    def read(self) -> None:
        """Begin with what the records say."""
        self._times = {each.id: each.last_used for each in self._state.organisations if each.last_used is not None}

    def of(self, org_id: str) -> int | None:
        """When an organisation was last used; None: not since it was opened."""
        return self._times.get(org_id)

    def note(self, org_id: str, at: int | None = None) -> None:
        """An organisation is used, now or at an instant."""
        self._times[org_id] = wall_clock() if at is None else at

    def idle(self, longest: int) -> list[str]:
        """The temporary organisations that were not used for ``longest`` (ms). One without a use is used now."""
        now = wall_clock()
        temporary = [each.id for each in self._state.organisations if each.is_temporary]
        return [each for each in temporary if now - self._times.setdefault(each, now) > longest]

    def keep(self) -> None:
        """Write it into the records, while nothing else changes them.

        Raises ``OSError`` or :class:`~autumn_mock.store.errors.StoreError` when the file cannot be written.
        """
        for each in self._state.organisations.snapshot():
            used = self._times.get(each.id)
            if used is not None and used != each.last_used:
                self._state.change(replace(each, last_used=used))

    def forget_removed(self) -> None:
        """Forget the organisations that are no longer there."""
        for org_id in [each for each in self._times if each not in self._state.organisations]:
            self._times.pop(org_id, None)
