"""A seeded rule refuses the same items on every machine and in every run, in batches of any size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.track import TrackItem
from autumn_mock.engine import Engine
from autumn_mock.faults.armed import Subject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.web import create_app
from tests.support.client import DEFAULT_KEY, Client
from tests.support.server import ServerProcess

_RULE = "enqueue:fail rate=0.2"
_SEEDED = f"{_RULE} seed=42"
_TOTAL = 10_000
#: SHA-256 of the indexes that the seeded rule refuses, separated by commas.
_DIGEST = "15a9b4088266dd3b10ba7f5da535eeeea404a7a9a3e18af638c67e89e5fff6f2"
_ITEM = {"customer_id": "cus_123", "feature_id": "messages"}


def _armed(organisation: Client, rule: str) -> dict[str, Any]:
    return dict(organisation.ask("/_mock/faults", {"rule": rule}))


def _sizes(*pattern: int) -> list[int]:
    """The sizes of the batches of all items; the pattern is repeated."""
    sizes: list[int] = []
    while sum(sizes) < _TOTAL:
        sizes.append(min(pattern[len(sizes) % len(pattern)], _TOTAL - sum(sizes)))
    return sizes


def _refused(organisation: Client, sizes: Sequence[int]) -> list[int]:
    """Send the items; the indexes, among all of them, of those that were refused."""
    for size in sizes:
        status = organisation.post("/v1/balances.batch_track", [_ITEM] * size).status
        assert status == 202 or (status, size) == (503, 1)
    starts, start = {}, 0
    for entry in organisation.get("/_mock/requests").body["list"]:
        starts[entry["request_id"]] = start
        start += entry["items"] or 0
    assert start == _TOTAL
    failures = organisation.get("/_mock/failures").body["list"]
    return [starts[failure["id"]] + item["index"] for failure in failures for item in failure["items"]]


def _digest(indexes: Sequence[int]) -> str:
    return hashlib.sha256(",".join(map(str, indexes)).encode()).hexdigest()


@pytest.mark.parametrize("pattern", [(1000,), (250,), (700, 1, 999, 333)], ids=str)
def test_refused_items_do_not_depend_on_batch_sizes(server: ServerProcess, pattern: tuple[int, ...]) -> None:
    organisation = server.organisation()
    _armed(organisation, _SEEDED)
    refused = _refused(organisation, _sizes(*pattern))
    assert 1900 <= len(refused) <= 2100
    assert _digest(refused) == _DIGEST
    organisation.drain()
    stats = organisation.stats()
    assert (stats["offered"], stats["refused"], stats["deducted"]) == (_TOTAL, len(refused), _TOTAL - len(refused))
    [rule] = server.get("/_mock/faults", organisation.key).body["list"]
    assert (rule["seed"], rule["refused"]) == (42, len(refused))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_board_refuses_the_same_items(size: int) -> None:
    board = FaultBoard(Clock())
    board.arm(parse_rule(_SEEDED))
    refused = []
    for start in range(0, _TOTAL, size):
        items = [TrackItem(customer_id="c", feature_id="messages")] * min(size, _TOTAL - start)
        refused += [start + index for index in board.refusals(items, Subject.of_items((), (), items))]
    assert _digest(refused) == _DIGEST


def test_rules_of_organisations_draw_separately(server: ServerProcess) -> None:
    organisations = [server.organisation() for _ in range(2)]
    for organisation in organisations:
        _armed(organisation, _SEEDED)
    with ThreadPoolExecutor(2) as pool:
        refused = list(pool.map(_refused, organisations, [_sizes(1000), _sizes(400)]))
    assert [_digest(each) for each in refused] == [_DIGEST] * 2


def test_rules_of_one_organisation_draw_separately(server: ServerProcess) -> None:
    organisation = server.organisation()
    for rule in ("worker:drop rate=0.5 seed=1", _SEEDED, "reply:empty rate=0 seed=2"):
        _armed(organisation, rule)
    assert _digest(_refused(organisation, _sizes(1000))) == _DIGEST


def test_chosen_seed_is_reported_and_repeats_the_run(server: ServerProcess) -> None:
    first, again, other = (server.organisation() for _ in range(3))
    armed = _armed(first, _RULE)
    assert armed["rule"] == f"{_RULE} seed={armed['seed']}"
    refused = _refused(first, _sizes(1000))
    _armed(again, armed["rule"])
    assert _refused(again, _sizes(500)) == refused
    _armed(other, _RULE)
    assert _refused(other, _sizes(1000)) != refused


def test_seed_of_the_server_is_used_by_rules_without_one() -> None:
    with ServerProcess("--rate-limit", "off", "--seed", "42", "--fault", _RULE) as server:
        organisation = server.client(server.key)
        [rule] = server.get("/_mock/faults").body["list"]
        assert (rule["rule"], rule["seed"]) == (_SEEDED, 42)
        assert _digest(_refused(organisation, _sizes(1000))) == _DIGEST
        server.post("/_mock/reset", {})
        [rule] = server.get("/_mock/faults").body["list"]
        assert (rule["rule"], rule["fired"]) == (_SEEDED, 0)
        assert _digest(_refused(organisation, _sizes(500))) == _DIGEST


def test_random_rules_of_the_header_are_the_same_in_each_run_with_a_seed_and_differ_by_request() -> None:
    runs = []
    for seed in ("42", "42", "43"):
        with Engine(rate_limit="off", seed=int(seed)) as engine:
            client = create_app(engine).test_client()
            headers = {"Authorization": f"Bearer {DEFAULT_KEY}", "x-autumn-mock-fault": "reply:status 418 rate=0.5"}
            sent = (client.post("/v1/features.list", json={}, headers=headers) for _ in range(40))
            runs.append([reply.status_code for reply in sent])
    first, again, other = runs
    assert first == again
    assert first != other
    assert set(first) == {200, 418}
