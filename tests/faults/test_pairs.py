"""No fault, alone or with another one, makes a server unusable, leaks a thread or a socket, or unbalances the counters.

Random rules are armed, requests are sent into them, and all is cleared. ``AUTUMN_MOCK_PAIRS_SEED`` repeats a run, whose
seed is printed, and ``AUTUMN_MOCK_PAIRS_SECONDS`` makes it longer.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import combinations_with_replacement
from random import Random
from typing import Any

import pytest

from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.faults.kinds import FAULT_KINDS
from tests.faults.actions import until
from tests.faults.wire import connect, receive, send
from tests.support.server import ServerProcess

SEED = int(os.environ.get("AUTUMN_MOCK_PAIRS_SEED") or secrets.randbelow(1 << 32))
SECONDS = float(os.environ.get("AUTUMN_MOCK_PAIRS_SECONDS", "25"))
#: Seconds after which a client stops waiting for a reply.
CLIENT_TIMEOUT = 0.15

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")


# -- random rules


def _one_of(*texts: str) -> Callable[[Random], str]:
    return lambda random: random.choice(texts)


_COUNT = _one_of("1", "2", "3")
_SHORT = _one_of("5ms", "50ms", "120ms", "10m")
_VALUES: dict[str, Callable[[Random], str]] = {
    "items": _one_of("0", "1,2", "0,1,2,3,4"),
    "first": _COUNT,
    "last": _COUNT,
    "event": _one_of("message.sent", "nothing"),
    "retry-after": _one_of("0", "1", "date+5s", '"Wed, 21 Oct 2026 07:28:00 GMT"'),
    "body": _one_of("json", "html", "empty"),
    "times": _COUNT,
    "after": _one_of("0", "1", "2"),
    "every": _COUNT,
    "rate": _one_of("0", "0.3", "0.7", "1"),
    "seed": lambda random: str(random.randrange(1000)),
    "ttl": _one_of("20ms", "200ms", "1h"),
    "org": _one_of("autumn-mock"),
    "customer": _one_of("cus_123", "cus_456", "cus_nobody"),
    "feature": _one_of("messages", "api_calls"),
    "route": _one_of("balances.*", "balances.batch_track", "/v1/track", "customers.get", "*"),
    "down": _COUNT,
    "up": _COUNT,
    "worker:slow rate": _one_of("1/minute", "20/s", "1000/s"),
    "worker:delay": _SHORT,
    "reply:status": _one_of("200", "204", "299", "302", "304", "400", "429", "500", "502", "503", "504", "599"),
    "reply:delay": _one_of("5ms", "100ms", "5ms-200ms", "10m"),
    "reply:content-type": _one_of("text/plain", "application/octet-stream"),
    "reply:dribble": _one_of("5ms", "100ms", "1s", "10m"),
    "limit": _one_of("1/second", "3/second", "1/hour"),
    "status": _one_of("200", "400", "429", "500", "599"),
    "json": _one_of("'{}'", """'{"allowed":true}'""", "'[1, 2]'"),
    "text": _one_of("busy", "'it is late'"),
    "header": _one_of("X-Region:eu", "'X-Region: eu | X-Request: 7'"),
    "plan": _one_of("free", "pro"),
    "reason": _one_of("card_declined", "insufficient_funds", "expired_card", "authentication_required"),
    "topup:fail reason": _one_of("charge_failed", "missing_payment_method"),
    "payment:late": _SHORT,
    "payment:processing": _SHORT,
}
#: Options that do not go with another one.
_EXCLUDES = {"text": "json="}
#: Modifiers after which a rule rarely matches are rarer.
_RARE = ("org", "after", "route", "customer", "feature", "event")


def _values_of(kind: type[ArmedRule], option: str) -> Callable[[Random], str]:
    own = f"{kind.name} {option}"
    return _VALUES[own if own in _VALUES else option]


def _rule(kind: type[ArmedRule], random: Random) -> str:
    words = [kind.name]
    if kind.argument is not None and (kind.argument_default is None or random.random() < 0.8):
        words.append(_VALUES[kind.name](random))
    is_success = kind.name == "reply:status" and words[1] < "300"
    for name in kind.options_by_name():
        if (is_success and name == "body") or any(each.startswith(_EXCLUDES.get(name, "\0")) for each in words):
            continue
        must = kind.name == "worker:slow" and name == "rate"
        if must or random.random() < (0.04 if name in _RARE else 0.12):
            words.append(f"{name}={_values_of(kind, name)(random)}")
    if kind.has_phase and not is_success:
        words += random.choice([[], ["before=enqueue"], ["after=enqueue"]])
    text = " ".join(words)
    return parse_rule(text).seeded(random.randrange(1000)).text


# -- random requests


def _request(random: Random) -> tuple[str, str, Any]:
    customer = random.choice(["cus_123", "cus_456", "cus_123", "cus_nobody"])
    item = {"customer_id": customer, "feature_id": random.choice(["messages", "api_calls"])}
    event = {"customer_id": customer, "event_name": "message.sent"}
    if random.random() < 0.2:
        item["idempotency_key"] = random.choice("ab")
    ways: list[tuple[str, str, Any]] = [
        ("POST", "/v1/balances.batch_track", [random.choice([item, event]) for _ in range(random.randrange(1, 8))]),
        ("POST", "/v1/balances.batch_track", [item] * random.choice([1, 300])),
        ("POST", "/v1/balances.track", {**item, "async": True}),
        ("POST", "/v1/balances.track", {**event, "async": False}),
        ("POST", "/v1/track", {**item, "async": True}),
        ("POST", "/v1/balances.check", {"customer_id": customer, "feature_id": "messages"}),
        ("POST", "/v1/customers.get", {"customer_id": customer}),
        ("GET", f"/v1/customers/{customer}", None),
    ]
    return random.choice(ways)


# -- leaks


class _Leaks:
    """The threads and open files of a server: never more than at an earlier time without requests."""

    def __init__(self, server: ServerProcess) -> None:
        self._process = f"/proc/{server.pid}"
        self._least = self._count()

    def _count(self) -> tuple[int, int]:
        return len(os.listdir(f"{self._process}/task")), len(os.listdir(f"{self._process}/fd"))

    def check(self) -> None:
        threads, files = self._least
        self._least = until(self._count, lambda count: count[0] <= threads and count[1] <= files)


# -- one round


class _Round:
    """Two rules, or one, in an organisation of their own."""

    def __init__(
        self, server: ServerProcess, leaks: _Leaks, kinds: tuple[type[ArmedRule], ...], random: Random
    ) -> None:
        self.server = server
        self.leaks = leaks
        self.random = random
        self.rules = [_rule(kind, random) for kind in kinds]
        self.organisation = server.organisation()

    def run(self) -> None:
        in_header = []
        for rule in self.rules:
            if self.random.random() < 0.2:
                in_header.append(rule)
            else:
                self.organisation.ask("/_mock/faults", {"rule": rule})
        if self.random.random() < 0.2:
            self.organisation.freeze()
        self._send("; ".join(in_header))
        self._send("; ".join(in_header))
        self._end()
        self.leaks.check()
        if in_header:
            self._clear()  # of requests whose clients had disconnected before the server read them
        self._check_health()
        self.leaks.check()

    def _send(self, header: str) -> None:
        """Send requests at the same time; some clients disconnect early, and some rules are cleared meanwhile."""
        headers = {"authorization": f"Bearer {self.organisation.key}", "content-type": "application/json"}
        if header:
            headers["x-autumn-mock-fault"] = header
        with ExitStack() as stack:
            connections = []
            for _ in range(self.random.randrange(1, 5)):
                connection = stack.enter_context(connect(self.server.url, CLIENT_TIMEOUT))
                send(connection, *_request(self.random), headers)
                connections.append(connection)
            if self.random.random() < 0.1:
                self._end()
            end = time.monotonic() + CLIENT_TIMEOUT
            for connection in connections:
                if self.random.random() < 0.85:
                    connection.settimeout(max(end - time.monotonic(), 0.001))
                    receive(connection)
        if self.random.random() < 0.2:
            self.organisation.advance(self.random.choice(["30ms", "1s", "1h"]))

    def _end(self) -> None:
        """Clear the rules, or start over."""
        if self.random.random() < 0.8:
            self._clear()
        else:
            self.organisation.ask("/_mock/reset", {})

    def _clear(self) -> None:
        key = {"authorization": f"Bearer {self.organisation.key}"}
        assert self.server.request("DELETE", "/_mock/faults", None, key).status == 200

    def _check_health(self) -> None:
        organisation = self.organisation
        item = {"customer_id": "cus_456", "feature_id": "messages"}
        assert organisation.post("/v1/balances.batch_track", [item]).status == 202
        assert organisation.post("/v1/balances.track", {**item, "async": False}).status == 200
        assert organisation.post("/v1/customers.get", {"customer_id": "cus_456"}).status == 200
        stats = organisation.drain()
        assert stats["offered"] == stats["refused"] + stats["accepted"]
        assert stats["accepted"] == stats["deducted"] + stats["lost"]
        assert (stats["ready"], stats["in_flight"]) == (0, 0)
        key = {"authorization": f"Bearer {organisation.key}"}
        audit = self.server.request("GET", "/_mock/audit", None, key).body
        assert (audit["problems"], audit["balanced"]) == ([], True)
        for view in ("requests", "findings", "failures", "lost", "faults"):
            assert self.server.request("GET", f"/_mock/{view}", None, key).status == 200
        assert self.server.request("DELETE", "/_mock/organisations", None, key).status == 200


def _pairs(random: Random) -> list[tuple[type[ArmedRule], ...]]:
    """Every kind alone and every two kinds, in random order."""
    kinds = list(FAULT_KINDS.values())
    pairs: list[tuple[type[ArmedRule], ...]] = [(kind,) for kind in kinds]
    pairs += combinations_with_replacement(kinds, 2)
    random.shuffle(pairs)
    return pairs


def test_pairs_of_faults_leave_the_server_healthy() -> None:
    print(f"AUTUMN_MOCK_PAIRS_SEED={SEED}")
    end = time.monotonic() + SECONDS
    played: Counter[str] = Counter()
    with ServerProcess("--rate-limit", "off") as server:
        usual = server.client(server.key)
        usual.ask("/v1/balances.batch_track", [{"customer_id": "cus_123", "feature_id": "messages"}])
        usual.drain()
        leaks = _Leaks(server)
        pairs = _pairs(Random(SEED))
        for number in range(1 << 32):
            if time.monotonic() > end:
                break
            kinds = pairs[number % len(pairs)]
            round_ = _Round(server, leaks, kinds, Random(f"{SEED} {number}"))
            try:
                round_.run()
                assert "Traceback" not in server.stderr()
            except Exception as error:
                log = server.stderr()
                raise AssertionError(
                    f"round {number} of AUTUMN_MOCK_PAIRS_SEED={SEED}, {round_.rules}: {error!r}\n{log[-5000:]}"
                ) from error
            played.update(kind.name for kind in kinds)
        assert server.process.poll() is None
    print(f"{number} rounds, each kind {min(played[kind] for kind in FAULT_KINDS)} times or more")


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=FAULT_KINDS)
def test_every_option_of_every_kind_has_values(kind: type[ArmedRule]) -> None:
    assert kind.argument is None or kind.name in _VALUES
    for option in kind.options_by_name():
        _values_of(kind, option)
    for number in range(200):
        _rule(kind, Random(number))
