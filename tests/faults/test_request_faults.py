"""Faults of requests on a server: what waits ends in time, and what a client may do after a fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from http.client import HTTPException

import pytest

from tests.faults.actions import (
    DEADLINE,
    ITEM,
    arm,
    clear,
    clear_all,
    clear_one,
    ended,
    hanging,
    journal,
    on_linux,
    remove,
    reset,
    reset_all,
    rules,
    threads,
    until,
)
from tests.faults.wire import connect, receive, send
from tests.support.client import BATCH, CHECK, TRACK, Client
from tests.support.server import ServerProcess

# -- waits


@on_linux
@pytest.mark.parametrize("rule", ["reply:hang", "reply:hang after=enqueue", "reply:delay 10m after=enqueue"])
def test_wait_does_not_block_other_requests(server: ServerProcess, organisation: Client, rule: str) -> None:
    other = server.organisation()
    usual = until(lambda: threads(server))
    arm(organisation, f"{rule} route=balances.check")
    with hanging(organisation, 40, CHECK) as connections:
        assert other.ask(CHECK, ITEM)["allowed"]
        organisation.ask(BATCH, [ITEM])
        assert organisation.drain()["deducted"] == 1
        assert rules(organisation)[0]["fired"] == 40
        clear(organisation)
        assert ended(connections) == ({"closed"} if "hang" in rule else {"whole"})
    until(lambda: threads(server), lambda count: count <= usual)


@pytest.mark.parametrize("rule", ["reply:hang", "reply:hang after=enqueue"])
@pytest.mark.parametrize("end", [clear, clear_one, clear_all, reset, reset_all, remove])
def test_hang_ends_with_its_rule(organisation: Client, rule: str, end: Callable[[Client], None]) -> None:
    arm(organisation, rule)
    with hanging(organisation) as connections:
        end(organisation)
        assert ended(connections) == {"closed"}


@pytest.mark.parametrize("end", [clear, clear_all, reset, reset_all, remove])
def test_hang_of_header_ends_when_all_rules_are_cleared(organisation: Client, end: Callable[[Client], None]) -> None:
    with hanging(organisation, header="reply:hang") as connections:
        end(organisation)
        assert ended(connections) == {"closed"}


@pytest.mark.parametrize("end", [clear_all, reset_all])
def test_hang_of_server_rule_ends_with_it(
    server: ServerProcess, organisation: Client, end: Callable[[Client], None]
) -> None:
    server.ask("/_mock/faults", {"rule": "reply:hang"}, None)
    with hanging(organisation) as connections:
        end(organisation)
        assert ended(connections) == {"closed"}


def test_hang_ends_with_ttl(organisation: Client) -> None:
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
def test_wait_ends_when_client_disconnects(server: ServerProcess, organisation: Client, rule: str) -> None:
    usual = threads(server)
    arm(organisation, rule)
    headers = {"authorization": f"Bearer {organisation.key}"}
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connect(organisation.url, DEADLINE))
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
def test_dribble_ends_when_client_disconnects(server: ServerProcess, organisation: Client) -> None:
    usual = threads(server)
    arm(organisation, "reply:dribble 10m")
    with hanging(organisation, 10) as connections:
        assert len(connections) == 10
    until(lambda: threads(server), lambda count: count <= usual)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule", ["reply:hang", "reply:hang after=enqueue", "reply:delay 10m", "reply:delay 10m after=enqueue"]
)
def test_server_stops_while_requests_wait(rule: str) -> None:
    with ServerProcess("--rate-limit", "off", "--fault", rule) as server, ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connect(server.url, DEADLINE))
            send(connection, "POST", BATCH, [ITEM], {"authorization": f"Bearer {server.key}"})
        until(lambda: rules(server.client(server.key))[0]["fired"], (20).__eq__)
        server.stop(timeout=2)
    assert "Traceback" not in server.stderr()


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["reply:dribble 10m", "worker:pause", "worker:delay 10m", "worker:slow rate=1/minute"])
def test_server_stops_while_replies_and_messages_are_delayed(rule: str) -> None:
    with ServerProcess("--rate-limit", "off", "--fault", rule) as server, ExitStack() as stack:
        organisation = server.client(server.key)
        stack.enter_context(hanging(organisation, 20))
        server.stop(timeout=2)
    assert "Traceback" not in server.stderr()


def test_dribble_of_a_large_reply_takes_its_time_once(organisation: Client) -> None:
    """However many bytes the reply has, and however many replies are sent at once."""
    for number in range(40):
        organisation.ask("/v1/customers.get_or_create", {"customer_id": f"cus_{number}", "name": "x" * 100})
    arm(organisation, "reply:dribble 1s route=customers.list")
    began = time.monotonic()
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(organisation.url, DEADLINE)) for _ in range(4)]
        for connection in connections:
            send(connection, "POST", "/v1/customers.list", {}, {"authorization": f"Bearer {organisation.key}"})
        received = [receive(connection) for connection in connections]
    assert {each.ending for each in received} == {"whole"}
    assert all(len(each.body) > 8000 for each in received)
    assert 0.9 < time.monotonic() - began < 5


def test_dribble_that_client_abandons_is_recorded_as_lost(organisation: Client) -> None:
    """A client that sends it again is not reported as charging twice knowingly."""
    arm(organisation, "reply:dribble 10m times=1")
    use = {**ITEM, "timestamp": 1_700_000_000_000}
    with connect(organisation.url, DEADLINE) as connection:
        send(connection, "POST", BATCH, [use], {"authorization": f"Bearer {organisation.key}"})
        until(lambda: len(journal(organisation)), (1).__eq__)
    until(lambda: journal(organisation)[0]["reply"], {"lost", "not_awaited"}.__contains__)
    organisation.ask(BATCH, [use])
    found = organisation.get("/_mock/findings").body["list"]
    assert "resent_after_lost_reply" in {finding["code"] for finding in found}


# -- after a fault


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
def test_connection_stays_usable_after_reply(organisation: Client, rule: str) -> None:
    arm(organisation, f"{rule} times=1")
    headers = {"authorization": f"Bearer {organisation.key}"}
    with connect(organisation.url, DEADLINE) as connection:
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
def test_idempotency_key_is_claimed_if_service_was_reached(organisation: Client, rule: str, then: int) -> None:
    arm(organisation, f"{rule} times=1")
    statuses = [organisation.post(BATCH, [ITEM], Idempotency_Key="once").status for _ in range(2)]
    assert statuses[1] == then
    assert organisation.drain()["deducted"] == 1


@pytest.mark.parametrize("rule", ["reply:hang", "reply:reset", "reply:hang after=enqueue", "reply:reset after=enqueue"])
def test_idempotency_key_after_lost_reply(organisation: Client, rule: str) -> None:
    arm(organisation, f"{rule} times=1")
    headers = {"authorization": f"Bearer {organisation.key}", "idempotency-key": "once"}
    with connect(organisation.url, 0.15) as connection:
        send(connection, "POST", BATCH, [ITEM], headers)
        assert receive(connection).status is None
    then = 409 if "after" in rule else 202
    assert organisation.post(BATCH, [ITEM], Idempotency_Key="once").status == then
    assert organisation.drain()["deducted"] == 1


def test_item_key_is_released_if_item_was_refused(organisation: Client) -> None:
    arm(organisation, "queue:down times=1")
    item = {**ITEM, "async": True, "idempotency_key": "once"}
    assert [organisation.post(TRACK, item).status for _ in range(3)] == [503, 202, 409]
    assert organisation.drain()["deducted"] == 1


# -- several rules on one request

#: Rules of which only one has an effect on a request, in the order in which they fire.
ONE_AT_A_TIME = [
    ("reply:reset after=enqueue times=1", "reply:status 503 times=1", "reply:status 503 times=1"),
    ("reply:malformed times=1", "reply:status 503 times=1", "reply:status 503 times=1"),
    ("reply:status 500 times=1", "reply:status 429 times=1", "reply:status 500 times=1"),
    ("reply:status 500 after=enqueue times=1", "reply:body text=x after=enqueue times=1", None),
    ("reply:empty times=1", "reply:malformed times=1", None),
    ("reply:malformed times=1", "reply:reset after=enqueue times=1", "reply:reset after=enqueue times=1"),
    ("reply:content-type a/b times=1", "reply:content-type c/d times=1", None),
    ("reply:delay 1ms after=enqueue times=1", "reply:status 503 times=1", "reply:status 503 times=1"),
]
#: Rules that have an effect together.
TOGETHER = [
    ("reply:malformed times=1", "reply:status 503 after=enqueue times=1"),
    ("reply:delay 1ms times=1", "reply:status 503 times=1"),
    ("reply:delay 1ms after=enqueue times=1", "reply:reset after=enqueue times=1"),
    ("reply:dribble 1ms times=1", "reply:content-type a/b times=1"),
    ("reply:truncate times=1", "reply:malformed times=1"),
]


@pytest.mark.parametrize(("first", "second", "fires"), ONE_AT_A_TIME)
def test_rule_without_an_effect_waits_for_the_next_request(
    organisation: Client, first: str, second: str, fires: str | None
) -> None:
    for rule in (first, second):
        arm(organisation, rule)
    send_one(organisation)
    assert journal(organisation)[-1]["faults"] == [fires or first]
    assert sorted(each["fired"] for each in rules(organisation)) == [0, 1]
    send_one(organisation)
    assert [each["fired"] for each in rules(organisation)] == [1, 1]
    assert journal(organisation)[-1]["faults"] == [second if (fires or first) == first else first]


@pytest.mark.parametrize(("first", "second"), TOGETHER)
def test_rules_with_an_effect_each_fire_on_one_request(organisation: Client, first: str, second: str) -> None:
    for rule in (first, second):
        arm(organisation, rule)
    send_one(organisation)
    assert sorted(journal(organisation)[-1]["faults"]) == sorted([first, second])


def test_after_counts_a_request_that_another_rule_took(organisation: Client) -> None:
    arm(organisation, "reply:status 503 times=1")
    arm(organisation, "reply:malformed after=1 times=1")
    send_one(organisation)
    send_one(organisation)
    assert [each["faults"] for each in journal(organisation)[-2:]] == [
        ["reply:status 503 times=1"],
        ["reply:malformed after=1 times=1"],
    ]


def test_items_are_refused_by_one_rule_each(organisation: Client) -> None:
    for _ in range(2):
        arm(organisation, "enqueue:fail items=0 times=1")
    for refused in ([1, 0], [1, 1]):
        organisation.post(BATCH, [ITEM, ITEM])
        assert [each["refused"] for each in rules(organisation)] == refused


def send_one(organisation: Client) -> None:
    """A check, whatever becomes of its reply."""
    with suppress(OSError, HTTPException, ValueError):
        organisation.post(CHECK, ITEM)
