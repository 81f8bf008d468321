"""``autumn-mock snapshot``: the state of a server as a file, out and in, to the last digit."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tinydb import TinyDB

from autumn_mock import Emulator
from autumn_mock.cli import main
from autumn_mock.input_files import InputFileError
from autumn_mock.store.errors import StoreError
from autumn_mock.testing.mock import AutumnMock
from tests.exec.running import PATIENCE
from tests.support.client import DEFAULT_KEY
from tests.support.server import ServerProcess
from tests.testing.calls import ask, post, send, use

BATCH = "/v1/balances.batch_track"
ONE = {"customer_id": "cus_456", "feature_id": "messages"}
GRANT = 1000
OTHER_KEY = "am_sk_test_other"
#: More digits than a double has.
LARGE, SMALL, EXACT = 123_456_789_012_345, 0.0000000001, "123456789012344.9999999999"


def command(url: str, *words: str) -> Result:
    """``autumn-mock snapshot`` against a server."""
    env = {"AUTUMN_MOCK_URL": url, "AUTUMN_SECRET_KEY": None, "AUTUMN_MOCK_KEY": None}
    result = CliRunner().invoke(main, ["snapshot", *words], env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def save(server: ServerProcess, file: Path, key: str | None = None) -> bytes:
    """Save a snapshot, and its content."""
    result = command(server.url, "save", str(file), *(["--key", key] if key is not None else []))
    assert result.exit_code == 0, result.output
    assert str(file) in result.output
    content = file.read_bytes()
    assert str(len(content)) in result.output
    return content


def load(server: ServerProcess, file: Path, key: str | None = None) -> str:
    """Load a snapshot; what the command says."""
    result = command(server.url, "load", str(file), *(["--key", key] if key is not None else []))
    assert result.exit_code == 0, result.output
    return result.output


def kept(content: bytes) -> bytes:
    """What a snapshot says of the state: all of it, but when it was written."""
    state, found = re.subn(rb'"_autumn_mock": \{\n.*\n\},?\n', b"", content)
    assert found == 1
    return state


def state(server: ServerProcess, key: str | None = None) -> bytes:
    """The state of a server, or of one organisation, byte for byte."""
    status, _, content = server.send("GET", "/_mock/snapshot", None, server.headers(key))
    assert status == 200, content
    return kept(content)


def belongings(content: bytes) -> list[bytes]:
    """The documents in a snapshot that belong to an environment: all but organisations and keys, in any order."""
    documents = (line.partition(b": ")[2].rstrip(b",") for line in content.splitlines())
    return sorted(each for each in documents if each.startswith(b'{"org":'))


def live_through(server: ServerProcess, key: str = DEFAULT_KEY) -> None:
    """Have something happen that leaves traces in every table."""

    def tell(path: str, body: Any, **headers: str) -> None:
        reply = server.post(path, body, key, **headers)
        assert reply.status in (200, 201, 202), reply

    tell("/v1/customers.get_or_create", {"customer_id": "cus_new", "name": "Zoë 数据 😀\u2028\u0085", "email": None})
    tell("/v1/balances.create", {"customer_id": "cus_new", "feature_id": "messages", "included_grant": 5})
    tell("/v1/entities.create", {"customer_id": "cus_new", "entity_id": "seat", "feature_id": "seats", "name": "a"})
    tell("/v1/check", {**ONE, "required_balance": 3, "lock": {"enabled": True, "lock_id": "lock_1"}})
    tell("/v1/balances.track", {**ONE, "value": 1, "idempotency_key": "once", "properties": {"deep": [{"a": None}]}})
    tell(BATCH, [{**ONE, "value": 0.1}, {**ONE, "value": 0.2, "timestamp": 1_700_000_000_000}])
    tell(BATCH, [{**ONE, "customer_id": "cus_nobody"}, {**ONE, "value": 2}])
    tell(BATCH, [ONE, ONE], x_autumn_mock_fault="enqueue:fail items=0")
    server.drain()


def lived() -> Iterator[ServerProcess]:
    with ServerProcess("--rate-limit", "off", "--key", OTHER_KEY) as server:
        live_through(server)
        yield server


#: A server on which things have happened; tests only read it.
source = pytest.fixture(scope="module", name="source")(lived)


@pytest.fixture(scope="module")
def target() -> Iterator[ServerProcess]:
    """A server that every test may overwrite."""
    with ServerProcess("--rate-limit", "off", "--key", OTHER_KEY) as server:
        yield server


# -- out and in


def test_what_is_saved_is_loaded_elsewhere_byte_for_byte(
    source: ServerProcess, target: ServerProcess, tmp_path: Path
) -> None:
    """In the place of all that was there before."""
    file = tmp_path / "a snapshot.json"
    target.ask("/v1/customers.get_or_create", {"customer_id": "cus_of_before"})
    content = save(source, file)
    said = load(target, file)
    assert state(target) == kept(content) == state(source)
    assert re.fullmatch(r"loaded (\d+ \w+, )*\d+ \w+\n", said)
    assert "6 customers" in said
    assert target.post("/v1/customers.get", {"customer_id": "cus_of_before"}).status == 404
    assert target.stats() == source.stats()
    for customer in ("cus_456", "cus_new"):
        bodies = [each.ask("/v1/customers.get", {"customer_id": customer}) for each in (source, target)]
        assert bodies[0] == bodies[1]
    target.drain()
    assert target.get("/_mock/audit", None).body["balanced"] is True
    # a lock that was held there can be settled here, and a key that was used there is used here
    assert target.post("/v1/balances.track", {**ONE, "idempotency_key": "once"}).status == 409
    target.ask("/v1/balances.finalize", {"lock_id": "lock_1", "action": "release"})
    assert target.balance("cus_456", "messages") > source.balance("cus_456", "messages")


def large_and_small(mock: AutumnMock) -> None:
    """Have a customer whose balance has more digits than a double."""
    ask(mock, "customers.get_or_create", {"customer_id": "cus_large"})
    ask(mock, "balances.create", {"customer_id": "cus_large", "feature_id": "messages", "included_grant": LARGE})
    assert send(mock, use(SMALL, "cus_large")) == 202
    mock.drain()
    assert EXACT.encode() in mock.emulator.snapshot()


@pytest.mark.parametrize("way", ["load", "load of an organisation", "world"])
def test_an_amount_survives_to_the_last_digit(way: str, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    with Emulator() as mock:
        large_and_small(mock)
        file.write_bytes(mock.emulator.snapshot())
    with Emulator(key=(DEFAULT_KEY,), world=str(file) if way == "world" else "default") as mock:
        if way != "world":
            environment = mock.emulator.state.environment("org_autumn_mock", "sandbox")
            mock.emulator.restore(file.read_bytes(), environment if way != "load" else None)
        assert EXACT.encode() in mock.emulator.snapshot()


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_an_amount_survives_in_a_database_to_the_last_digit(way: str, tmp_path: Path) -> None:
    options = ("--db", str(tmp_path / "state.json"))
    with ServerProcess(*options) as server:
        server.ask("/v1/customers.get_or_create", {"customer_id": "cus_large"})
        grant = {"customer_id": "cus_large", "feature_id": "messages", "included_grant": LARGE}
        server.ask("/v1/balances.create", grant)
        server.ask(BATCH, [{"customer_id": "cus_large", "feature_id": "messages", "value": SMALL}])
        server.drain()
        assert EXACT.encode() in state(server)
        if way == "kill":
            server.kill()
    with ServerProcess(*options) as again:
        assert EXACT.encode() in state(again)


def test_a_snapshot_is_a_file_of_tinydb(source: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "saved"
    save(source, file)
    with TinyDB(file) as database:
        assert {"organisations", "keys", "customers", "balances", "events", "books"} < database.tables()
        names = {each["id"]: each["name"] for each in database.table("customers").all()}
        assert names["cus_new"] == "Zoë 数据 😀\u2028\u0085"


def test_what_tinydb_has_rewritten_is_loaded(source: ServerProcess, target: ServerProcess, tmp_path: Path) -> None:
    """Somebody changes a document with TinyDB's own means."""
    file = tmp_path / "edited.json"
    save(source, file)
    with TinyDB(file) as database:
        changed = database.table("customers").update({"name": "Edited"}, lambda each: each["id"] == "cus_new")
        assert len(changed) == 1
    load(target, file)
    assert target.ask("/v1/customers.get", {"customer_id": "cus_new"})["name"] == "Edited"


