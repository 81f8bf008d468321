"""What an engine contains, and how it is replaced: snapshots, loads, resets, organisations on demand."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autumn_mock import Emulator
from autumn_mock.domain.organisation import Env
from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError
from autumn_mock.store.errors import StoreError
from autumn_mock.testing.mock import AutumnMock
from autumn_mock.worlds import organisation_id
from tests.support.client import BATCH, DEFAULT_KEY, TRACK, Client
from tests.testing.calls import CUSTOMER, GRANT, ask, client_of, post, send, track, use

OTHER_KEY = "am_sk_test_other"
#: More digits than a double has.
LARGE, SMALL, EXACT = 123_456_789_012_345, 0.0000000001, b"123456789012344.9999999999"
#: The default world's organisation and environment.
NAME: tuple[str, Env] = ("org_autumn_mock", "sandbox")
BOTH = pytest.mark.parametrize("whole", [True, False], ids=["whole", "organisation"])


def state_of(content: bytes) -> bytes:
    """A snapshot without the time when it was written."""
    state, found = re.subn(rb'"_autumn_mock": \{\n.*\n\},?\n', b"", content)
    assert found == 1
    return state


def tables_of(content: bytes) -> dict[str, dict[str, dict[str, Any]]]:
    """The tables of a snapshot."""
    tables: dict[str, dict[str, dict[str, Any]]] = json.loads(content)
    return tables


def documents_of(content: bytes) -> list[bytes]:
    """The documents of a snapshot that belong to an environment, in any order."""
    documents = (line.partition(b": ")[2].rstrip(b",") for line in content.splitlines())
    return sorted(each for each in documents if each.startswith(b'{"org":'))


def again(mock: AutumnMock) -> AutumnMock:
    """The same organisation after a load."""
    assert isinstance(mock.emulator, Emulator)
    return mock.emulator.mock(mock.key)


def restore(mock: AutumnMock, content: bytes, whole: bool = True) -> None:
    """Load a snapshot into the whole server, or into the organisation."""
    mock.emulator.restore(content, None if whole else mock.emulator.state.environment(*mock._name))


def assert_deducted(mock: AutumnMock, count: int) -> None:
    """All items that were queued were deducted, once."""
    stats = mock.drain()
    assert (stats["accepted"], stats["ready"], stats["deducted"], stats["lost"]) == (count, 0, count, 0)
    assert mock.balance(CUSTOMER, "messages") == GRANT - count
    mock.assert_balanced()


def queued_snapshot(count: int) -> bytes:
    """A snapshot with items in the queue."""
    with Emulator() as mock:
        mock.pause()
        assert send(mock, *[use()] * count) == 202
        return mock.emulator.snapshot()


@pytest.fixture(scope="module")
def queued() -> bytes:
    """The default world with three items in the queue."""
    return queued_snapshot(3)


@pytest.fixture(scope="module")
def used() -> bytes:
    """A snapshot with documents in every table."""
    with Emulator(rate_limit="off", key=(OTHER_KEY,)) as mock:
        new = {"customer_id": "cus_new"}
        ask(mock, "customers.get_or_create", {**new, "name": "Zoë 数据 😀\u2028\u0085", "email": None})
        ask(mock, "balances.create", {**new, "feature_id": "messages", "included_grant": LARGE})
        ask(mock, "entities.create", {**new, "entity_id": "seat", "feature_id": "seats", "name": "a"})
        check = {"customer_id": CUSTOMER, "feature_id": "messages", "required_balance": 3}
        ask(mock, "balances.check", {**check, "lock": {"enabled": True, "lock_id": "lock_1"}})
        ask(mock, "balances.track", use(1, idempotency_key="once", properties={"deep": [{"a": None}]}))
        send(mock, use(SMALL, "cus_new"), use(0.2, timestamp=1_700_000_000_000), use(1, "cus_none"))
        mock.drain()
        mock.fault("enqueue:fail items=0")
        send(mock, use(), use())
        mock.drain()
        return mock.emulator.snapshot()


# -- restore


def test_restore_replaces_the_whole_state(used: bytes) -> None:
    assert EXACT in used
    with Emulator(key=(OTHER_KEY,)) as mock:
        ask(mock, "customers.get_or_create", {"customer_id": "cus_before"})
        restore(mock, used)
        assert state_of(mock.emulator.snapshot()) == state_of(used)
        mock = again(mock)
        assert post(mock, "customers.get", {"customer_id": "cus_before"}).status == 404
        assert post(mock, "balances.track", use(idempotency_key="once")).status == 409
        before = mock.balance(CUSTOMER, "messages")
        ask(mock, "balances.finalize", {"lock_id": "lock_1", "action": "release"})
        assert mock.balance(CUSTOMER, "messages") == before + 3


def test_restore_of_an_organisation_changes_no_other(used: bytes) -> None:
    with Emulator(key=(OTHER_KEY,)) as mock:
        emulator = mock.emulator
        assert isinstance(emulator, Emulator)
        other = emulator.mock(OTHER_KEY)
        ask(other, "customers.get_or_create", {"customer_id": "cus_before"})
        others = state_of(emulator.snapshot(emulator.state.environment(*other._name)))
        restore(mock, used, whole=False)
        assert documents_of(emulator.snapshot(emulator.state.environment(*NAME))) == documents_of(used)
        assert state_of(emulator.snapshot(emulator.state.environment(*other._name))) == others
        # From a file of one organisation another one takes the content, and keeps its own id, name and keys.
        own = client_of(other).get("/v1/organization").body
        restore(other, emulator.snapshot(emulator.state.environment(*NAME)), whole=False)
        assert client_of(other).get("/v1/organization").body == own
        assert post(other, "customers.get", {"customer_id": "cus_before"}).status == 404
        assert other.balance(CUSTOMER, "messages") == again(mock).balance(CUSTOMER, "messages")
        track(other)
        other.assert_balanced()


def test_restore_of_an_organisation_that_the_snapshot_does_not_contain_is_refused(used: bytes) -> None:
    with Emulator(world="empty") as mock, pytest.raises(StoreError, match=r"2 organisations.*org_empty"):
        restore(mock, used, whole=False)


@BOTH
def test_restore_queues_the_items_of_the_snapshot(whole: bool, queued: bytes) -> None:
    with Emulator() as mock:
        mock.pause()
        assert send(mock, use(100)) == 202
        restore(mock, queued, whole)
        assert mock.emulator.queue.is_paused(NAME)
        mock = again(mock)
        mock.resume()
        assert_deducted(mock, 3)


def test_restore_keeps_clocks_faults_and_webhook_endpoints() -> None:
    with Emulator(webhook_url=("http://127.0.0.1:9/",)) as mock:
        content = mock.emulator.snapshot()
        track(mock, 10)
        mock.clock.freeze()
        mock.clock.advance("40d")
        now = mock.clock.now
        mock.fault("enqueue:fail items=0 times=3")
        restore(mock, content)
        assert (mock.clock.frozen, mock.clock.now, mock.balance(CUSTOMER, "messages")) == (True, now, GRANT)
        assert send(mock, use(), use(GRANT + 1)) == 202
        assert mock.drain()["refused"] == 1
        assert mock.emulator.webhooks.journal.entries()


# -- snapshots as worlds


@pytest.mark.parametrize("name", ["snapshot", "snapshot.yaml", "2026-01-01.snap"])
def test_snapshot_is_a_world_with_any_name(name: str, used: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(used)
    assert state_of(Emulator(world=str(tmp_path / name)).snapshot()) == state_of(used)


def test_snapshot_larger_than_a_world_file_is_a_world(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with Emulator(rate_limit="off") as mock:
        assert send(mock, *(use(properties={"text": "x" * 200_000}) for _ in range(90))) == 202
        mock.drain()
        file.write_bytes(mock.emulator.snapshot())
    assert file.stat().st_size > 16 << 20
    with Emulator(world=str(file), key=(DEFAULT_KEY,)) as mock:
        assert mock.balance(CUSTOMER, "messages") == GRANT - 90


@pytest.fixture
def from_snapshot(queued: bytes, tmp_path: Path) -> Iterator[AutumnMock]:
    """A server whose world is a snapshot with items in the queue."""
    file = tmp_path / "world.json"
    file.write_bytes(queued)
    with Emulator(world=str(file), key=(DEFAULT_KEY,), auto_org=True) as mock:
        yield mock


def test_reset_leads_back_to_the_snapshot_that_is_the_world(from_snapshot: AutumnMock) -> None:
    mock = from_snapshot
    assert_deducted(mock, 3)
    for reset in (mock.emulator.reset, mock.reset, mock.emulator.reset):
        track(mock, 100)
        ask(mock, "customers.get_or_create", {"customer_id": "cus_later"})
        reset()
        mock = again(mock)
        assert post(mock, "customers.get", {"customer_id": "cus_later"}).status == 404
        assert_deducted(mock, 3)


def test_reset_leads_organisations_back_to_their_own_worlds(from_snapshot: AutumnMock) -> None:
    emulator = from_snapshot.emulator
    assert isinstance(emulator, Emulator)
    shipped, own = emulator.fresh("default"), emulator.fresh()
    assert_deducted(own, 3)
    for mock in (shipped, own):
        track(mock, 7)
        mock.reset()
    assert shipped.balance(CUSTOMER, "messages") == GRANT
    assert_deducted(own, 3)


def test_reset_after_a_restore_leads_back_to_the_world(queued: bytes) -> None:
    with Emulator(key=(OTHER_KEY,)) as mock:
        restore(mock, queued)
        mock.emulator.reset()
        assert (mock.balance(CUSTOMER, "messages"), mock.stats()["offered"]) == (GRANT, 0)
        assert post(mock, "features.list", {}, key=OTHER_KEY).status == 200


# -- damaged snapshots


def _changed(table: str, **fields: Any) -> Callable[[bytes], bytes]:
    """Changes the first document of a table."""

    def change(content: bytes) -> bytes:
        tables = tables_of(content)
        tables[table][next(iter(tables[table]))].update(fields)
        return json.dumps(tables).encode()

    return change


#: Documents without an owner.
LOST_OWNERS: dict[str, Callable[[bytes], bytes]] = {
    "unknown organisation": _changed("customers", org="org_unknown"),
    "organisation is a list": _changed("messages", org=[]),
    "unknown environment": _changed("balances", env="production"),
    "environment is a number": _changed("books", env=7),
    "no environment": _changed("plans", env=None),
    "key of an unknown organisation": _changed("keys", org_id="org_unknown"),
    "no organisations": lambda content: json.dumps({**tables_of(content), "organisations": {}}).encode(),
}


@pytest.mark.parametrize("damage", LOST_OWNERS.values(), ids=LOST_OWNERS)
def test_restore_refuses_documents_without_an_owner(
    damage: Callable[[bytes], bytes], queued: bytes, tmp_path: Path
) -> None:
    with Emulator() as mock:
        before = state_of(mock.emulator.snapshot())
        with pytest.raises(StoreError, match="the snapshot is damaged at table"):
            restore(mock, damage(queued))
        assert state_of(mock.emulator.snapshot()) == before
    file = tmp_path / "world.json"
    file.write_bytes(damage(queued))
    with pytest.raises(InputFileError, match=re.escape(str(file))):
        Emulator(world=str(file))


# -- loads and resets beside requests


@contextmanager
def traffic(mock: AutumnMock) -> Iterator[Counter[tuple[str, int]]]:
    """Clients that send without a pause; counts replies by path and status."""
    calls: tuple[tuple[str, Any], ...] = (
        (BATCH, [use()] * 20),
        (TRACK, use()),
        ("/v1/customers.get", {"customer_id": CUSTOMER}),
        (BATCH, [use(customer="cus_123")] * 5),
    )
    replies: Counter[tuple[str, int]] = Counter()
    stop, begun = threading.Event(), threading.Barrier(len(calls) + 1)

    def run(path: str, body: Any) -> None:
        with Client(mock.url, mock.key, keep_alive=True) as client:
            replies[path, client.post(path, body).status] += 1
            begun.wait(30)
            while not stop.is_set():
                replies[path, client.post(path, body).status] += 1

    threads = [threading.Thread(target=run, args=call) for call in calls]
    for thread in threads:
        thread.start()
    begun.wait(30)
    try:
        yield replies
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


SUCCESS = {(BATCH, 202), (TRACK, 200), ("/v1/customers.get", 200)}


@pytest.fixture(scope="module")
def large() -> bytes:
    """The default world with many more customers, which takes a while to load."""
    tables = tables_of(queued_snapshot(0))
    first = next(iter(tables["customers"].values()))
    more = {
        f"more {n}": {**first, "id": f"more_{n}", "internal_id": f"{first['internal_id']}_{n}"} for n in range(3000)
    }
    tables["customers"] = {**more, **tables["customers"]}
    return json.dumps(tables).encode()


@BOTH
def test_restore_is_atomic_for_requests(whole: bool, large: bytes) -> None:
    with Emulator(rate_limit="off") as mock:
        restore(mock, large, whole)
        with traffic(mock) as replies:
            for _ in range(12):
                restore(mock, large, whole)
        assert set(replies) == SUCCESS
        mock = again(mock)
        assert mock.drain()["lost"] == 0
        mock.assert_balanced()


@BOTH
def test_reset_is_atomic_for_requests(whole: bool) -> None:
    """Also for balances that were renewed by a clock which is reset with them."""
    with Emulator(rate_limit="off") as mock:
        with traffic(mock) as replies:
            for _ in range(12):
                mock.clock.advance("40d")
                (mock.emulator.reset if whole else mock.reset)()
        assert set(replies) == SUCCESS
        assert mock.drain()["lost"] == 0
        mock.assert_balanced()
        balances = ask(mock, "customers.get", {"customer_id": "cus_bob"})["balances"]
        assert balances["ai_messages"]["next_reset_at"] < mock.clock.now + 32 * 24 * 3_600_000


def test_snapshot_is_atomic_for_requests() -> None:
    with Emulator(rate_limit="off") as mock:
        with traffic(mock):
            contents = [mock.emulator.snapshot() for _ in range(10)]
        for tables in map(tables_of, contents):
            books: Counter[str] = Counter()
            for book in tables["books"].values():
                books.update({name: count for name, count in book.items() if isinstance(count, int)})
            waiting = len(tables.get("messages", {}))
            assert books["offered"] - books["refused"] == waiting + books["deducted"] + books["lost"]
        restore(mock, contents[-1])
        mock = again(mock)
        mock.drain()
        mock.assert_balanced()


# -- organisations on demand

UNKNOWN_KEYS = [
    "am_sk_live_new",
    "am_pk_test_new",
    "am_sk_test_",
    "am_sk_test_with.a.dot",
    "am_sk_test_with a space",
    "am_sk_testnew",
    "AM_SK_TEST_NEW",
    "sk_test_new",
]


@pytest.fixture(scope="module")
def auto() -> Iterator[AutumnMock]:
    """A server that opens organisations on demand."""
    with Emulator(auto_org=True, rate_limit="off") as mock:
        yield mock


def status_of(mock: AutumnMock, key: str, customer_id: str = CUSTOMER) -> int:
    """The status of a request with a key."""
    return post(mock, "customers.get", {"customer_id": customer_id}, key).status


@pytest.mark.parametrize("key", UNKNOWN_KEYS)
def test_auto_org_opens_no_organisation_for_other_keys(auto: AutumnMock, key: str) -> None:
    assert [status_of(auto, key) for _ in range(2)] == [401, 401]


def test_auto_org_takes_keys_with_a_random_uuid(auto: AutumnMock) -> None:
    assert status_of(auto, "am_sk_test_3f2b8c1e-0d4a-4b6f-9a77-5c2d1e0f9b88") == 200


def test_open_is_refused_without_auto_org(autumn_mock: AutumnMock) -> None:
    assert status_of(autumn_mock, "am_sk_test_new") == 401


def together(count: int, do: Callable[[int], Any]) -> list[Any]:
    """The results of a function that threads call at the same moment."""
    barrier = threading.Barrier(count)
    results: dict[int, Any] = {}

    def run(number: int) -> None:
        barrier.wait(30)
        results[number] = do(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [results[number] for number in range(count)]


def test_auto_org_opens_one_complete_organisation_for_a_key_of_many_clients(tmp_path: Path) -> None:
    world = tmp_path / "large.yaml"
    customers = "".join(
        f"      - {{customer_id: cus_{number}, balances: [{{feature_id: messages, included_grant: 1000}}]}}\n"
        for number in range(2000)
    )
    world.write_text(
        "organisations:\n  - slug: large\n    keys: [am_sk_test_large]\n    sandbox:\n      features:\n"
        "      - {feature_id: messages, name: Messages, type: metered, consumable: true}\n"
        f"      customers:\n{customers}",
        "utf-8",
    )
    with Emulator(world=str(world), auto_org=True, rate_limit="off") as mock:
        emulator = mock.emulator
        assert isinstance(emulator, Emulator)
        assert together(32, lambda _: status_of(mock, "am_sk_test_readers", "cus_1999")) == [200] * 32
        items = [use(customer="cus_1999")]
        assert (
            together(32, lambda _: post(mock, "balances.batch_track", items, "am_sk_test_writers").status) == [202] * 32
        )
        assert len(emulator.state.organisations) == 3
        stats = emulator.mock("am_sk_test_writers").drain()
        assert (stats["deducted"], stats["lost"]) == (32, 0)


def test_auto_org_organisations_share_nothing(auto: AutumnMock) -> None:
    emulator = auto.emulator
    assert isinstance(emulator, Emulator)

    def work(number: int) -> tuple[float, int]:
        key = f"am_sk_test_side_{number}"
        client = Client(auto.url, key)
        for _ in range(3):
            client.ask(BATCH, [use()] * (number + 1))
        client.ask("/v1/customers.get_or_create", {"customer_id": f"only_{number}"})
        mock = emulator.mock(key)
        mock.drain()
        others = [status_of(auto, key, f"only_{other}") for other in range(16)]
        return mock.balance(CUSTOMER, "messages"), others.count(200)

    assert together(16, work) == [(GRANT - 3 * (number + 1), 1) for number in range(16)]
    assert auto.balance(CUSTOMER, "messages") == GRANT


def test_auto_org_organisations_are_durable_and_can_be_reset(tmp_path: Path) -> None:
    options: dict[str, Any] = {"auto_org": True, "db": str(tmp_path / "state.json")}
    with Emulator(**options) as mock:
        Client(mock.url, "am_sk_test_kept").ask(TRACK, use(2))
    with Emulator(**options) as mock:
        assert isinstance(mock.emulator, Emulator)
        kept = mock.emulator.mock("am_sk_test_kept")
        assert kept.balance(CUSTOMER, "messages") == GRANT - 2
        kept.reset()
        assert kept.balance(CUSTOMER, "messages") == GRANT


def test_idle_organisations_that_were_opened_on_demand_are_closed() -> None:
    with Emulator(auto_org_idle="1s", key=(OTHER_KEY,)) as mock:  # implies auto_org
        engine = mock.emulator
        for key in ("am_sk_test_idle", "am_sk_test_used", "am_sk_test_named"):
            assert engine.find_key(key) is not None
        engine.name_organisation(organisation_id("am_sk_test_named"), "Team A")
        opened = engine.open_organisation(slug="team-b").org
        deadline = time.monotonic() + 20
        while len(engine.state.organisations) > 5 and time.monotonic() < deadline:
            engine.find_key("am_sk_test_used")
            time.sleep(0.05)
        kept = {each.id for each in engine.state.organisations}
        others = {organisation_id(key) for key in (OTHER_KEY, "am_sk_test_used", "am_sk_test_named")}
        assert kept == {"org_autumn_mock", opened, *others}


def test_last_use_is_kept_in_the_database(tmp_path: Path) -> None:
    """Ageing must not begin again with every restart."""
    options: dict[str, Any] = {"auto_org_idle": "1h", "db": str(tmp_path / "state.json")}
    idle, used = organisation_id("am_sk_test_idle"), organisation_id("am_sk_test_used")
    with Emulator(**options) as mock:
        for key in ("am_sk_test_idle", "am_sk_test_used"):
            Client(mock.url, key).ask(TRACK, use(2))
        last_use = mock.emulator.last_use
        last_use.note(idle, (last_use.of(idle) or 0) - 3_600_001)
        noted = [last_use.of(each) for each in (idle, used)]
    with Engine(**options) as engine:
        assert [engine.last_use.of(each) for each in (idle, used)] == noted
        engine.close_idle()
        assert (idle in engine.state.organisations, used in engine.state.organisations) == (False, True)


def test_last_use_is_kept_while_the_server_runs(tmp_path: Path) -> None:
    with Engine(db=str(tmp_path / "state.json")) as engine:
        assert engine.find_key(DEFAULT_KEY) is not None
        engine.keep_last_use()
        record = engine.state.organisation("org_autumn_mock")
        assert record is not None
        assert record.last_used == engine.last_use.of("org_autumn_mock")
        assert engine.state.environment("org_autumn_mock", "sandbox").organisation is record


def test_organisations_that_are_opened_and_closed_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "autumn_mock.organisations")
    with Emulator(auto_org_idle="1h") as mock:
        engine = mock.emulator
        assert engine.find_key("am_sk_test_job_17") is not None
        first = engine.state.organisation(organisation_id("am_sk_test_job_17"))
        team = engine.open_organisation(key="am_sk_test_team_a", slug="team-a").org
        engine.close_organisation(team)
        engine.last_use.note(organisation_id("am_sk_test_job_17"), 0)
        engine.close_idle()
        engine.open_organisation(key="am_sk_test_team_b", slug="team-b")
        engine.reset()
    assert first is not None
    assert caplog.messages == [
        f"opened organisation {first.slug} for the key am_sk_test_job***; "
        "it is closed when no request has used it for 1h",
        "opened organisation team-a for the key am_sk_test_tea***",
        "closed organisation team-a",
        f"closed organisation {first.slug}; no request had used it for 1h",
        "opened organisation team-b for the key am_sk_test_tea***",
        "closed 1 organisation by a reset",
    ]


def test_auto_org_needs_an_organisation_to_copy(tmp_path: Path) -> None:
    world = tmp_path / "nothing.json"
    world.write_text('{"_autumn_mock": {"1": {"format": 1, "generation": 1, "written_at": 1}}}', "utf-8")
    with Emulator(world=str(world), key=(OTHER_KEY,), auto_org=True) as mock:
        assert status_of(mock, "am_sk_test_new") == 401
