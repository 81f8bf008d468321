"""Idempotency keys: committed together with the changes of the call, free again when the call fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autumn_mock.domain.lock import Claim
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.idempotency import idempotent, is_claimed
from tests.support.world import NOW, IngestWorld


def _work(call: Call) -> None:
    with call.write() as transaction:
        transaction.put(Claim(key="work", expires_at=NOW + 1))


def _fail(status: int) -> None:
    raise ApiError(status, "", "")


def _work_and_fail(world: IngestWorld, call: Call, refusals: int = 0) -> None:
    """Commit something and fail; the disk then refuses the next ``refusals`` writes."""
    _work(call)
    world.disk.refusals = refusals
    _fail(400)


def _keys(world: IngestWorld) -> list[str]:
    return [each.key for each in world.environment.claims]


@pytest.fixture
def world() -> IngestWorld:
    world = IngestWorld()
    world.disk.kept.clear()
    return world


def test_idempotent_commits_the_key_and_the_changes_in_one_record(world: IngestWorld) -> None:
    call = world.call()
    with idempotent(call, "k"):
        _work(call)
        _work(call)
    committed = [sorted(each.key for each in change.put["claims"]) for change in world.disk.kept]
    assert committed == [["k", "work"], ["work"]]


def test_idempotent_commits_the_key_of_a_call_that_changes_nothing(world: IngestWorld) -> None:
    with idempotent(world.call(), "k"):
        pass
    assert _keys(world) == ["k"]
    assert len(world.disk.kept) == 1


def test_idempotent_without_a_key_writes_nothing(world: IngestWorld) -> None:
    with idempotent(world.call(), None):
        pass
    assert world.disk.kept == []


def test_idempotent_takes_the_key_before_the_block_runs(world: IngestWorld) -> None:
    with idempotent(world.call(), "k"):
        assert world.disk.kept == []
        assert is_claimed(world.environment, "k", NOW)
        with pytest.raises(ApiError, match="key k"), idempotent(world.call(), "k"):
            pytest.fail("two calls have the key")
    assert _keys(world) == ["k"]


def test_idempotent_is_not_affected_by_transactions_of_other_calls(world: IngestWorld) -> None:
    with idempotent(world.call(), "k"):
        _work(world.call())
        assert _keys(world) == ["work"]


@pytest.mark.parametrize(("status", "kept"), [(400, []), (409, ["k"]), (503, [])])
def test_idempotent_frees_the_key_of_a_failed_call_except_after_a_conflict(
    world: IngestWorld, status: int, kept: list[str]
) -> None:
    with pytest.raises(ApiError), idempotent(world.call(), "k"):
        _fail(status)
    assert _keys(world) == kept
    assert not world.environment.pending_keys


def test_idempotent_frees_a_committed_key_when_the_call_fails_later(world: IngestWorld) -> None:
    call = world.call()
    with pytest.raises(ApiError), idempotent(call, "k"):
        _work_and_fail(world, call)
    assert _keys(world) == ["work"]
    assert world.disk.kept[-1].delete == {"claims": ["k"]}


@pytest.mark.parametrize("run", [_work, lambda _: None], ids=["in a transaction", "at the end"])
def test_idempotent_frees_the_key_when_the_disk_refuses_it(world: IngestWorld, run: Callable[[Call], None]) -> None:
    call = world.call()
    world.disk.refusals = 1
    with pytest.raises(OSError, match="no space"), idempotent(call, "k"):
        run(call)
    assert _keys(world) == []
    with idempotent(call, "k"):
        _work(call)
    assert _keys(world) == ["work", "k"]


def test_idempotent_frees_the_key_in_memory_when_the_disk_refuses_the_deletion(world: IngestWorld) -> None:
    call = world.call()
    with pytest.raises(ApiError), idempotent(call, "k"):
        _work_and_fail(world, call, refusals=1)
    assert _keys(world) == ["work"]


def test_idempotent_commits_nested_keys_in_one_record(world: IngestWorld) -> None:
    call = world.call()
    with idempotent(call, "k"), idempotent(call, "l"):
        _work(call)
    assert _keys(world) == ["work", "k", "l"]
    assert len(world.disk.kept) == 1
