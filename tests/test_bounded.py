"""Nothing grows for ever: organisations, customers, rules and keys that come and go leave nothing behind.

Every container of an emulator is walked. ``AUTUMN_MOCK_EFFORT=67`` drives 10 000 of each through, in twenty minutes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from autumn_mock.engine import Engine
from autumn_mock.faults.board import COMPLETED_KEPT
from autumn_mock.ingest.accept import MAX_FAILURES
from autumn_mock.ingest.workers import MAX_LOST
from autumn_mock.journal.messages import CAPACITY
from autumn_mock.operations.retention import sweep
from autumn_mock.web import create_app
from autumn_mock.web.rate_limits import MOST_WINDOWS
from tests.support.client import BATCH, AppClient
from tests.support.containers import module_values, sizes
from tests.support.effort import examples

N = examples(50)
#: Requests that the journal keeps, and events of an environment, here.
KEPT = 20
#: Containers with a bound that is not reached here, by the end of their path. What they contain may grow, too.
BOUNDED = {
    "failures._rows": MAX_FAILURES,
    "lost._rows": MAX_LOST,
    "._completed": COMPLETED_KEPT,
    "._windows[]": MOST_WINDOWS,
    # And the two parts of the name of the environment, a key of the same container.
    "message_journal._kept[]": CAPACITY + 2,
}


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(
        auto_org=True, rate_limit="1000000/second", journal_requests=KEPT, journal_bodies=20_000, max_events=KEPT
    )
    with engine:
        yield engine


def use(client: AppClient, customer: str) -> None:
    """Everything that a client does with a customer."""
    item = {"customer_id": customer, "feature_id": "messages"}
    client.ask("/v1/customers.get_or_create", {"customer_id": customer, "name": "C"})
    client.grant(customer, 100)
    client.ask(BATCH, [item])
    client.ask("/v1/balances.track", {**item, "idempotency_key": f"key of {customer}"})
    lock = {"enabled": True, "lock_id": f"lock of {customer}"}
    client.ask("/v1/balances.check", {**item, "required_balance": 1, "lock": lock})
    client.ask("/v1/balances.finalize", {"lock_id": f"lock of {customer}", "action": "confirm"})
    client.post("/v1/balances.track", item, Idempotency_Key=f"header of {customer}")
    client.post(BATCH, [item], x_autumn_mock_fault="enqueue:fail")
    client.post(BATCH, [item], x_autumn_mock_fault="worker:drop")
    client.get("/v1/no/such/route/" + customer)
    client.get("/_mock/findings")


def organisations(client: AppClient, number: int) -> None:
    opened = AppClient(client.app, client.post("/_mock/organisations", {}).body["key"])
    demanded = AppClient(client.app, f"am_sk_test_demanded_{number}")
    for each in (opened, demanded):
        use(each, "cus_123")
        each.ask("/_mock/faults", {"rule": "worker:pause times=1"})
        each.ask("/_mock/queue", {"paused": True})
        each.ask(BATCH, [{"customer_id": "cus_123", "feature_id": "messages"}])
        assert each.request("DELETE", "/_mock/organisations", headers=each.headers()).status == 200


def customers(client: AppClient, number: int) -> None:
    customer = f"{number:0200}"
    use(client, customer)
    client.drain()
    client.ask("/v1/customers.delete", {"customer_id": customer})


def rules(client: AppClient, number: int) -> None:
    client.ask("/_mock/faults", {"rule": "reply:status 500 times=1 route=customers.list"})
    client.post("/v1/customers.list", {})
    client.ask("/_mock/faults", {"rule": f"worker:pause ttl=1s customer={number}"})


def strangers(client: AppClient, number: int) -> None:
    AppClient(client.app, f"am_sk_live_{number}").get("/v1/customers/x")
    client.get(f"/_mock/nothing/{number}")


@pytest.mark.slow
@pytest.mark.parametrize("act", [organisations, customers, rules, strangers])
def test_nothing_grows(engine: Engine, act: Callable[[AppClient, int], None]) -> None:
    client = AppClient(create_app(engine))
    environment = engine.state.environment(engine.state.keys.snapshot()[0].org_id, "sandbox")
    environment.clock.freeze()

    def play(first: int) -> Counter[str]:
        for number in range(first, first + N):
            environment.clock.advance(2000)
            act(client, number)
        environment.clock.advance(25 * 3_600_000)  # idempotency keys expire
        deadline = time.monotonic() + 20
        while len(environment.events) > KEPT and time.monotonic() < deadline:
            time.sleep(0.1)  # maintenance drops the oldest
        sweep(engine.call_in(environment))
        return sizes({"engine": engine, "app": client.app, **module_values("autumn_mock")})

    play(0)
    before, after = play(N), play(2 * N)
    grown = {path: (before[path], size) for path, size in after.items() if size > before[path] + 10}
    assert {path: counts for path, counts in grown.items() if not any(end in path for end in BOUNDED)} == {}
    for end, most in BOUNDED.items():
        assert {path: size for path, size in after.items() if path.endswith(end) and size > most} == {}
    assert any(after[path] for path in after if path.endswith("customers._rows"))  # the walk reaches the tables


def test_completed_rules_are_passed_by_no_request() -> None:
    """Some stay listed; none is asked again."""
    engine = Engine(rate_limit="off")
    client = AppClient(create_app(engine))
    for _ in range(COMPLETED_KEPT + 10):
        client.ask("/_mock/faults", {"rule": "reply:status 500 times=1 route=customers.list"})
        assert client.post("/v1/customers.list", {}).status == 500
    board = engine.boards.of(engine.state.environment(engine.state.keys.snapshot()[0].org_id, "sandbox"))
    assert (len(board._own), len(board._completed)) == (0, COMPLETED_KEPT)
