"""Faults harm nobody but those they are meant for, follow the clock, and end when they are told to."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from autumn_mock.clock import Clock
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.faults.sites import Hold
from autumn_mock.ingest.environment_queue import Delivery, EnvironmentQueue, Held
from tests.faults.harness import PATIENCE, until
from tests.faults.wire import Wire, connect, receive, send
from tests.support.client import Client
from tests.support.server import ServerProcess
from tests.support.world import IngestWorld, item

ITEM = {"customer_id": "cus_123", "feature_id": "messages"}
BATCH = "/v1/balances.batch_track"
CHECK = "/v1/balances.check"
#: Seconds of a drain that must not be waited for.
LONG = 600


def arm(organisation: Client, rule: str) -> int:
    """Arm a rule; its number."""
    return int(organisation.ask("/_mock/faults", {"rule": rule})["id"])


def delete(organisation: Client, path: str) -> int:
    headers = {"authorization": f"Bearer {organisation.key}"}
    return organisation.request("DELETE", path, None, headers).status


def rules(organisation: Client) -> list[dict[str, Any]]:
    return list(organisation.get("/_mock/faults").body["list"])


def journal(organisation: Client) -> list[dict[str, Any]]:
    return list(organisation.get("/_mock/requests").body["list"])


def audit_is_fine(organisation: Client) -> bool:
    return bool(organisation.get("/_mock/audit").body["balanced"])


def threads(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.pid}/task"))


@contextmanager
def hanging(
    organisation: Client, count: int = 1, path: str = BATCH, header: str | None = None
) -> Iterator[list[socket.socket]]:
    """Connections on which a request was sent that waits now."""
    headers = {"authorization": f"Bearer {organisation.key}"}
    if header is not None:
        headers["x-autumn-mock-fault"] = header
    before = len(journal(organisation))
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(organisation.url, PATIENCE)) for _ in range(count)]
        for connection in connections:
            send(connection, "POST", path, [ITEM] if path == BATCH else ITEM, headers)
        until(lambda: len(journal(organisation)), (before + count).__eq__)
        yield connections


def ended(connections: list[socket.socket]) -> set[str]:
    """How the waits of clients ended."""
    return {receive(connection).ending for connection in connections}


on_linux = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")


# -- a hang


@on_linux
@pytest.mark.parametrize("rule", ["reply:hang", "reply:hang after=enqueue", "reply:delay 10m after=enqueue"])
def test_forty_that_wait_hold_up_nobody(server: ServerProcess, organisation: Client, rule: str) -> None:
    other = server.organisation()
    usual = until(lambda: threads(server))
    arm(organisation, f"{rule} route=balances.check")
    with hanging(organisation, 40, CHECK) as connections:
        assert other.ask(CHECK, ITEM)["allowed"]
        organisation.ask(BATCH, [ITEM])
        assert organisation.drain()["deducted"] == 1
        assert rules(organisation)[0]["fired"] == 40
        assert delete(organisation, "/_mock/faults") == 200
        assert ended(connections) == ({"closed"} if "hang" in rule else {"whole"})
    until(lambda: threads(server), lambda count: count <= usual)


def _clear(organisation: Client) -> None:
    assert delete(organisation, "/_mock/faults") == 200


def _clear_one(organisation: Client) -> None:
    assert delete(organisation, f"/_mock/faults/{rules(organisation)[0]['id']}") == 200


def _clear_all(organisation: Client) -> None:
    assert organisation.request("DELETE", "/_mock/faults").status == 200


def _reset(organisation: Client) -> None:
    organisation.ask("/_mock/reset", {})


def _reset_all(organisation: Client) -> None:
    assert organisation.post("/_mock/reset", {}, None).status == 200


def _remove(organisation: Client) -> None:
    assert delete(organisation, "/_mock/organisations") == 200


@pytest.mark.parametrize("rule", ["reply:hang", "reply:hang after=enqueue"])
@pytest.mark.parametrize("end", [_clear, _clear_one, _clear_all, _reset, _reset_all, _remove])
def test_a_hang_ends_with_its_rule(organisation: Client, rule: str, end: Callable[[Client], None]) -> None:
    arm(organisation, rule)
    with hanging(organisation) as connections:
        end(organisation)
        assert ended(connections) == {"closed"}


@pytest.mark.parametrize("end", [_clear, _clear_all, _reset, _reset_all, _remove])
def test_a_hang_of_a_header_ends_when_all_rules_do(organisation: Client, end: Callable[[Client], None]) -> None:
    with hanging(organisation, header="reply:hang") as connections:
        end(organisation)
        assert ended(connections) == {"closed"}


def test_a_hang_ends_with_the_ttl_of_its_rule(organisation: Client) -> None:
    organisation.freeze()
    arm(organisation, "reply:hang ttl=1h")
    with hanging(organisation) as connections:
        organisation.advance("1h")
        assert ended(connections) == {"closed"}
    organisation.ask(BATCH, [ITEM])


@on_linux
@pytest.mark.parametrize(
    "rule", ["reply:hang", "reply:hang after=enqueue", "reply:delay 10m", "reply:delay 10m after=enqueue"]
)
def test_a_wait_ends_when_the_client_leaves(server: ServerProcess, organisation: Client, rule: str) -> None:
    usual = threads(server)
    arm(organisation, rule)
    headers = {"authorization": f"Bearer {organisation.key}"}
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connect(organisation.url, PATIENCE))
            send(connection, "POST", BATCH, [ITEM], headers)
        until(lambda: rules(organisation)[0]["fired"], (20).__eq__)
    until(lambda: threads(server), lambda count: count <= usual)
    until(lambda: len(journal(organisation)), (20).__eq__)
    works_anyway = rule != "reply:hang"
    assert {entry["service_status"] for entry in journal(organisation)} == {202 if works_anyway else None}
    wanted = "not_awaited" if rule == "reply:delay 10m" else "lost"
    until(lambda: {entry["reply"] for entry in journal(organisation)}, {wanted}.__eq__)
    assert organisation.drain()["deducted"] == (20 if works_anyway else 0)


@on_linux
def test_a_dribble_ends_when_the_client_leaves(server: ServerProcess, organisation: Client) -> None:
    usual = threads(server)
    arm(organisation, "reply:dribble 10m")
    with hanging(organisation, 10) as connections:
        assert len(connections) == 10
    until(lambda: threads(server), lambda count: count <= usual)


@pytest.mark.parametrize(
    "rule", ["reply:hang", "reply:hang after=enqueue", "reply:delay 10m", "reply:delay 10m after=enqueue"]
)
def test_the_server_stops_at_once_whoever_waits(rule: str) -> None:
    with ServerProcess("--rate-limit", "off", "--fault", rule) as server, ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connect(server.url, PATIENCE))
            send(connection, "POST", BATCH, [ITEM], {"authorization": f"Bearer {server.key}"})
        until(lambda: rules(server.client(server.key))[0]["fired"], (20).__eq__)
        server.stop(timeout=2)
    assert "Traceback" not in server.stderr()


@pytest.mark.parametrize("rule", ["reply:dribble 10m", "worker:pause", "worker:delay 10m", "worker:slow rate=1/minute"])
def test_the_server_stops_at_once_whatever_is_under_way(rule: str) -> None:
    with ServerProcess("--rate-limit", "off", "--fault", rule) as server, ExitStack() as stack:
        organisation = server.client(server.key)
        stack.enter_context(hanging(organisation, 20))
        server.stop(timeout=2)
    assert "Traceback" not in server.stderr()


def test_a_reply_that_did_not_come_whole_was_not_told(organisation: Client) -> None:
    """So sending it again is no double charge with open eyes."""
    arm(organisation, "reply:dribble 10m times=1")
    use = {**ITEM, "timestamp": 1_700_000_000_000}
    with connect(organisation.url, PATIENCE) as connection:
        send(connection, "POST", BATCH, [use], {"authorization": f"Bearer {organisation.key}"})
        until(lambda: len(journal(organisation)), (1).__eq__)
    until(lambda: journal(organisation)[0]["reply"], {"lost", "not_awaited"}.__contains__)
    organisation.ask(BATCH, [use])
    found = organisation.get("/_mock/findings").body["list"]
    assert "resent_after_lost_reply" in {finding["code"] for finding in found}


# -- rules of the whole server


def test_a_rule_of_the_server_counts_in_all_organisations_together() -> None:
    with ServerProcess("--rate-limit", "off") as server:
        organisations = [server.organisation() for _ in range(3)]
        rule = server.ask("/_mock/faults", {"rule": "queue:down every=2 times=2"}, None)
        seen = [organisations[number % 3].post(BATCH, [ITEM]).status for number in range(6)]
        assert seen == [202, 503, 202, 503, 202, 202]
        [told] = server.get("/_mock/faults", None).body["list"]
        assert (told["id"], told["fired"], told["completed"], told["org"]) == (rule["id"], 2, True, None)
        struck = [entry["faults"] for each in organisations for entry in journal(each)]
        assert sorted(struck) == [[]] * 4 + [["queue:down every=2 times=2"]] * 2
        assert rules(organisations[0]) == [told]  # an organisation sees what strikes it


def test_a_rule_of_the_server_is_not_an_organisation_s_to_clear() -> None:
    with ServerProcess("--rate-limit", "off") as server:
        organisation, other = server.organisation(), server.organisation()
        number = server.ask("/_mock/faults", {"rule": "worker:pause"}, None)["id"]
        for each in (organisation, other):
            each.ask(BATCH, [ITEM] * 2)
        _clear(organisation)
        assert delete(organisation, f"/_mock/faults/{number}") == 404
        other.ask("/_mock/reset", {})
        other.ask(BATCH, [ITEM])
        for each, waiting in ((organisation, 2), (other, 1)):
            status, _, body = each.post("/_mock/drain", {"timeout": LONG})
            assert (status, body["held"]) == (504, [{"rule": "worker:pause", "items": waiting}])
        assert server.request("DELETE", f"/_mock/faults/{number}").status == 200
        assert (organisation.drain()["deducted"], other.drain()["deducted"]) == (2, 1)


@pytest.mark.parametrize("end", [_clear_all, _reset_all])
def test_a_hang_of_a_rule_of_the_server_ends_with_it(
    server: ServerProcess, organisation: Client, end: Callable[[Client], None]
) -> None:
    server.ask("/_mock/faults", {"rule": "reply:hang"}, None)
    with hanging(organisation) as connections:
        end(organisation)
        assert ended(connections) == {"closed"}


# -- what is held


def test_what_is_paused_for_one_organisation_goes_on_for_others(server: ServerProcess, organisation: Client) -> None:
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


def test_what_a_rule_holds_for_one_organisation_goes_on_for_others(server: ServerProcess, organisation: Client) -> None:
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
    assert delete(organisation, "/_mock/faults") == 200
    assert organisation.drain()["deducted"] == 3000
    assert audit_is_fine(organisation)


def test_a_drain_under_way_learns_that_nothing_will_go_any_more(server: ServerProcess, organisation: Client) -> None:
    arm(organisation, "worker:delay 1h")
    organisation.ask(BATCH, [ITEM])
    with connect(server.url, PATIENCE) as connection:
        send(connection, "POST", "/_mock/drain", {"timeout": LONG}, {"authorization": f"Bearer {organisation.key}"})
        organisation.freeze()
        assert receive(connection).status == 504
    with connect(server.url, PATIENCE) as connection:
        organisation.ask("/_mock/clock", {"freeze": False})
        send(connection, "POST", "/_mock/drain", {"timeout": LONG}, {"authorization": f"Bearer {organisation.key}"})
        organisation.advance("1h")
        assert receive(connection).status == 200


def test_a_delay_follows_the_clock_of_the_organisation(organisation: Client) -> None:
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


def test_a_delay_on_a_clock_that_runs_ends_by_itself(organisation: Client) -> None:
    arm(organisation, "worker:delay 50ms")
    organisation.ask(BATCH, [ITEM] * 3)
    assert organisation.drain()["deducted"] == 3


def test_drain_right_after_the_clock_was_moved_waits_for_what_is_due(organisation: Client) -> None:
    """Whatever the workers have noticed by then."""
    organisation.freeze()
    arm(organisation, "worker:delay 2s")
    for round_ in range(1, 51):
        organisation.ask(BATCH, [ITEM])
        organisation.advance("2s")
        assert organisation.drain()["deducted"] == round_


def test_what_is_due_does_not_count_as_stuck_on_a_frozen_clock() -> None:
    clock = Clock()
    clock.freeze()
    world = IngestWorld()
    world.environment.clock = clock
    world.batch([item()])
    [message] = world.messages()
    armed = FaultBoard(clock).arm(parse_rule("worker:delay 2s"))
    lane = EnvironmentQueue(world.environment)
    lane.hold(Held(Delivery(world.environment, message), (Hold(armed, clock.now() + 2000),)))
    assert lane.is_stuck
    clock.advance(2000)
    assert not lane.is_stuck


@pytest.mark.parametrize("first_gone", [0, 1])
def test_what_two_rules_hold_goes_when_both_let_go(organisation: Client, first_gone: int) -> None:
    organisation.freeze()
    numbers = [arm(organisation, rule) for rule in ("worker:delay 1h", "worker:pause")]
    organisation.ask(BATCH, [ITEM])
    assert organisation.post("/_mock/drain", {"timeout": LONG}).status == 504
    delete(organisation, f"/_mock/faults/{numbers.pop(first_gone)}")
    assert organisation.post("/_mock/drain", {"timeout": LONG}).status == 504
    assert organisation.stats()["ready"] == 1
    delete(organisation, f"/_mock/faults/{numbers.pop()}")
    assert organisation.drain()["deducted"] == 1


def test_the_end_of_a_ttl_lets_go_of_what_the_rule_held(organisation: Client) -> None:
    arm(organisation, "worker:pause ttl=1h")
    organisation.ask(BATCH, [ITEM] * 3)
    until(lambda: rules(organisation)[0]["fired"], (3).__eq__)
    assert organisation.stats()["ready"] == 3
    organisation.advance("1h")
    assert organisation.drain()["deducted"] == 3
    assert (rules(organisation)[0]["remaining"], rules(organisation)[0]["completed"]) == (0, True)


def test_an_outage_ends_on_the_clock_of_its_organisation_alone(server: ServerProcess, organisation: Client) -> None:
    other = server.organisation()
    for each in (organisation, other):
        arm(each, "queue:down ttl=1h")
        assert each.post(BATCH, [ITEM]).status == 503
    organisation.advance("1h")
    assert (organisation.post(BATCH, [ITEM]).status, other.post(BATCH, [ITEM]).status) == (202, 503)


# -- starting over, and rules by number


def test_a_reset_ends_all_that_faults_have_begun(organisation: Client) -> None:
    organisation.freeze()
    for rule in ("worker:pause customer=cus_123", "worker:delay 1h", "enqueue:fail items=1 times=3", "limit 2/hour"):
        arm(organisation, rule)
    organisation.ask(BATCH, [ITEM] * 3)
    organisation.ask(BATCH, [{**ITEM, "customer_id": "cus_456"}] * 3)
    assert organisation.post(BATCH, [ITEM]).status == 429
    until(lambda: [rule["fired"] for rule in rules(organisation)], [2, 4, 2, 1].__eq__)
    with hanging(organisation, header="limit 9/second; reply:hang after=enqueue") as connections:
        cleared = organisation.ask("/_mock/reset", {})["cleared"]
        assert (cleared["faults"], cleared["queued"], cleared["requests"]) == (4, 5, 4)
        assert ended(connections) == {"closed"}
    assert (rules(organisation), journal(organisation)) == ([], [])
    assert not any(organisation.stats()[name] for name in ("offered", "refused", "accepted", "ready", "deducted"))
    for _ in range(3):
        organisation.ask(BATCH, [ITEM])
    assert organisation.drain()["deducted"] == 3
    assert audit_is_fine(organisation)


def test_rules_of_the_start_are_armed_anew_by_a_reset() -> None:
    with ServerProcess("--fault", "queue:down times=1") as server:
        organisation = server.client(server.key)
        for key in (server.key, None):
            assert [organisation.post(BATCH, [ITEM]).status for _ in range(2)] == [503, 202]
            assert (rules(organisation)[0]["fired"], rules(organisation)[0]["remaining"]) == (1, 0)
            server.ask("/_mock/reset", {}, key)
            assert (rules(organisation)[0]["fired"], rules(organisation)[0]["remaining"]) == (0, 1)


def test_rules_are_cleared_one_by_one(organisation: Client) -> None:
    first, second, third = (arm(organisation, rule) for rule in ("queue:down", "reply:hang", "worker:pause"))
    assert delete(organisation, f"/_mock/faults/{second}") == 200
    assert [rule["id"] for rule in rules(organisation)] == [first, third]
    assert delete(organisation, f"/_mock/faults/{second}") == 404
    assert arm(organisation, "queue:down") not in (first, second, third)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("enqueue:fial", "did you mean enqueue:fail?"),
        ("queue:down ttl=30", "write 90m, 1d, 1h30m or 250ms"),
        ("queue:down route=balances.trakc", "similar: balances.track"),
    ],
)
def test_a_rule_that_is_none_is_told_at_every_address(
    organisation: Client, tmp_path: Path, rule: str, says: str
) -> None:
    for reply in (
        organisation.post("/_mock/faults", {"rule": rule}),
        organisation.post(BATCH, [ITEM], x_autumn_mock_fault=rule),
    ):
        assert reply.status == 400
        assert says in reply.body["message"]
    assert rules(organisation) == []
    assert organisation.stats()["offered"] == 0
    world = tmp_path / "world.yaml"
    world.write_text(f"organisations: [{{slug: a, sandbox: {{faults: ['{rule}']}}}}]")
    for options in (["--fault", rule], ["--world", str(world)]):
        with pytest.raises(AssertionError) as caught, ServerProcess(*options):
            pass
        assert "ended with code 2" in str(caught.value)
        assert says.replace(" ", "") in "".join(str(caught.value).split())  # its lines are wrapped


@pytest.mark.parametrize("keyed", [True, False])
def test_a_rule_for_an_organisation_that_there_is_not_is_told(organisation: Client, keyed: bool) -> None:
    """It would never strike, and a test would believe that it did."""
    key = organisation.key if keyed else None
    reply = organisation.post("/_mock/faults", {"rule": "queue:down org=nobody_at_all"}, key)
    assert reply.status == 400
    assert "unknown organisation 'nobody_at_all'" in reply.body["message"]
    assert rules(organisation) == []


# -- what a client may do next


@pytest.mark.parametrize(
    "rule",
    [
        "reply:status 500",
        "reply:status 503 after=enqueue body=empty",
        "reply:malformed",
        "reply:empty",
        "reply:content-type text/plain",
        "reply:delay 20ms",
        "reply:dribble 20ms",
        "queue:down",
        "limit:exhaust",
        "auth:revoke",
    ],
)
def test_a_connection_on_which_a_reply_came_serves_on(organisation: Client, rule: str) -> None:
    arm(organisation, f"{rule} times=1")
    headers = {"authorization": f"Bearer {organisation.key}"}
    with connect(organisation.url, PATIENCE) as connection:
        for _ in range(2):
            send(connection, "POST", BATCH, [ITEM], headers)
            wire = receive(connection)
            assert wire.ending == "whole"
        assert (wire.status, wire.body) == (202, b'{"success":true}')


@pytest.mark.parametrize(
    ("rule", "then"),
    [
        ("queue:down", 202),
        ("reply:status 500", 202),
        ("reply:status 500 after=enqueue", 409),
        ("reply:content-type text/plain", 409),
        ("limit:exhaust", 202),
    ],
)
def test_an_idempotency_key_is_taken_if_the_service_did_its_work(organisation: Client, rule: str, then: int) -> None:
    arm(organisation, f"{rule} times=1")
    statuses = [organisation.post(BATCH, [ITEM], Idempotency_Key="once").status for _ in range(2)]
    assert statuses[1] == then
    assert organisation.drain()["deducted"] == 1


@pytest.mark.parametrize("rule", ["reply:hang", "reply:reset", "reply:hang after=enqueue", "reply:reset after=enqueue"])
def test_so_it_is_if_no_reply_came(organisation: Client, rule: str) -> None:
    arm(organisation, f"{rule} times=1")
    headers = {"authorization": f"Bearer {organisation.key}", "idempotency-key": "once"}
    with connect(organisation.url, 0.15) as connection:
        send(connection, "POST", BATCH, [ITEM], headers)
        assert receive(connection).status is None
    then = 409 if "after" in rule else 202
    assert organisation.post(BATCH, [ITEM], Idempotency_Key="once").status == then
    assert organisation.drain()["deducted"] == 1


def test_the_key_of_an_item_that_could_not_be_queued_is_free_again(organisation: Client) -> None:
    arm(organisation, "queue:down times=1")
    item = {**ITEM, "async": True, "idempotency_key": "once"}
    assert [organisation.post("/v1/balances.track", item).status for _ in range(3)] == [503, 202, 409]
    assert organisation.drain()["deducted"] == 1


# -- crashes


@pytest.mark.parametrize("rule", ["worker:pause", "worker:delay 1h", "worker:slow rate=1/minute", "worker:crash"])
def test_what_a_rule_held_survives_a_kill(tmp_path: Path, rule: str) -> None:
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
        assert audit_is_fine(organisation)


@on_linux
def test_a_worker_that_crashes_is_replaced() -> None:
    with ServerProcess("--rate-limit", "off") as server:
        organisation = server.client(server.key)
        organisation.ask(BATCH, [ITEM])
        organisation.drain()
        usual = threads(server)
        arm(organisation, "worker:crash")
        for _ in range(50):
            organisation.ask(BATCH, [ITEM])
        assert organisation.drain()["deducted"] == 51
        assert rules(organisation)[0]["fired"] == 50
        until(lambda: threads(server), usual.__eq__)
        assert audit_is_fine(organisation)
        assert organisation.balance("cus_123") == 1100 - 51
        assert server.stderr().count("another one is started") == 50
        assert "Traceback" not in server.stderr()


def test_a_reset_connection_is_reset_once_and_the_next_works(organisation: Client) -> None:
    arm(organisation, "reply:reset after=enqueue times=1")
    assert [_exchange(organisation).ending for _ in range(2)] == ["reset", "whole"]


def _exchange(organisation: Client) -> Wire:
    with connect(organisation.url, PATIENCE) as connection:
        send(connection, "POST", BATCH, [ITEM], {"authorization": f"Bearer {organisation.key}"})
        return receive(connection)
