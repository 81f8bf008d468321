"""Idempotency keys of requests: they last with what is done under them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from autumn_mock.domain.lock import Claim
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.idempotency import give_back, is_claimed, keyed, settle
from autumn_mock.store.environment import Environment
from tests.support.world import NOW, IngestWorld


def _work(environment: Environment) -> None:
    with environment.write() as transaction:
        transaction.put(Claim(key="work", expires_at=NOW + 1))


def _fail(status: int) -> None:
    raise ApiError(status, "", "")


def _work_and_fail(world: IngestWorld, refusals: int) -> None:
    """Do something that is kept, and fail; the disk then refuses so many writes."""
    _work(world.environment)
    world.disk.refusals = refusals
    _fail(400)


def _keys(world: IngestWorld) -> list[str]:
    return [each.key for each in world.environment.claims]


def _elsewhere(act: Callable[[], object]) -> object:
    """What an act returns in another thread."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(act()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def world() -> IngestWorld:
    """With nothing kept so far that anybody looks at."""
    world = IngestWorld()
    world.disk.kept.clear()
    return world


def test_a_key_and_what_is_done_under_it_are_one_record(world: IngestWorld) -> None:
    with keyed(world.environment, "k", NOW):
        _work(world.environment)
    assert [sorted(each.key for each in change.put["claims"]) for change in world.disk.kept] == [["k", "work"]]


def test_a_key_lasts_when_nothing_was_changed(world: IngestWorld) -> None:
    with keyed(world.environment, "k", NOW):
        pass
    assert _keys(world) == ["k"]
    assert len(world.disk.kept) == 1


def test_it_is_taken_from_the_beginning(world: IngestWorld) -> None:
    with keyed(world.environment, "k", NOW):
        assert world.disk.kept == []
        assert _elsewhere(lambda: is_claimed(world.environment, "k", NOW))
        with pytest.raises(ApiError, match="key k"), keyed(world.environment, "k", NOW):
            pytest.fail("two have the key")
    assert _keys(world) == ["k"]


def test_what_others_do_meanwhile_has_nothing_to_do_with_it(world: IngestWorld) -> None:
    with keyed(world.environment, "k", NOW):
        _elsewhere(lambda: _work(world.environment))
        assert _keys(world) == ["work"]


@pytest.mark.parametrize(("status", "kept"), [(400, []), (409, ["k"]), (503, [])])
def test_a_failure_gives_it_back_but_a_conflict(world: IngestWorld, status: int, kept: list[str]) -> None:
    with pytest.raises(ApiError), keyed(world.environment, "k", NOW):
        _fail(status)
    assert _keys(world) == kept
    assert not world.environment.along


def test_a_failure_after_a_change_gives_it_back(world: IngestWorld) -> None:
    with pytest.raises(ApiError), keyed(world.environment, "k", NOW):
        _work_and_fail(world, 0)
    assert _keys(world) == ["work"]
    assert world.disk.kept[-1].delete == {"claims": ["k"]}


def test_a_full_disk_gives_it_back(world: IngestWorld) -> None:
    world.disk.refusals = 1
    with pytest.raises(OSError, match="no space"), keyed(world.environment, "k", NOW):
        _work(world.environment)
    assert _keys(world) == []
    world.disk.refusals = 1
    with pytest.raises(OSError, match="no space"), keyed(world.environment, "k", NOW):
        pass
    assert _keys(world) == []
    with keyed(world.environment, "k", NOW):
        _work(world.environment)
    assert _keys(world) == ["work", "k"]


def test_memory_gives_it_back_where_the_disk_cannot(world: IngestWorld) -> None:
    with pytest.raises(ApiError), keyed(world.environment, "k", NOW):
        _work_and_fail(world, 1)
    assert _keys(world) == ["work"]


def test_two_keys_last_together(world: IngestWorld) -> None:
    with keyed(world.environment, "k", NOW), keyed(world.environment, "l", NOW):
        _work(world.environment)
    assert _keys(world) == ["work", "k", "l"]
    assert len(world.disk.kept) == 1


def test_a_key_that_was_never_reserved_is_nothing(world: IngestWorld) -> None:
    settle(world.environment, "k")
    give_back(world.environment, "k")
    assert world.disk.kept == []
