"""Many clients at once, and sums that have to come out all the same."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos.crowd import at_once, connected, together
from tests.chaos.guests import Guest
from tests.chaos.scripts import Effort, Figures, script
from tests.chaos.victim import Victim
from tests.support.client import BATCH, CHECK, FINALIZE, TRACK, Client

#: Connections of a crowd.
CROWD = 64
_GRANT = 1_000_000_000


def _served(place: Path) -> Victim:
    return Victim(place, "--db", str(place / "db.json")).ready()


def _finish(victim: Victim, client: Client) -> dict[str, Any]:
    """Work everything off, audit, stop; the books of the organisation."""
    client.drain(timeout=600)
    found = client.audit()
    victim.stop()
    books: dict[str, Any] = found["organisations"][0]["books"]
    return books


def _use(customer: str, value: float = 1) -> dict[str, Any]:
    return {"customer_id": customer, "feature_id": "messages", "value": value}


# -- one balance


@script(brief=Effort(rounds=5), long=Effort(rounds=200))
def one_customer(effort: Effort, place: Path) -> Figures:
    """Simultaneous tracks of one customer sum up exactly, and each answer shows a balance of its own.

    A round is 64 tracks at once.
    """

    def track(number: int, client: Client) -> float:
        left: float = client.ask(TRACK, _use("one", number + 1))["balance"]["remaining"]
        return left

    with _served(place) as victim, victim.client() as first, connected(victim, CROWD) as clients:
        first.grant("one", _GRANT)
        left = _GRANT
        for _ in range(effort.rounds):
            seen = at_once(clients, track)
            left -= CROWD * (CROWD + 1) // 2
            assert len(set(seen)) == CROWD, "two tracks saw the same balance"
            assert min(seen) == left
            assert first.remaining("one") == left
        _finish(victim, first)
    return {"tracks": effort.rounds * CROWD}


# -- one key


@script(brief=Effort(rounds=100), long=Effort(rounds=1000))
def one_key(effort: Effort, place: Path) -> Figures:
    """Of two simultaneous requests with one idempotency key exactly one succeeds, and the other receives 409.

    A round is three keys: one in both headers, one in both bodies, one of a track now and a track that is queued.
    """
    winners: Counter[str] = Counter()
    with _served(place) as victim, victim.client() as first, connected(victim, 2) as clients:
        first.grant("keys", _GRANT)
        for turn in range(effort.rounds):
            for kind, act in _KEYED.items():
                won, lost = sorted(at_once(clients, act(f"{kind}-{turn}")))
                assert won in (200, 202), f"{kind} {turn}: {won} and {lost}"
                assert lost == 409, f"{kind} {turn}: {won} and {lost}"
                winners[f"{kind} {won}"] += 1
        first.drain()
        assert first.remaining("keys") == _GRANT - len(_KEYED) * effort.rounds
        _finish(victim, first)
    return {"keys": len(_KEYED) * effort.rounds, "winners": dict(winners)}


_Act = Callable[[int, Client], int]


def _in_headers(key: str) -> _Act:
    return lambda _, client: client.post(TRACK, _use("keys"), idempotency_key=key).status


def _in_bodies(key: str) -> _Act:
    return lambda _, client: client.post(TRACK, {**_use("keys"), "idempotency_key": key}).status


def _now_and_later(key: str) -> _Act:
    return lambda number, client: (
        client.post(TRACK, {**_use("keys"), "idempotency_key": key, "async": bool(number)}).status
    )


_KEYED = {"headers": _in_headers, "bodies": _in_bodies, "now and later": _now_and_later}


@script(brief=Effort(rounds=30), long=Effort(rounds=1000))
def one_key_queued(effort: Effort, place: Path) -> Figures:
    """Items with one idempotency key are deducted once, within a batch, between batches, and beside a track.

    A round is three keys, each twice in each of six batches, and two of them in a track.
    """

    def send(keyed: list[dict[str, Any]]) -> _Act:
        def act(number: int, client: Client) -> int:
            if number < 6:
                return client.post(BATCH, [*keyed, *keyed]).status
            return client.post(TRACK, keyed[number - 6]).status

        return act

    with _served(place) as victim, victim.client() as first, connected(victim, 8) as clients:
        first.grant("keys", _GRANT)
        for turn in range(effort.rounds):
            keyed = [{**_use("keys"), "idempotency_key": f"{turn}-{number}"} for number in range(3)]
            statuses = at_once(clients, send(keyed))
            assert statuses[:6] == [202] * 6, statuses
            assert set(statuses[6:]) <= {200, 409}, statuses
        first.drain()
        assert first.remaining("keys") == _GRANT - 3 * effort.rounds
        books = _finish(victim, first)
    return {"keys": 3 * effort.rounds, "deducted": books["deducted"], "duplicates": books["lost"]}


# -- locks


def _lock(customer: str, lock_id: str, amount: float) -> dict[str, Any]:
    held = {"lock_id": lock_id, "enabled": True}
    return {"customer_id": customer, "feature_id": "messages", "required_balance": amount, "lock": held}


@script(brief=Effort(rounds=4, seed=1), long=Effort(rounds=100, seed=1))
def locks(effort: Effort, place: Path) -> Figures:
    """Locks taken and finalized from many threads never hold or spend more than there is.

    A round is 64 clients that want 3 each of a balance that 40 of them can have, then settle what they got.
    """
    outcomes: Counter[str] = Counter()
    rng = random.Random(effort.seed)
    grant = 40 * 3 + 1  # one is left: a loose balance that is used up would be gone for good
    with _served(place) as victim, victim.client() as first, connected(victim, CROWD) as clients:
        for turn in range(effort.rounds):
            customer = f"locks-{turn}"
            first.grant(customer, grant)
            allowed = at_once(clients, _taking(customer))
            assert sum(allowed) == 40, f"{sum(allowed)} locks of 3 were given of {grant}"
            assert first.remaining(customer) == 1
            finals = [rng.choice((0, 1, 3)) for _ in clients]
            statuses = at_once(clients, _settling(customer, finals))
            assert statuses == [200 if each else 400 for each in allowed]
            spent = [final for final, had in zip(finals, allowed, strict=True) if had]
            assert first.remaining(customer) == grant - sum(spent)
            outcomes.update(f"of 3, spent {final}" for final in spent)
        _finish(victim, first)
    return {"locks": effort.rounds * CROWD, "settled": dict(outcomes)}


def _taking(customer: str) -> Callable[[int, Client], bool]:
    return lambda number, client: bool(client.ask(CHECK, _lock(customer, f"{customer}-{number}", 3))["allowed"])


def _settling(customer: str, finals: list[int]) -> _Act:
    """What each client does with its lock: release it, or spend some of it."""

    def act(number: int, client: Client) -> int:
        final = finals[number]
        how = {"action": "confirm", "override_value": final} if final else {"action": "release"}
        return client.post(FINALIZE, {"lock_id": f"{customer}-{number}", **how}).status

    return act


@script(brief=Effort(rounds=10), long=Effort(rounds=300))
def one_lock(effort: Effort, place: Path) -> Figures:
    """A lock id is given once, and finalized once, however many ask at the same moment. A round is a lock id."""

    def take(lock_id: str) -> _Act:
        return lambda _, client: client.post(CHECK, _lock("lock", lock_id, 2)).status

    def finish(lock_id: str) -> _Act:
        return lambda _, client: client.post(FINALIZE, {"lock_id": lock_id, "action": "confirm"}).status

    with _served(place) as victim, victim.client() as first, connected(victim, 8) as clients:
        first.grant("lock", _GRANT)
        for turn in range(effort.rounds):
            taken = at_once(clients, take(f"lock-{turn}"))
            assert sorted(taken) == [200] + [409] * 7, taken
            finished = at_once(clients, finish(f"lock-{turn}"))
            assert sorted(finished) == [200] + [400] * 7, finished
        assert first.remaining("lock") == _GRANT - 2 * effort.rounds
        _finish(victim, first)
    return {"locks": effort.rounds}


# -- a customer that there is not yet


@script(brief=Effort(rounds=5), long=Effort(rounds=200))
def one_new_customer(effort: Effort, place: Path) -> Figures:
    """However many ask for a new customer at the same moment, one is made. A round is 32 requests for one id."""

    def ask(name: str) -> Callable[[int, Client], str]:
        body = {"customer_id": name, "with_autumn_id": True}
        return lambda _, client: str(client.ask("/v1/customers.get_or_create", body)["autumn_id"])

    names = [f"new-{turn}" for turn in range(effort.rounds)]
    with _served(place) as victim, victim.client() as first, connected(victim, 32) as clients:
        for name in names:
            made = set(at_once(clients, ask(name)))
            assert len(made) == 1, made
        found = [each for each in _customers(first) if each.startswith("new-")]
        assert sorted(found) == sorted(names)
        _finish(victim, first)
    return {"requests": 32 * effort.rounds, "customers": len(found)}


def _customers(client: Client) -> list[str]:
    """The ids of all customers, page by page."""
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = client.ask("/v1/customers.list", {"limit": 100, **cursor})
        found += [each["id"] for each in page["list"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"start_cursor": page["next_cursor"]}


# -- everything at once


#: What a call may be answered in the crowd, where some things were done already, or are gone.
_FINE = {"200", "202", "400", "404", "409"}


@script(brief=Effort(seconds=5, seed=1), long=Effort(seconds=120, seed=1))
def everything(effort: Effort, place: Path) -> Figures:
    """64 connections that mix every call: none fails, and in the end every balance is its grants less its deductions.

    Customers of their own, features and plans come and go meanwhile. The books balance at every moment.
    """
    rng = random.Random(effort.seed)
    customers = [f"mix-{number}" for number in range(8)]
    guests = [Guest(number, customers, random.Random(rng.random())) for number in range(CROWD)]
    counted: Counter[str] = Counter()
    granted: Counter[str] = Counter()
    with _served(place) as victim, victim.client() as first, connected(victim, CROWD) as clients:
        for customer in customers:
            first.grant(customer, _GRANT)
            seat = {"customer_id": customer, "entity_id": f"{customer}-seat", "feature_id": "seats"}
            first.ask("/v1/entities.create", seat)
        ends = time.monotonic() + effort.seconds
        stays = [_staying(guest, client, ends) for guest, client in zip(guests, clients, strict=True)]
        together([*stays, _auditing(first, ends)], effort.seconds + 120)
        first.drain(timeout=600)
        for guest in guests:
            counted.update(guest.counted)
            granted.update(guest.granted)
        wrong = {name: count for name, count in counted.items() if name.split()[-1] not in _FINE}
        assert not wrong, wrong
        for customer in customers:
            left, wanted = first.remaining(customer), _GRANT + granted[customer] - _used(first, customer)
            assert left == wanted, f"{customer} has {left} and should have {wanted}"
        books = _finish(victim, first)
    return {"requests": sum(counted.values()), "answers": dict(sorted(counted.items())), "books": books}


def _staying(guest: Guest, client: Client, until: float) -> Callable[[], None]:
    return lambda: guest.stay(client, until)


def _auditing(client: Client, until: float) -> Callable[[], None]:
    def act() -> None:
        while time.monotonic() < until:
            client.audit()

    return act


def _used(client: Client, customer: str) -> float:
    """What was taken from a customer's balances of messages, according to the events."""
    events = client.get(f"/_mock/events?customer_id={customer}&limit=100000000").body["list"]
    parts: list[dict[str, Any]] = [
        part for event in events for part in event["deductions"] if part["feature_id"] == "messages"
    ]
    return float(sum(part["value"] for part in parts))
