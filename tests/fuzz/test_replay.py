"""Whatever was done, and wherever a crash or a bad disk hits the end of the log: reopening restores what was committed.

It raises nothing but StoreError, keeps every record that is whole, makes up none, and says the same when asked twice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autumn_mock.clock import Clock
from autumn_mock.domain.lock import Claim
from autumn_mock.domain.organisation import Organisation
from autumn_mock.operations import balances, customers, features
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.changes import Change, decode, encode
from autumn_mock.store.documents import kinds_of_tables
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.store.errors import StoreError
from autumn_mock.store.state import State
from autumn_mock.wire.requests.balances import BalancesCreate
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from tests.fuzz.bodies import Drawn, FromBytes
from tests.fuzz.history import History, Lifecycle, contents_of, files_of, reopened, write_files
from tests.support.effort import examples
from tests.support.world import NOW, item

_slowly = settings(deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(repr=False)
class Stopped:
    """The files that a server leaves that was killed, and what was in it after each record of the newest log."""

    files: dict[str, bytes]
    log: str
    after: dict[int, Lifecycle]

    @property
    def content(self) -> bytes:
        return self.files[self.log]

    @property
    def ends(self) -> list[int]:
        """Where the first line and every record of the newest log end."""
        return [place + 1 for place, byte in enumerate(self.content) if byte == 10]

    def whole_before(self, place: int) -> int:
        """The end of the last record that is whole when all from byte ``place`` on is gone."""
        return max((end for end in self.ends if end <= place), default=self.ends[0])

    def state_at(self, end: int, place: Path) -> Lifecycle:
        """What was in it when a record ended there; by replay up to there when it was not recorded."""
        known = self.after.get(end)
        if known is None:
            found = read_files(place, self.with_log(self.content[:end]))
            assert isinstance(found, dict)
            return found
        return known

    def with_log(self, content: bytes) -> dict[str, bytes]:
        return {**self.files, self.log: content}


@contextmanager
def places() -> Iterator[Iterator[Path]]:
    """New paths for databases."""
    with tempfile.TemporaryDirectory() as root:
        yield (Path(root, str(number), "db.json") for number in iter(range(1 << 30)))


@st.composite
def stops(draw: st.DrawFn, place: Path) -> Stopped:
    """A server that did something and was killed."""
    choices = Drawn(draw)

    def live(history: History) -> None:
        for _ in range(draw(st.integers(1, 12))):
            history.act(choices)

    return _stopped(place, live)


def _stopped(place: Path, live: Callable[[History], None]) -> Stopped:
    place.parent.mkdir()
    history = History(place)
    try:
        live(history)
        return Stopped(files_of(place), history.newest_log.name, history.after)
    finally:
        history.close()


def assert_same(found: Lifecycle, expected: Lifecycle) -> None:
    """Two states are equal; names what is not."""
    for name in {**expected, **found}:
        old, new = expected.get(name), found.get(name)
        if old != new and isinstance(old, dict) and isinstance(new, dict):
            assert_same(new, old)
        if old != new:
            raise AssertionError(f"{name}: {new!r} where {old!r} was")


def read_files(place: Path, files: dict[str, bytes]) -> Lifecycle | StoreError:
    """What the state holds that is made of these files; read twice; files that do not fit are not changed."""
    write_files(place, files)
    found: list[Lifecycle | StoreError] = []
    for _ in range(2):
        try:
            found.append(reopened(place, contents_of))
        except StoreError as error:
            assert files_of(place) == files
            found.append(error)
    first, second = found
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first == second
    else:
        assert str(first) == str(second)
    return first


@settings(_slowly, max_examples=examples(60))
@given(st.data())
def test_a_log_cut_anywhere_at_its_end_loses_what_was_cut_and_nothing_else(data: st.DataObject) -> None:
    with places() as place:
        stopped = data.draw(stops(next(place)))
        assert read_files(next(place), stopped.files) == stopped.after[len(stopped.content)]
        recent = stopped.ends[-4:]
        for cut in data.draw(st.lists(st.integers(recent[0], len(stopped.content)), min_size=1, max_size=4)):
            found = read_files(next(place), stopped.with_log(stopped.content[:cut]))
            assert found == stopped.state_at(stopped.whole_before(cut), next(place))
        torn = data.draw(st.integers(0, stopped.ends[0] - 1))
        assert read_files(next(place), stopped.with_log(stopped.content[:torn])) == stopped.state_at(
            stopped.ends[0], next(place)
        )


@settings(_slowly, max_examples=examples(60))
@given(st.data())
def test_a_garbled_end_is_cut_or_refused(data: st.DataObject) -> None:
    with places() as place:
        stopped = data.draw(stops(next(place)))
        content = stopped.content
        for _ in range(3):
            start = data.draw(st.integers(stopped.ends[-4:][0] - 1, len(content)))
            scrap = data.draw(st.binary(min_size=1, max_size=6) | st.just(b"\0" * 600) | st.just(content[-40:]))
            rest = data.draw(st.sampled_from([content[start + len(scrap) :], b"", content[start:]]))
            garbled = content[:start] + scrap + rest
            same = next((at for at, (old, new) in enumerate(zip(content, garbled, strict=False)) if old != new), None)
            whole = stopped.whole_before(min(len(content), len(garbled)) if same is None else same)
            found = read_files(next(place), stopped.with_log(garbled))
            if isinstance(found, dict):
                assert found == stopped.state_at(whole, next(place))
            else:
                assert b"\n" in garbled[whole:]


@settings(_slowly, max_examples=examples(50))
@given(st.data())
def test_a_checkpoint_changes_nothing(data: st.DataObject) -> None:
    with places() as place:
        stopped = data.draw(stops(next(place)))
        path = next(place)
        write_files(path, stopped.files)
        reopened(path, State.checkpoint)
        assert_same(reopened(path, contents_of), stopped.after[len(stopped.content)])


@settings(_slowly, max_examples=examples(40))
@given(st.data())
def test_what_was_recovered_can_be_gone_on_with(data: st.DataObject) -> None:
    with places() as place:
        stopped = data.draw(stops(next(place)))
        path = next(place)
        cut = data.draw(st.integers(stopped.ends[-3:][0], len(stopped.content)))
        write_files(path, stopped.with_log(stopped.content[:cut]))

        def go_on(state: State) -> Lifecycle:
            state.add(Organisation(id="new", name="", slug="new", created_at=NOW), [])
            return contents_of(state)

        assert reopened(path, go_on) == reopened(path, contents_of)


def test_every_byte_of_the_last_record(tmp_path: Path) -> None:
    """One history, its last record cut at every byte and with every byte changed."""

    def live(history: History) -> None:
        for act in (history.customer, history.batch, history.work):
            act(FromBytes(b""))
        features.delete(history.call(), "sso")

    stopped = _stopped(tmp_path / "live" / "db.json", live)
    content = stopped.content
    number = 0
    for place in range(stopped.ends[-2], len(content)):
        for damaged in (content[:place], content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :]):
            number += 1
            found = read_files(tmp_path / str(number) / "db.json", stopped.with_log(damaged))
            assert found == stopped.after[stopped.ends[-2]]
    assert number > 100


def test_no_digit_is_lost_at_a_checkpoint(tmp_path: Path) -> None:
    """Seventeen digits and more stand in a file at rest as they stand in the log."""

    def live(history: History) -> None:
        customers.get_or_create(history.call(), CustomersGetOrCreate(customer_id="c"))
        balances.create(history.call(), BalancesCreate(customer_id="c", feature_id="words", included_grant=1e16))
        history.use(item(0.1, "words"))

    stopped = _stopped(tmp_path / "live" / "db.json", live)
    path = tmp_path / "again" / "db.json"
    write_files(path, stopped.files)
    reopened(path, State.checkpoint)
    assert_same(reopened(path, contents_of), stopped.after[len(stopped.content)])


# -- one transaction

_steps = st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 3)), max_size=8)


def _claims(environment: Environment) -> list[Claim]:
    return environment.claims.snapshot()


@settings(_slowly, max_examples=examples(300))
@given(st.lists(_steps, max_size=4))
@example([[(True, "a", 1)], [(False, "a", 0), (True, "a", 2)]])
@example([[(True, "a", 1), (False, "a", 0), (True, "a", 2)]])
@example([[(True, "a", 1), (True, "b", 1)], [(False, "a", 0), (True, "a", 1)]])
def test_a_change_says_what_its_transaction_did(transactions: list[list[tuple[bool, str, int]]]) -> None:
    """Whatever comes, goes and comes back within one transaction, replay leaves the same records in the same order."""
    kept: list[bytes] = []

    def sink(change: Change) -> None:
        kept.append(encode(change))

    organisation = Organisation(id="org", name="", slug="", created_at=0)
    live = Environment(organisation, "sandbox", Clock(), sink)
    for steps in transactions:
        with live.write() as transaction:
            for is_put, key, number in steps:
                _step(live, transaction, is_put, key, number)
    replayed = Environment(organisation, "sandbox", Clock(), sink)
    for payload in kept:
        replayed.apply(decode(payload, kinds_of_tables()))
    assert _claims(replayed) == _claims(live)


def _step(environment: Environment, transaction: Transaction, is_put: bool, key: str, number: int) -> None:
    if is_put:
        transaction.put(Claim(key=key, expires_at=number))
    elif (held := environment.claims.get(key)) is not None:
        transaction.delete(held)


def test_a_key_given_back_and_taken_again_in_one_batch_stays_taken(tmp_path: Path) -> None:
    """An item refused and another with its key, worked off together: after a restart the key is still taken."""
    path = tmp_path / "live" / "db.json"

    def live(history: History) -> None:
        history.customer(FromBytes(b""))
        history.offer(item(5000, idempotency_key="k", overage_behavior="reject"), item(1, idempotency_key="k"))
        history.work(FromBytes(b"\2"))
        with pytest.raises(ApiError, match=r"(?i)idempotency"):
            history.use(item(1, idempotency_key="k"))

    stopped = _stopped(path, live)
    assert read_files(tmp_path / "again" / "db.json", stopped.files) == stopped.after[len(stopped.content)]
