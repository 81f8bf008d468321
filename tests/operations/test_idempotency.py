"""Idempotency keys of requests: they last with what is done under them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from autumn_mock.domain.lock import Claim
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.idempotency import give_back, is_claimed, keyed, settle
from autumn_mock.store.environment import Environment
from tests.ingest.plant import NOW, Plant


def _work(environment: Environment) -> None:
    with environment.write() as transaction:
        transaction.put(Claim(key="work", expires_at=NOW + 1))


def _fail(status: int) -> None:
    raise ApiError(status, "", "")


def _work_and_fail(plant: Plant, refusals: int) -> None:
    """Do something that is kept, and fail; the disk then refuses so many writes."""
    _work(plant.environment)
    plant.disk.refusals = refusals
    _fail(400)


def _keys(plant: Plant) -> list[str]:
    return [each.key for each in plant.environment.claims]


def _elsewhere(act: Callable[[], object]) -> object:
    """What an act returns in another thread."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(act()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def plant() -> Plant:
    """With nothing kept so far that anybody looks at."""
    plant = Plant()
    plant.disk.kept.clear()
    return plant


def test_a_key_and_what_is_done_under_it_are_one_record(plant: Plant) -> None:
    with keyed(plant.environment, "k", NOW):
        _work(plant.environment)
    assert [sorted(each.key for each in change.put["claims"]) for change in plant.disk.kept] == [["k", "work"]]


def test_a_key_lasts_when_nothing_was_changed(plant: Plant) -> None:
    with keyed(plant.environment, "k", NOW):
        pass
    assert _keys(plant) == ["k"]
    assert len(plant.disk.kept) == 1


def test_it_is_taken_from_the_beginning(plant: Plant) -> None:
    with keyed(plant.environment, "k", NOW):
        assert plant.disk.kept == []
        assert _elsewhere(lambda: is_claimed(plant.environment, "k", NOW))
        with pytest.raises(ApiError, match="key k"), keyed(plant.environment, "k", NOW):
            pytest.fail("two have the key")
    assert _keys(plant) == ["k"]


def test_what_others_do_meanwhile_has_nothing_to_do_with_it(plant: Plant) -> None:
    with keyed(plant.environment, "k", NOW):
        _elsewhere(lambda: _work(plant.environment))
        assert _keys(plant) == ["work"]


@pytest.mark.parametrize(("status", "kept"), [(400, []), (409, ["k"]), (503, [])])
def test_a_failure_gives_it_back_but_a_conflict(plant: Plant, status: int, kept: list[str]) -> None:
    with pytest.raises(ApiError), keyed(plant.environment, "k", NOW):
        _fail(status)
    assert _keys(plant) == kept
    assert not plant.environment.along


def test_a_failure_after_a_change_gives_it_back(plant: Plant) -> None:
    with pytest.raises(ApiError), keyed(plant.environment, "k", NOW):
        _work_and_fail(plant, 0)
    assert _keys(plant) == ["work"]
    assert plant.disk.kept[-1].delete == {"claims": ["k"]}


def test_a_full_disk_gives_it_back(plant: Plant) -> None:
    plant.disk.refusals = 1
    with pytest.raises(OSError, match="no space"), keyed(plant.environment, "k", NOW):
        _work(plant.environment)
    assert _keys(plant) == []
    plant.disk.refusals = 1
    with pytest.raises(OSError, match="no space"), keyed(plant.environment, "k", NOW):
        pass
    assert _keys(plant) == []
    with keyed(plant.environment, "k", NOW):
        _work(plant.environment)
    assert _keys(plant) == ["work", "k"]


def test_memory_gives_it_back_where_the_disk_cannot(plant: Plant) -> None:
    with pytest.raises(ApiError), keyed(plant.environment, "k", NOW):
        _work_and_fail(plant, 1)
    assert _keys(plant) == ["work"]


def test_two_keys_last_together(plant: Plant) -> None:
    with keyed(plant.environment, "k", NOW), keyed(plant.environment, "l", NOW):
        _work(plant.environment)
    assert _keys(plant) == ["work", "k", "l"]
    assert len(plant.disk.kept) == 1


def test_a_key_that_was_never_reserved_is_nothing(plant: Plant) -> None:
    settle(plant.environment, "k")
    give_back(plant.environment, "k")
    assert plant.disk.kept == []
