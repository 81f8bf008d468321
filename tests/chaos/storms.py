"""Control operations against traffic, and a model of what must be left."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.crowd import connected, together
from tests.chaos.scripts import Effort, Figures, script
from tests.chaos.victim import EAGER, Victim
from tests.support.client import BATCH, CHECK, FINALIZE, TRACK, Client

_GRANT = 1_000_000
_CUSTOMERS = [f"storm-{number}" for number in range(5)]
_CLIENTS = 4
#: What a control operation or a call may be answered with, while its organisation is replaced or removed.
_FINE = {200, 201, 202, 400, 401, 404, 409, 429, 503, 504}
#: Rules that change neither whether usage is accepted nor how much of it is deducted.
_HARMLESS = (
    "worker:delay 50ms times=5",
    "worker:duplicate rate=0.5 ttl=1s",
    "worker:reorder ttl=1s",
    "worker:crash times=1",
    "worker:slow rate=200/s ttl=1s",
    "reply:delay 20ms times=5 route=balances.track",
    "limit:exhaust times=2",
    "queue:down times=2",
)


class Model:
    """One client, and what the balances must have lost by what it was answered."""

    def __init__(self, client: Client, number: int, rng: random.Random) -> None:
        self._client = client
        self._number = number
        self._rng = rng
        self._made = 0
        self.used: Counter[str] = Counter()
        self.queued = 0
        self.statuses: Counter[int] = Counter()

    def play(self, until: float) -> None:
        """Use balances until a moment of the monotonic clock."""
        acts: list[Callable[[str], None]] = [self._batch, self._batch, self._track, self._keyed, self._lock]
        while time.monotonic() < until:
            self._rng.choice(acts)(self._rng.choice(_CUSTOMERS))

    def _post(self, path: str, body: Any, **headers: str) -> int:
        status = self._client.post(path, body, **headers).status
        self.statuses[status] += 1
        return status

    def _use(self, customer: str, value: float) -> dict[str, Any]:
        return {"customer_id": customer, "feature_id": "messages", "value": value}

    def _count(self, status: int, customer: str, value: float, queued: int = 0) -> None:
        assert status in (200, 202, 429, 503), status
        if status < 300:
            self.used[customer] += Decimal(str(value))  # type: ignore[assignment]  # exact sums
            self.queued += queued

    def _batch(self, customer: str) -> None:
        values = [self._rng.choice((1, 2, 0.5)) for _ in range(self._rng.choice((1, 10, 200)))]
        status = self._post(BATCH, [self._use(customer, value) for value in values])
        self._count(status, customer, sum(values), len(values))

    def _track(self, customer: str) -> None:
        self._count(self._post(TRACK, self._use(customer, 1)), customer, 1)

    def _keyed(self, customer: str) -> None:
        """The same key three times, in turn: one of them is carried out."""
        self._made += 1
        key = f"{self._number}-{self._made}"
        statuses = [self._post(TRACK, self._use(customer, 2), Idempotency_Key=key) for _ in range(3)]
        assert sum(status == 200 for status in statuses) <= 1, statuses
        assert set(statuses) <= {200, 409, 429, 503}, statuses
        if 200 in statuses:
            self._count(200, customer, 2)

    def _lock(self, customer: str) -> None:
        self._made += 1
        lock = {"lock_id": f"lock-{self._number}-{self._made}", "enabled": True}
        body = {"customer_id": customer, "feature_id": "messages", "required_balance": 3, "lock": lock}
        reply = self._client.post(CHECK, body)
        assert reply.status in (200, 429), reply
        if reply.status != 200 or not reply.body["allowed"]:
            return
        final = self._rng.choice((0, 2, 3, 5))
        how = {"action": "confirm", "override_value": final} if final else {"action": "release"}
        while (status := self._post(FINALIZE, {"lock_id": lock["lock_id"], **how})) in (429, 503):
            pass
        assert status == 200, status
        self.used[customer] += final


class Operator:
    """Operations on an organisation of its own, or on the whole server, at random."""

    def __init__(self, client: Client, world: Client, rng: random.Random, *, replaces_all: bool) -> None:
        self._own = client
        #: Without a key: the whole server.
        self._world = world
        self._rng = rng
        self._replaces_all = replaces_all
        self.counted: Counter[str] = Counter()

    def operate(self, until: float) -> None:
        """Operate until a moment of the monotonic clock; what was paused or armed is undone at the end."""
        while time.monotonic() < until:
            name, method, path, body = self._rng.choice(self._operations())
            scope = self._own if name.startswith("own") or self._rng.random() < 0.5 else self._world
            key = {} if scope is self._world else {"authorization": f"Bearer {scope.key}"}
            reply = scope.request(method, path, body, key)
            assert reply.status in _FINE, (name, reply)
            self.counted[f"{name} {reply.status}"] += 1
            if reply.status == 401:  # a reset of the whole server has removed its organisation
                opened = self._world.request("POST", "/_mock/organisations", {})
                self._own.key = opened.body.get("key", self._own.key)
            if name == "open" and reply.status == 201:
                self._visit(reply.body["key"])

    def _operations(self) -> list[tuple[str, str, str, Any]]:
        rng = self._rng
        rule = {"rule": rng.choice(_HARMLESS)}
        found = [
            ("pause", "POST", "/_mock/queue", {"paused": True}),
            ("resume", "POST", "/_mock/queue", {"paused": False}),
            ("resume", "POST", "/_mock/queue", {"paused": False}),
            ("drain", "POST", "/_mock/drain", {"timeout": 0.2}),
            ("arm", "POST", "/_mock/faults", rule),
            ("clear", "DELETE", "/_mock/faults", None),
            ("open", "POST", "/_mock/organisations", {}),
            ("audit", "GET", "/_mock/audit", None),
            ("stats", "GET", "/_mock/stats", None),
            ("snapshot", "GET", "/_mock/snapshot", None),
            ("own advance", "POST", "/_mock/clock", {"advance": rng.choice(("1h", "31d", "-2d"))}),
            ("own freeze", "POST", "/_mock/clock", {"freeze": rng.random() < 0.5}),
            ("own reset", "POST", "/_mock/reset", None),
        ]
        if self._replaces_all:
            found += [("reset", "POST", "/_mock/reset", None), ("advance", "POST", "/_mock/clock", {"advance": "1d"})]
        return found

    def _visit(self, key: str) -> None:
        """Use an organisation, take a snapshot of it, put it back, and remove the organisation."""
        bearer = {"authorization": f"Bearer {key}", "x-api-version": "2.3.0"}
        use = {"customer_id": "cus_123", "feature_id": "messages"}
        steps = [("POST", TRACK, use), ("POST", BATCH, [use] * 5), ("GET", "/_mock/snapshot", None)]
        for method, path, body in steps:
            reply = self._own.request(method, path, body, bearer)
            assert reply.status in _FINE, (path, reply)
        if reply.status == 200:
            content = json.dumps(reply.body).encode()
            assert self._own.request("PUT", "/_mock/snapshot", content, bearer).status in _FINE
        assert self._own.request("DELETE", "/_mock/organisations", None, bearer).status in _FINE


@script(brief=Effort(seconds=4, seed=1), long=Effort(rounds=10, seconds=20, seed=1))
def beside(effort: Effort, place: Path) -> Figures:
    """What one organisation was answered is what it has, whatever is done to others and to the whole server.

    Its balances follow a model of its own, and a kill at the end, with checkpoints all the time, changes nothing. A
    round is a storm on the same database.
    """
    rng = random.Random(effort.seed)
    used: Counter[str] = Counter()
    queued, answers, operations = 0, Counter[int](), Counter[str]()
    options = ("--db", str(place / "db.json"))
    for number in range(effort.rounds):
        with Victim(place, *options, program=EAGER).ready() as victim, victim.client() as first:
            if not number:
                for customer in _CUSTOMERS:
                    first.grant(customer, _GRANT)
            models, operators = _play(victim, rng, effort.seconds, number)
            _settle(first)
            for model in models:
                used.update(model.used)
                answers.update(model.statuses)
                queued += model.queued
            for operator in operators:
                operations.update(operator.counted)
            _check(first, used, queued)
            before = _records(first)
            if rng.random() < 0.5:
                victim.kill()
            else:
                victim.stop()
            assert "Traceback" not in victim.stderr(), victim.stderr()
        with Victim(place, *options).ready() as victim, victim.client() as first:
            _check(first, used, queued)
            assert _records(first) == before
            victim.stop()
    return {"queued": queued, "answers": dict(answers), "operations": dict(sorted(operations.items()))}


@script(brief=Effort(seconds=3, seed=2), long=Effort(rounds=10, seconds=20, seed=2))
def whole(effort: Effort, place: Path) -> Figures:
    """Resets of the whole server under traffic: no request fails with 500, and the books balance afterwards."""
    rng = random.Random(effort.seed)
    operations, answers = Counter[str](), Counter[int]()
    options = ("--db", str(place / "db.json"))
    for _ in range(effort.rounds):
        with Victim(place, *options, program=EAGER).ready() as victim, victim.client() as first:
            stop = time.monotonic() + effort.seconds
            counts = [Counter[int]() for _ in range(_CLIENTS)]
            with connected(victim, _CLIENTS) as clients, _operators(victim, rng, 2, replaces_all=True) as operators:
                sends = [_sending(client, count, stop) for client, count in zip(clients, counts, strict=True)]
                together([*sends, *(_operating(each, stop) for each in operators)], effort.seconds + 120)
            _settle(first)
            first.audit()
            for count in counts:
                answers.update(count)
            for operator in operators:
                operations.update(operator.counted)
            victim.stop()
        with Victim(place, *options).ready() as victim, victim.client() as first:
            first.audit()
            victim.stop()
    return {"answers": dict(answers), "operations": dict(sorted(operations.items()))}


def _play(victim: Victim, rng: random.Random, seconds: float, number: int) -> tuple[list[Model], list[Operator]]:
    ends = time.monotonic() + seconds
    with connected(victim, _CLIENTS) as clients, _operators(victim, rng, 3, replaces_all=False) as operators:
        numbered = enumerate(clients, start=number * _CLIENTS)
        models = [Model(client, index, random.Random(rng.random())) for index, client in numbered]
        acts = [*(_playing(each, ends) for each in models), *(_operating(each, ends) for each in operators)]
        together(acts, seconds + 120)
    return models, operators


@contextmanager
def _operators(victim: Victim, rng: random.Random, count: int, *, replaces_all: bool) -> Iterator[list[Operator]]:
    """Operators, each with an organisation of its own."""
    with ExitStack() as stack, connected(victim, count) as clients:
        yield [
            Operator(
                stack.enter_context(victim.organisation()),
                client,
                random.Random(rng.random()),
                replaces_all=replaces_all,
            )
            for client in clients
        ]


def _playing(model: Model, until: float) -> Callable[[], None]:
    return lambda: model.play(until)


def _operating(operator: Operator, until: float) -> Callable[[], None]:
    return lambda: operator.operate(until)


def _sending(client: Client, counted: Counter[int], until: float) -> Callable[[], None]:
    def act() -> None:
        use = {"customer_id": "cus_123", "feature_id": "messages"}
        while time.monotonic() < until:
            for path, body in ((BATCH, [use] * 20), (TRACK, use), (CHECK, use)):
                status = client.post(path, body).status
                assert status in _FINE, (path, status)
                counted[status] += 1

    return act


def _settle(client: Client) -> None:
    """End what a storm has left, and work everything off."""
    client.request("DELETE", "/_mock/faults")
    client.request("DELETE", "/_mock/faults", None, client.headers())
    for key in (None, client.key):
        client.request("POST", "/_mock/queue", {"paused": False}, client.headers(key))
    client.drain()


def _check(client: Client, used: Counter[str], queued: int) -> None:
    """Whether the organisation that nothing was done to is as the model says."""
    client.drain()
    found = {customer: Decimal(str(client.remaining(customer))) for customer in _CUSTOMERS}
    wanted = {customer: _GRANT - used[customer] for customer in _CUSTOMERS}
    assert found == wanted, f"{found}, and the model has {wanted}"
    stats = client.stats()
    assert (stats["accepted"], stats["lost"]) == (queued, 0), f"{stats}, and {queued} were queued"
    client.audit()


def _records(client: Client) -> Any:
    """The organisation's snapshot, without the time at which it was made."""
    tables = client.request("GET", "/_mock/snapshot", None, client.headers()).body
    return {name: table for name, table in tables.items() if name != "_autumn_mock"}
