"""Many clients that do things at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tests.chaos.victim import TIMEOUT, Victim
from tests.support.client import Client

R = TypeVar("R")


def together(acts: Sequence[Callable[[], R]], timeout: float = TIMEOUT) -> list[R]:
    """Do each in a thread of its own; their results in order. The first thing that goes wrong is raised here."""
    results: dict[int, R] = {}
    errors: list[BaseException] = []

    def carefully(number: int, act: Callable[[], R]) -> None:
        try:
            results[number] = act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=carefully, args=each, daemon=True) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a client hangs"
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(acts))]


@contextmanager
def connected(victim: Victim, count: int) -> Iterator[list[Client]]:
    """``count`` connections that are open already."""
    clients = [victim.client() for _ in range(count)]
    try:
        for client in clients:
            client.connect()
        yield clients
    finally:
        for client in clients:
            client.close()


def at_once(clients: Sequence[Client], act: Callable[[int, Client], R]) -> list[R]:
    """Let every client do one thing, all of them beginning at the same moment. ``act`` gets the client's number."""
    barrier = threading.Barrier(len(clients))

    def one(number: int, client: Client) -> R:
        barrier.wait(TIMEOUT)
        return act(number, client)

    def prepared(number: int, client: Client) -> Callable[[], R]:
        return lambda: one(number, client)

    return together([prepared(number, client) for number, client in enumerate(clients)])
