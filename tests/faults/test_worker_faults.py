"""Faults of messages on a server: holds that follow rules and clocks, and workers that crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from autumn_mock.clock import Clock
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.faults.sites import Hold
from autumn_mock.ingest.environment_queue import Delivery, EnvironmentQueue, Held
from tests.faults.actions import DEADLINE, ITEM, LONG, arm, clear, delete, on_linux, rules, threads, until
from tests.faults.wire import connect, receive, send
from tests.support.client import BATCH, Client
from tests.support.server import ServerProcess
from tests.support.world import IngestWorld, item

# -- holds


def test_pause_of_one_organisation_does_not_stop_others(server: ServerProcess, organisation: Client) -> None:
    other = server.organisation()
    organisation.ask("/_mock/queue", {"paused": True})
    organisation.ask(BATCH, [ITEM] * 1000)
    other.ask(BATCH, [ITEM] * 3)
    assert other.drain()["deducted"] == 3
    status, _, body = organisation.post("/_mock/drain", {"timeout": LONG})
    assert (status, body["ready"], body["deducted"], body["paused"]) == (504, 1000, 0, True)
    assert body["message"] == "1000 of 1000 accepted items are not worked off yet: the workers are paused"
    organisation.ask("/_mock/queue", {"paused": False})
    assert organisation.drain()["deducted"] == 1000


def test_hold_of_one_organisation_does_not_stop_others(server: ServerProcess, organisation: Client) -> None:
    other = server.organisation()
    arm(organisation, "worker:pause")
    for _ in range(3):
        organisation.ask(BATCH, [ITEM] * 1000)
    other.ask(BATCH, [ITEM] * 3)
    assert other.drain()["deducted"] == 3
    status, _, body = organisation.post("/_mock/drain", {"timeout": LONG})
    assert (status, body["ready"], body["paused"]) == (504, 3000, False)
    assert body["held"] == [{"rule": "worker:pause", "items": 3000}]
    assert body["message"] == "3000 of 3000 accepted items are not worked off yet: 3000 held by worker:pause"
    clear(organisation)
    assert organisation.drain()["deducted"] == 3000
    organisation.audit()


def test_drain_in_progress_notices_clock_changes(server: ServerProcess, organisation: Client) -> None:
    arm(organisation, "worker:delay 1h")
    organisation.ask(BATCH, [ITEM])
    with connect(server.url, DEADLINE) as connection:
        send(connection, "POST", "/_mock/drain", {"timeout": LONG}, {"authorization": f"Bearer {organisation.key}"})
        organisation.freeze()
        assert receive(connection).status == 504
    with connect(server.url, DEADLINE) as connection:
        organisation.ask("/_mock/clock", {"freeze": False})
        send(connection, "POST", "/_mock/drain", {"timeout": LONG}, {"authorization": f"Bearer {organisation.key}"})
        organisation.advance("1h")
        assert receive(connection).status == 200


def test_delay_follows_organisation_clock(organisation: Client) -> None:
    organisation.freeze()
    arm(organisation, "worker:delay 2s")
    organisation.ask(BATCH, [ITEM] * 3)
    status, _, body = organisation.post("/_mock/drain", {"timeout": LONG})
    assert status == 504
    assert body["message"] == "3 of 3 accepted items are not worked off yet: 3 held by worker:delay 2s"
    organisation.advance("1s")
    organisation.ask(BATCH, [ITEM] * 2)
    organisation.advance("1s")
    until(lambda: organisation.stats()["deducted"], (3).__eq__)
    assert organisation.post("/_mock/drain", {"timeout": LONG}).status == 504
    organisation.advance("1s")
    until(lambda: organisation.stats()["deducted"], (5).__eq__)


def test_delay_ends_on_running_clock(organisation: Client) -> None:
    arm(organisation, "worker:delay 50ms")
    organisation.ask(BATCH, [ITEM] * 3)
    assert organisation.drain()["deducted"] == 3


def test_drain_after_clock_move_waits_for_due_messages(organisation: Client) -> None:
    organisation.freeze()
    arm(organisation, "worker:delay 2s")
    for round_ in range(1, 51):
        organisation.ask(BATCH, [ITEM])
        organisation.advance("2s")
        assert organisation.drain()["deducted"] == round_


def test_due_message_is_not_stuck_on_frozen_clock() -> None:
    clock = Clock()
    clock.freeze()
    world = IngestWorld()
    world.environment.clock = clock
    world.batch([item()])
    [message] = world.messages()
    armed = FaultBoard(clock).arm(parse_rule("worker:delay 2s"))
    queue = EnvironmentQueue(world.environment)
    queue.hold(Held(Delivery(world.environment, message), (Hold(armed, clock.now() + 2000),)))
    assert queue.is_stuck
    clock.advance(2000)
    assert not queue.is_stuck


@pytest.mark.parametrize("first_cleared", [0, 1])
def test_message_held_by_two_rules_waits_for_both(organisation: Client, first_cleared: int) -> None:
    organisation.freeze()
    numbers = [arm(organisation, rule) for rule in ("worker:delay 1h", "worker:pause")]
    organisation.ask(BATCH, [ITEM])
    assert organisation.post("/_mock/drain", {"timeout": LONG}).status == 504
    delete(organisation, f"/_mock/faults/{numbers.pop(first_cleared)}")
    assert organisation.post("/_mock/drain", {"timeout": LONG}).status == 504
    assert organisation.stats()["ready"] == 1
    delete(organisation, f"/_mock/faults/{numbers.pop()}")
    assert organisation.drain()["deducted"] == 1


def test_hold_ends_with_ttl(organisation: Client) -> None:
    arm(organisation, "worker:pause ttl=1h")
    organisation.ask(BATCH, [ITEM] * 3)
    until(lambda: rules(organisation)[0]["fired"], (3).__eq__)
    assert organisation.stats()["ready"] == 3
    organisation.advance("1h")
    assert organisation.drain()["deducted"] == 3
    assert (rules(organisation)[0]["remaining"], rules(organisation)[0]["completed"]) == (0, True)


# -- crashes


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["worker:pause", "worker:delay 1h", "worker:slow rate=1/minute", "worker:crash"])
def test_held_messages_survive_kill(tmp_path: Path, rule: str) -> None:
    options = ("--db", str(tmp_path / "state.json"), "--rate-limit", "off")
    with ServerProcess(*options, "--fault", f"{rule} customer=cus_123") as server:
        organisation = server.client(server.key)
        organisation.ask(BATCH, [ITEM, {**ITEM, "customer_id": "cus_456"}] * 5)
        until(lambda: rules(organisation)[0]["fired"], (5).__eq__)
        until(lambda: organisation.stats()["deducted"], lambda count: count >= 5)
        server.kill()
    with ServerProcess(*options) as server:
        organisation = server.client(server.key)
        assert organisation.drain()["deducted"] == 10
        assert (organisation.balance("cus_123"), organisation.balance("cus_456")) == (1095, 995)
        organisation.audit()


@on_linux
def test_crashed_worker_is_replaced() -> None:
    with ServerProcess("--rate-limit", "off") as server:
        organisation = server.client(server.key)
        usual = threads(server)
        organisation.ask(BATCH, [ITEM])
        organisation.drain()
        arm(organisation, "worker:crash")
        for _ in range(50):
            organisation.ask(BATCH, [ITEM])
        assert organisation.drain()["deducted"] == 51
        assert rules(organisation)[0]["fired"] == 50
        until(lambda: threads(server), usual.__eq__)
        organisation.audit()
        assert organisation.balance("cus_123") == 1100 - 51
        until(lambda: server.stderr().count("another one is started"), (50).__eq__)
        assert "Traceback" not in server.stderr()
