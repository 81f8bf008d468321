"""The boards of a server: its own, and one for each environment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from autumn_mock.clock import Clock
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import Rule
from autumn_mock.store.environment import Environment

_Name = tuple[str, str]


class FaultBoards:
    """Makes a board for an environment at its first use, with the rules that it begins with.

    ``startup_rules`` are these, by the environment's name; ``on_change`` is called when rules come or go. A board stays
    the same when its environment starts over: whoever has it in hand arms what everybody sees.
    """

    def __init__(
        self, clock: Clock, startup_rules: Callable[[_Name], Iterable[Rule]], on_change: Callable[[], None]
    ) -> None:
        #: The rules of the whole server, armed while it runs.
        self.server = FaultBoard(clock, on_change)
        self._first_rules = startup_rules
        self._on_change = on_change
        self._lock = threading.Lock()
        self._boards: dict[_Name, FaultBoard] = {}

    def __repr__(self) -> str:
        return f"<FaultBoards of {len(self._boards)} environments>"

    def of(self, environment: Environment) -> FaultBoard:
        """The board of an environment."""
        board = self._boards.get(environment.name)
        if board is None:
            with self._lock:
                board = self._boards.get(environment.name)
                if board is None:
                    board = FaultBoard(environment.clock, self._on_change, self.server)
                    board.start_over(self._first_rules(environment.name))
                    self._boards[environment.name] = board
        return board

    def names(self) -> list[_Name]:
        """The environments that have a board."""
        with self._lock:
            return list(self._boards)

    def start_over(self, name: _Name | None = None) -> int:
        """Disarm the rules of one environment, or all rules, and arm the first ones again; says how many went."""
        with self._lock:
            cleared = self.server.start_over() if name is None else 0
            for known, board in self._boards.items():
                if name in (None, known):
                    cleared += board.start_over(self._first_rules(known))
            return cleared

    def forget(self, name: _Name) -> None:
        """Disarm the rules of an environment that is gone."""
        with self._lock:
            board = self._boards.pop(name, None)
        if board is not None:
            board.clear()
