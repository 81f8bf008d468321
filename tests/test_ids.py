"""Ids: unique, in order, and with a seed reproducible."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from autumn_mock import AutumnMock, Emulator, create_app
from autumn_mock.engine import Engine
from autumn_mock.ids import SeededIds, begin_request, ids_from, new_id, resume_request
from autumn_mock.store.environment import Environment
from tests.support.client import AppClient


def made(seed: int, requests: int = 3) -> list[str]:
    ids = SeededIds(seed)
    found = []
    with ids_from(None):
        for _ in range(requests):
            found += [begin_request(ids), *(new_id(prefix) for prefix in ("evt", "evt", "cus"))]
    return found


def test_seeded_ids_are_the_same_in_each_run_and_sort_as_they_were_made() -> None:
    one = made(5)
    assert one == made(5)
    assert set(one).isdisjoint(made(6))
    bodies = [each.partition("_")[2] for each in one]
    assert bodies == sorted(set(bodies))
    assert {len(body) for body in bodies} == {27}


def test_ids_of_items_belong_to_their_request() -> None:
    with ids_from(None):
        request = begin_request(SeededIds(5))
        own = {new_id("evt") for _ in range(100)}
        items = []
        for _ in range(2):
            for index in (0, 1, 999):
                resume_request(request, index)
                items += [new_id("evt"), new_id("roll")]
        assert items[:6] == items[6:]  # a message that is delivered again
        assert len({*items, *own}) == 6 + 100


def test_ids_without_a_seed_are_unique_beside_a_seeded_server() -> None:
    with ids_from(None):
        begin_request(SeededIds(5))
        begin_request(None)
        first = new_id("evt")
        resume_request(begin_request(None), 0)
        assert first != new_id("evt")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: new_id("evt"), range(2000)))
        assert len(set(found)) == 2000


def test_a_snapshot_of_an_earlier_run_has_none_of_the_next_ids() -> None:
    def customer(client: AppClient, name: str) -> str:
        client.ask("/v1/customers.get_or_create", {"customer_id": name})
        return name

    def internal_ids(environment: Environment) -> set[str]:
        return {each.internal_id for each in environment.customers}

    with Engine(seed=3) as engine:
        client = AppClient(create_app(engine))
        for number in range(5):
            customer(client, f"cus_{number}")
        content = client.request("GET", "/_mock/snapshot", None, client.headers()).body
        before = internal_ids(next(iter(engine.state.environments())))
    with Engine(seed=3) as engine:
        client = AppClient(create_app(engine))
        assert client.request("PUT", "/_mock/snapshot", content, client.headers()).status == 200
        for number in range(5):
            customer(client, f"cus_new_{number}")
        after = internal_ids(next(iter(engine.state.environments())))
    assert len(after) == len(before) + 5


def test_a_database_with_data_gets_other_ids(tmp_path: object) -> None:
    path = f"{tmp_path}/state.json"
    found = []
    for number in range(2):
        with Engine(seed=3, db=path) as engine:
            client = AppClient(create_app(engine))
            client.ask("/v1/customers.get_or_create", {"customer_id": f"cus_{number}"})
            environment = next(iter(engine.state.environments()))
            found.append(next(each.internal_id for each in environment.customers if each.id == f"cus_{number}"))
    assert found[0] != found[1]


@pytest.mark.parametrize("now", [None, "2026-01-01"])
def test_frozen_begins_with_a_clock_that_does_not_run(now: str | None) -> None:
    with Emulator(frozen=True, now=now) as mock:
        assert isinstance(mock, AutumnMock)
        first = mock.clock.now
        assert mock.clock.frozen or mock.emulator.clock.frozen
        if now is not None:
            assert first == 1_767_225_600_000
        mock.emulator.clock.advance(1000)
        mock.emulator.reset()
        assert mock.emulator.clock.frozen
        if now is not None:
            assert mock.clock.now == first