def test_a_snapshot_is_a_world(source: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    content = save(source, file)
    with ServerProcess("--world", str(file)) as server:
        assert state(server) == kept(content)
        assert server.balance("cus_new", "messages") == 5
        live = server.post("/v1/features.list", {}, "am_sk_live_autumn_mock")
        assert len(live.body["list"]) == 6


@pytest.mark.parametrize("name", ["snapshot", "snapshot.yaml", "snapshot.json", "2026-01-01.snap"])
def test_a_snapshot_is_a_world_whatever_it_is_called(source: ServerProcess, name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    content = save(source, file)
    assert kept(Emulator(world=str(file)).snapshot()) == kept(content)


def test_a_snapshot_of_any_size_is_a_world(tmp_path: Path) -> None:
    """A hand-written world is never large, but what a load test leaves is."""
    file = tmp_path / "large.json"
    with Emulator(rate_limit="off") as mock:
        assert send(mock, *(use(properties={"text": "x" * 200_000}) for _ in range(90))) == 202
        mock.drain()
        file.write_bytes(mock.emulator.snapshot())
    assert file.stat().st_size > 16 << 20
    with Emulator(world=str(file), key=(DEFAULT_KEY,)) as again:
        assert again.balance("cus_456", "messages") == GRANT - 90


# -- one organisation


def test_one_organisation_is_saved_and_loaded_by_its_key(
    source: ServerProcess, target: ServerProcess, tmp_path: Path
) -> None:
    """Nothing of the others is in the file, and nothing of theirs changes."""
    file, everything = tmp_path / "one.json", tmp_path / "all.json"
    target.ask("/_mock/reset", {}, None)
    target.ask("/v1/customers.get_or_create", {"customer_id": "cus_of_the_other"}, OTHER_KEY)
    others = state(target, OTHER_KEY)
    content = save(source, file, DEFAULT_KEY)
    load(target, file, DEFAULT_KEY)
    assert b"cus_new" in content
    assert belongings(state(target, DEFAULT_KEY)) == belongings(content)
    assert state(target, OTHER_KEY) == others
    with TinyDB(file) as database:
        assert [each["id"] for each in database.table("organisations").all()] == ["org_autumn_mock"]
    # from a file of the whole server the organisation with the same id is taken
    target.ask("/_mock/reset", {}, DEFAULT_KEY)
    save(source, everything)
    load(target, everything, DEFAULT_KEY)
    assert belongings(state(target, DEFAULT_KEY)) == belongings(content)
    assert state(target, OTHER_KEY) == others


def test_an_organisation_takes_over_what_another_one_had(
    source: ServerProcess, target: ServerProcess, tmp_path: Path
) -> None:
    """It keeps its own id, name and key; the key of the other one opens what it did before."""
    file = tmp_path / "one.json"
    save(source, file, DEFAULT_KEY)
    target.ask("/_mock/reset", {}, None)
    target.ask("/v1/customers.get_or_create", {"customer_id": "cus_of_before"}, OTHER_KEY)
    before, own = state(target, DEFAULT_KEY), target.get("/v1/organization", OTHER_KEY).body
    load(target, file, OTHER_KEY)
    assert state(target, DEFAULT_KEY) == before
    assert target.get("/v1/organization", OTHER_KEY).body == own
    assert target.balance("cus_new", "messages", OTHER_KEY) == 5
    assert target.balance("cus_456", "messages", OTHER_KEY) == source.balance("cus_456", "messages")
    assert target.post("/v1/customers.get", {"customer_id": "cus_of_before"}, OTHER_KEY).status == 404
    theirs, ours = (each.stats(key) for each, key in ((source, DEFAULT_KEY), (target, OTHER_KEY)))
    assert theirs == ours
    target.ask(BATCH, [ONE], OTHER_KEY)
    target.drain(OTHER_KEY)
    assert target.stats(OTHER_KEY)["deducted"] == ours["deducted"] + 1
    assert target.get("/_mock/audit", OTHER_KEY).body["balanced"] is True


def test_an_organisation_that_a_file_of_several_does_not_hold_is_told_so(source: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    save(source, file)
    with ServerProcess("--world", "empty", key="am_sk_test_empty") as server:
        server.stats(server.key)  # the key was used before
        before = state(server)
        result = command(server.url, "load", str(file), "--key", "am_sk_test_empty")
        assert result.exit_code == 1
        assert "2 organisations" in result.output
        assert "org_empty" in result.output
        assert state(server) == before


# -- what is queued


def queued(count: int) -> bytes:
    """A snapshot of a server whose workers are paused."""
    with Emulator() as mock:
        mock.pause()
        assert send(mock, *[use()] * count) == 202
        return mock.emulator.snapshot()


def anew(mock: AutumnMock) -> AutumnMock:
    """The same organisation, as it is after a load."""
    emulator = mock.emulator
    assert isinstance(emulator, Emulator)
    return emulator.mock(mock.key)


def fresh(mock: AutumnMock, world: str | None = None) -> AutumnMock:
    """Another organisation of the same server, opened on demand."""
    emulator = mock.emulator
    assert isinstance(emulator, Emulator)
    return emulator.fresh(world)


def wait_deducted(mock: AutumnMock, count: int) -> None:
    """What was queued has been worked off: all of it, once."""
    stats = mock.drain()
    assert (stats["accepted"], stats["ready"], stats["deducted"], stats["lost"]) == (count, 0, count, 0)
    assert mock.balance("cus_456", "messages") == GRANT - count
    mock.assert_balanced()


def test_what_is_queued_goes_along_and_is_worked_off_there(tmp_path: Path) -> None:
    file = tmp_path / "queued.json"
    with ServerProcess() as one, ServerProcess("--fault", "worker:pause") as other:
        one.ask("/_mock/queue", {"paused": True}, None)
        one.ask(BATCH, [ONE] * 3)
        content = save(one, file)
        load(other, file)
        assert state(other) == kept(content)
        stats = other.stats(DEFAULT_KEY)
        assert (stats["accepted"], stats["ready"], stats["deducted"]) == (3, 3, 0)
        assert len(other.get("/_mock/queue/messages").body["list"]) == 3
        assert other.balance("cus_456", "messages") == GRANT
        other.request("DELETE", "/_mock/faults", None, {"authorization": f"Bearer {DEFAULT_KEY}"})
        other.drain()
        assert other.stats(DEFAULT_KEY)["deducted"] == 3
        assert other.balance("cus_456", "messages") == GRANT - 3


def test_what_is_queued_in_a_world_is_worked_off_from_the_start(tmp_path: Path) -> None:
    file = tmp_path / "queued.json"
    file.write_bytes(queued(3))
    with Emulator(world=str(file), key=(DEFAULT_KEY,)) as mock:
        wait_deducted(mock, 3)


def test_what_waited_before_a_snapshot_was_loaded_is_gone() -> None:
    content = queued(3)
    with Emulator() as mock:
        mock.pause()
        assert send(mock, use(100), use(100)) == 202
        mock.emulator.restore(content)
        mock.resume()
        wait_deducted(anew(mock), 3)


def test_workers_that_were_paused_stay_paused() -> None:
    """Whoever wants to see what waits in a snapshot stops the workers before it is loaded."""
    content = queued(3)
    with Emulator() as mock:
        mock.emulator.queue.pause()
        mock.emulator.restore(content)
        assert mock.emulator.queue.paused
    for whole in (True, False):
        with Emulator() as mock:
            mock.pause()
            environment = mock.emulator.state.environment("org_autumn_mock", "sandbox")
            mock.emulator.restore(content, None if whole else environment)
            assert mock.emulator.queue.is_paused(("org_autumn_mock", "sandbox"))
            assert not mock.emulator.queue.paused


# -- what is no part of it


def test_clocks_and_faults_stay_as_they_were() -> None:
    with Emulator() as mock:
        emulator = mock.emulator
        content = emulator.snapshot()
        mock.clock.freeze()
        mock.clock.advance("40d")
        now = mock.clock.now
        mock.fault("enqueue:fail items=0 times=3")
        emulator.restore(content)
        again = anew(mock)
        assert (again.clock.frozen, again.clock.now) == (True, now)
        assert post(again, "balances.batch_track", [use(), use()]).status == 202
        again.drain()
        assert again.stats()["refused"] == 1


def test_a_mock_in_hand_shows_what_was_loaded() -> None:
    with Emulator() as mock:
        content = mock.emulator.snapshot()
        ask(mock, "balances.track", use(10))
        mock.emulator.restore(content)
        assert mock.balance("cus_456", "messages") == GRANT
        assert send(mock, use(2)) == 202
        mock.assert_deducted("cus_456", "messages", 2)


def test_webhooks_are_told_of_after_a_load_as_before() -> None:
    with Emulator(webhook_url=("http://127.0.0.1:9/",)) as mock:
        mock.emulator.restore(mock.emulator.snapshot())
        again = anew(mock)
        assert send(again, use(GRANT + 1)) == 202
        again.drain()
        assert mock.emulator.webhooks.journal.entries()


# -- files that are none


def documents(content: bytes) -> dict[str, dict[str, dict[str, Any]]]:
    tables: dict[str, dict[str, dict[str, Any]]] = json.loads(content)
    return tables


def changed(content: bytes, table: str, **fields: Any) -> bytes:
    """A snapshot in which the first document of a table says something else."""
    tables = documents(content)
    tables[table][next(iter(tables[table]))].update(fields)
    return json.dumps(tables).encode()


@pytest.fixture(scope="module")
def content() -> bytes:
    """A snapshot as it should be, of the default world with three items queued."""
    return queued(3)


#: What somebody may have in the place of a snapshot, made from one that is fine.
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "a page": lambda _: b"<html>404</html>",
    "a list": lambda _: b"[]",
    "null": lambda _: b"null",
    "other JSON": lambda _: b'{"name": "package", "version": "1.0.0"}',
    "other TinyDB": lambda _: b'{"_default": {"1": {"a": 1}}}',
    "a world": lambda _: b"organisations: []\n",
    "binary": lambda _: bytes(range(256)),
    "half of it": lambda content: content[: len(content) // 2],
    "twice": lambda content: content + content,
    "deep": lambda _: b"[" * 100_000,
    "no UTF-8": lambda content: content.replace(b"cus_456", b"cus_\xff\xfe", 1),
    "another format": lambda content: changed(content, "_autumn_mock", format=99),
    "no format": lambda content: changed(content, "_autumn_mock", format=None),
    "a table that is none": lambda content: json.dumps({**documents(content), "customers": [1]}).encode(),
    "a document that is none": lambda content: json.dumps({**documents(content), "customers": {"1": 1}}).encode(),
    "an amount that is none": lambda content: changed(content, "balances", balance="much"),
    "a customer without a name": lambda content: changed(content, "customers", id=7),
    "books of words": lambda content: changed(content, "books", offered="three"),
}
#: The same, where it is the owner of a document that is not right.
LOST_OWNERS: dict[str, Callable[[bytes], bytes]] = {
    "of an organisation that is not there": lambda content: changed(content, "customers", org="org_gone"),
    "of an organisation that is a list": lambda content: changed(content, "messages", org=[]),
    "of an environment that is none": lambda content: changed(content, "balances", env="production"),
    "of an environment that is a number": lambda content: changed(content, "books", env=7),
    "of no environment": lambda content: changed(content, "events" if b'"events"' in content else "plans", env=None),
    "a key to nothing": lambda content: changed(content, "keys", org_id="org_gone"),
    "organisations left out": lambda content: json.dumps({**documents(content), "organisations": {}}).encode(),
}


def test_a_file_that_is_no_snapshot_is_refused_in_a_sentence_and_changes_nothing(
    content: bytes, target: ServerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    target.ask("/_mock/reset", {}, None)
    target.ask("/_mock/queue", {"paused": True}, None)
    target.ask(BATCH, [ONE] * 2)
    before = state(target)
    for name, damage in DAMAGE.items():
        file.write_bytes(damage(content))
        for key in ([], ["--key", DEFAULT_KEY]):
            result = command(target.url, "load", str(file), *key)
            assert result.exit_code == 1, name
            assert re.match(r"Error: \w.{20}", result.output), (name, result.output)
            assert len(result.output.splitlines()) == 1, (name, result.output)
            assert state(target) == before, name
    target.ask("/_mock/queue", {"paused": False}, None)
    target.drain()
    assert target.balance("cus_456", "messages") == GRANT - 2


@pytest.mark.parametrize("damage", LOST_OWNERS.values(), ids=LOST_OWNERS)
def test_a_document_that_belongs_to_nobody_is_refused_and_changes_nothing(
    damage: Callable[[bytes], bytes], content: bytes
) -> None:
    with Emulator() as mock:
        before = kept(mock.emulator.snapshot())
        with pytest.raises(StoreError, match="the snapshot is damaged at table"):
            mock.emulator.restore(damage(content))
        assert kept(mock.emulator.snapshot()) == before
        mock.emulator.restore(content)
        wait_deducted(anew(mock), 3)


@pytest.mark.parametrize("damage", LOST_OWNERS.values(), ids=LOST_OWNERS)
def test_such_a_file_is_no_world_either(damage: Callable[[bytes], bytes], content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_bytes(damage(content))
    with pytest.raises(InputFileError, match=re.escape(str(file))):
        Emulator(world=str(file))


def test_places_that_cannot_be_written_or_read_are_named(source: ServerProcess, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere" / "file.json")
    for words, code in (
        (("save", nowhere), 1),
        (("save", str(tmp_path)), 2),
        (("load", nowhere), 2),
        (("load", str(tmp_path)), 2),
        (("save",), 2),
    ):
        result = command(source.url, *words)
        assert result.exit_code == code, result.output
        assert (words[-1] if len(words) > 1 else "FILE") in result.output
    assert list(tmp_path.iterdir()) == []


# -- under way


class Traffic:
    """Clients that send without a pause; what they were answered."""

    #: Each client's call, and what it is answered when all is well.
    CALLS = (
        (BATCH, [ONE] * 20, 202),
        ("/v1/balances.track", {**ONE, "value": 1}, 200),
        ("/v1/customers.get", {"customer_id": "cus_456"}, 200),
        (BATCH, [{**ONE, "customer_id": "cus_123"}] * 5, 202),
    )

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._over = threading.Event()
        self._begun = threading.Barrier(len(self.CALLS) + 1)
        self.answers: Counter[tuple[str, int, str]] = Counter()
        self._threads = [threading.Thread(target=self._send, args=call) for call in self.CALLS]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        self._begun.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _send(self, path: str, body: Any, fine: int) -> None:
        begun = False
        with self._server.client(DEFAULT_KEY, keep_alive=True) as client:
            while not self._over.is_set():
                status, _, answer = client.post(path, body)
                self.answers[path, status, "" if status == fine else str(answer)] += 1
                if not begun:
                    begun = True
                    self._begun.wait(PATIENCE)


#: So often a snapshot is loaded while requests are under way.
LOADS = 12


@pytest.fixture(scope="module")
def large() -> bytes:
    """A snapshot that takes a while to load: the default world, with many more customers."""
    tables = documents(queued(0))
    first = next(iter(tables["customers"].values()))
    more = {
        f"more {n}": {**first, "id": f"more_{n}", "internal_id": f"{first['internal_id']}_{n}"} for n in range(3000)
    }
    tables["customers"] = {**more, **tables["customers"]}
    return json.dumps(tables).encode()


@pytest.mark.parametrize("key", [None, DEFAULT_KEY], ids=["whole", "organisation"])
def test_a_load_is_one_moment_for_everybody_else(
    key: str | None, large: bytes, target: ServerProcess, tmp_path: Path
) -> None:
    """A request comes before it or after it: nobody is told that a key, a feature or a customer does not exist."""
    file = tmp_path / "snapshot.json"
    file.write_bytes(large)
    load(target, file, key)
    with Traffic(target) as traffic:
        for _ in range(LOADS):
            load(target, file, key)
    assert {told for _, _, told in traffic.answers} == {""}
    assert target.drain()["lost"] == 0


@pytest.mark.parametrize("key", [None, DEFAULT_KEY], ids=["whole", "organisation"])
def test_a_reset_is_one_moment_for_everybody_else(key: str | None, target: ServerProcess) -> None:
    """Also where the clock goes back with it: what is there then was not renewed by a time that no longer is."""
    target.ask("/_mock/reset", {}, None)
    with Traffic(target) as traffic:
        for _ in range(LOADS):
            target.ask("/_mock/clock", {"advance": "40d"}, DEFAULT_KEY)
            target.ask("/_mock/reset", {}, key)
    assert {told for _, _, told in traffic.answers} == {""}
    assert target.drain()["lost"] == 0
    assert target.get("/_mock/audit", None).body["problems"] == []
    now = target.get("/_mock/clock", DEFAULT_KEY).body["now"]
    months = [each["next_reset_at"] for each in balances(target) if each["next_reset_at"] is not None]
    assert months
    assert max(months) < now + 32 * 24 * 3_600_000


@pytest.mark.parametrize("key", [None, DEFAULT_KEY], ids=["whole", "organisation"])
def test_what_is_accepted_during_a_load_is_there_or_not_and_stays_so(
    key: str | None, large: bytes, tmp_path: Path
) -> None:
    """The books balance afterwards, nothing is missing, and a kill brings back the same state."""
    file, options = tmp_path / "snapshot.json", ("--rate-limit", "off", "--db", str(tmp_path / "state.json"))
    file.write_bytes(large)
    with ServerProcess(*options) as server:
        with Traffic(server):
            for _ in range(LOADS):
                load(server, file, key)
        server.drain()
        audit = server.get("/_mock/audit", None).body
        stats, balance = server.stats(), server.balance("cus_456", "messages")
        server.kill()
    with ServerProcess(*options) as again:
        again.drain()
        assert (again.stats(), again.balance("cus_456", "messages")) == (stats, balance)
    assert audit["problems"] == []
    assert [each["missing"] + each["double"] for each in audit["organisations"]] == [[], []]


def test_a_snapshot_of_a_busy_server_is_of_one_moment(target: ServerProcess) -> None:
    """Every item in it is in one place: refused, waiting, deducted or lost."""
    target.ask("/_mock/reset", {}, None)
    with Traffic(target):
        contents = [state(target) for _ in range(10)]
    with Emulator() as mock:
        for each in contents:
            tables = documents(each)
            books = Counter[str]()
            for book in tables["books"].values():
                books.update({name: count for name, count in book.items() if isinstance(count, int)})
            waiting = len(tables.get("messages", {}))
            assert books["offered"] - books["refused"] == waiting + books["deducted"] + books["lost"]
        mock.emulator.restore(MARKED + contents[-1].removeprefix(b"{\n"))
        again = anew(mock)
        again.drain()
        again.assert_balanced()


#: How a snapshot begins, which tells it from other files.
MARKED = b'{"_autumn_mock": {"1": {"format": 1, "generation": 0, "written_at": 0}},\n'


# -- at rest


@pytest.mark.parametrize("key", [None, DEFAULT_KEY], ids=["whole", "organisation"])
def test_what_was_loaded_survives_a_kill(key: str | None, source: ServerProcess, tmp_path: Path) -> None:
    file, options = tmp_path / "snapshot.json", ("--db", str(tmp_path / "state.json"))
    content = save(source, file, key)
    with ServerProcess(*options) as server:
        server.ask(BATCH, [ONE] * 5)
        load(server, file, key)
        assert belongings(state(server)) == belongings(content)
        server.kill()
    with ServerProcess(*options) as again:
        assert belongings(state(again)) == belongings(content)
        live_on = source.balance("cus_456", "messages")
        assert again.balance("cus_456", "messages") == live_on
        again.ask(BATCH, [ONE])
        again.drain()
        assert again.balance("cus_456", "messages") == pytest.approx(live_on - 1)
    with ServerProcess(*options) as third:
        assert third.balance("cus_456", "messages") == pytest.approx(live_on - 1)
        assert third.get("/_mock/audit", None).body["balanced"] is True


# -- starting over


def test_a_server_that_started_from_a_snapshot_is_reset_to_it(source: ServerProcess, tmp_path: Path) -> None:
    """Again and again, and each of its organisations by itself, too."""
    file = tmp_path / "world.json"
    content = save(source, file)
    with ServerProcess("--world", str(file)) as server:
        for key in (None, None, DEFAULT_KEY, DEFAULT_KEY):
            server.ask("/v1/balances.track", {**ONE, "value": 100})
            server.ask("/v1/customers.get_or_create", {"customer_id": "cus_later"})
            server.ask("/v1/customers.delete", {"customer_id": "cus_new"})
            server.ask(BATCH, [ONE] * 2)
            server.drain()
            assert state(server) != kept(content)
            server.ask("/_mock/reset", {}, key)
            assert belongings(state(server)) == belongings(content)


def test_a_reset_after_a_load_leads_back_to_the_world(target: ServerProcess) -> None:
    target.ask("/_mock/reset", {}, None)
    before = [each["remaining"] for each in balances(target)]
    assert target.request("PUT", "/_mock/snapshot", queued(2)).status == 200
    target.ask("/_mock/reset", {}, None)
    assert [each["remaining"] for each in balances(target)] == before
    assert target.stats()["offered"] == 0
    assert target.post("/v1/features.list", {}, OTHER_KEY).status == 200


def balances(server: ServerProcess) -> list[dict[str, Any]]:
    """Of every customer of the default world."""
    names = ("cus_123", "cus_456", "cus_alice", "cus_bob", "cus_carol")
    bodies = [server.ask("/v1/customers.get", {"customer_id": name}) for name in names]
    return [balance for body in bodies for balance in body["balances"].values()]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "organisation"])
def test_what_is_queued_in_a_world_is_queued_again_by_a_reset(whole: bool, tmp_path: Path) -> None:
    file = tmp_path / "queued.json"
    file.write_bytes(queued(3))
    with Emulator(world=str(file), key=(DEFAULT_KEY,)) as mock:
        wait_deducted(mock, 3)
        if whole:
            mock.emulator.reset()
        else:
            mock.reset()
        wait_deducted(anew(mock), 3)


def test_an_organisation_on_demand_is_like_the_first_of_a_snapshot_and_reset_to_that(tmp_path: Path) -> None:
    """With what is queued there."""
    file = tmp_path / "queued.json"
    file.write_bytes(queued(3))
    with Emulator(world=str(file), auto_org=True, key=(DEFAULT_KEY,)) as first:
        mock = fresh(first)
        wait_deducted(mock, 3)


def test_an_organisation_on_demand_from_a_snapshot_is_reset_to_it(source: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    save(source, file)
    with Emulator(world=str(file), auto_org=True, key=(DEFAULT_KEY,)) as first:
        mock = fresh(first)
        before = mock.balance("cus_456", "messages")
        ask(mock, "balances.track", use(7))
        mock.reset()
        assert mock.balance("cus_456", "messages") == before


def test_organisations_from_a_snapshot_and_from_other_worlds_are_reset_each_to_its_own(
    source: ServerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "world.json"
    save(source, file)
    with Emulator(world=str(file), key=(DEFAULT_KEY,)) as first:
        shipped, own = fresh(first, "default"), fresh(first)
        before = own.balance("cus_456", "messages")
        for mock in (shipped, own):
            ask(mock, "balances.track", use(7))
            mock.reset()
        assert shipped.balance("cus_456", "messages") == GRANT
        assert own.balance("cus_456", "messages") == before
