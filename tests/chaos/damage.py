"""Files that were edited, truncated or made read-only."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tinydb import TinyDB, where

from autumn_mock.store import DamagedFile, StoreError
from tests.chaos.calls import CUSTOMER, READS, WRITES, Call
from tests.chaos.harness import ScenarioTarget, differences, fresh, loaded, put_at_rest, staged
from tests.chaos.numbered import tables_of
from tests.chaos.scripts import Effort, Figures, Unreachable, script
from tests.chaos.victim import Victim
from tests.support.client import BATCH, DEFAULT_KEY

_ROOT = Path(__file__).parents[2]
#: Calls whose one record is put last into a log, to be damaged there; the first of them in the brief form.
_LAST = ("batch", "check and lock", "track", "finalize", "customers.delete", "attach")


# -- the last record of the log


@script(brief=Effort(rounds=1), long=Effort(rounds=len(_LAST)))
def cut(effort: Effort, place: Path) -> Figures:
    """A log that ends within its last record is the log without it, wherever it ends, and goes on from there.

    A round is a kind of record; every byte of it is tried.
    """
    offsets = 0
    for name in _LAST[: effort.rounds]:
        crash = _Crash(place, name)
        for length in range(len(crash.record)):
            crash.write(crash.record[:length])
            found, recovered = loaded(crash.path)
            changed = differences(crash.before, found)
            assert not changed, f"{name}, cut after {length} bytes: {changed} differ"
            assert (recovered is not None) is (length > 0), f"{name}, cut after {length} bytes: {recovered}"
            offsets += 1
        crash.write(crash.record[:-1])
        with staged(crash.path) as stage:
            assert stage.call(WRITES["check and use"]) == 200
            expected = stage.records()
        assert loaded(crash.path) == (expected, None)
    return {"records": effort.rounds, "offsets": offsets}


@script(brief=Effort(rounds=1, seed=1), long=Effort(rounds=5 * len(_LAST), seed=1))
def flipped(effort: Effort, place: Path) -> Figures:
    """A byte of the last record that is not what was written never makes another state: it is cut, or refused.

    A round is a kind of record; every byte of it is changed once, most often in one bit.
    """
    rng = random.Random(effort.seed)
    outcomes: Counter[str] = Counter()
    for turn in range(effort.rounds):
        crash = _Crash(place, _LAST[turn % len(_LAST)])
        for offset, byte in enumerate(crash.record):
            other = _another(byte, rng)
            crash.write(crash.record[:offset] + bytes([other]) + crash.record[offset + 1 :])
            try:
                found, recovered = loaded(crash.path)
            except DamagedFile:
                outcomes["refused"] += 1
                continue
            changed = differences(crash.before, found)
            assert not changed, f"{crash.name}, byte {offset} is {other} for {byte}: {changed} differ"
            assert recovered is not None
            outcomes["cut"] += 1
    return {"records": effort.rounds, **outcomes}


def _another(byte: int, rng: random.Random) -> int:
    """What a byte may have become: one bit is another, or it is a line break, or anything."""
    others = [*(byte ^ (1 << bit) for bit in range(8)), 10, (byte + rng.randrange(1, 256)) % 256]
    return rng.choice([each for each in others if each != byte])


class _Crash:
    """A database whose server died after one call; ``before`` is what it knew before that call."""

    def __init__(self, place: Path, name: str) -> None:
        self.name = name
        self.path = place / "crash" / "db.json"
        original = place / "original.json"
        log = place / "original.json.wal"
        self._file = put_at_rest(original)
        with staged(original) as stage:
            self.before = stage.records()
            head = log.read_bytes()
            assert stage.call(WRITES[name]) in (200, 202)
            self.record = log.read_bytes()[len(head) :]
            after = stage.records()
        assert self.record.count(b"\n") == 1, f"{name} makes more than one record"
        self._head = head
        self.write(self.record)
        assert loaded(self.path) == (after, None)

    def write(self, tail: bytes) -> None:
        """Put the database there as it was, with this for its last record."""
        shutil.rmtree(self.path.parent, ignore_errors=True)
        self.path.parent.mkdir()
        self.path.write_bytes(self._file)
        self.path.with_name("db.json.wal").write_bytes(self._head + tail)


# -- edited by hand


@script()
def edited(_effort: Effort, place: Path) -> Figures:
    """Balances that were edited in the file while the server was stopped are used."""
    path = place / "db.json"
    with Victim(place, "--db", str(path)).ready() as victim, victim.client() as client:
        client.grant("ed", 100)
        client.ask(BATCH, [{"customer_id": "ed", "feature_id": "messages", "value": 30}])
        client.drain()
        victim.stop()
    with TinyDB(path) as file:
        [customer] = file.table("customers").search(where("id") == "ed")
        changed = file.table("balances").update({"balance": 5}, where("customer") == customer["internal_id"])
        assert len(changed) == 1
    with Victim(place, "--db", str(path)).ready() as victim, victim.client() as client:
        assert client.remaining("ed") == 5
        client.ask(BATCH, [{"customer_id": "ed", "feature_id": "messages", "value": 3}])
        client.drain()
        assert client.remaining("ed") == 2
        client.audit()
        victim.stop()
    text = path.read_text().replace('"balance":2,', '"balance":1000.25,')
    path.write_text(text)
    with Victim(place, "--db", str(path)).ready() as victim, victim.client() as client:
        assert client.remaining("ed") == 1000.25
        victim.stop()
    return {"edits": 2}


@script()
def without_a_table(_effort: Effort, place: Path) -> Figures:
    """A deleted table is empty, or reported by an error; no call fails on what it leaves dangling."""
    original = _lived_in(place / "original.json")
    seen = {}
    for table in tables_of(original):
        if table != "_autumn_mock":
            path = place / "db.json"
            shutil.copy(original, path)
            with TinyDB(path) as file:
                file.drop_table(table)
            seen[table] = _outcome(path)
    return {"tables": seen}


@script(brief=Effort(rounds=60, seed=1), long=Effort(rounds=2000, seed=1))
def edited_anywhere(effort: Effort, place: Path) -> Figures:
    """A field that was edited to anything is used, or refused with an error; no call fails on it.

    A round is one field of one document.
    """
    original = json.loads(_lived_in(place / "original.json").read_text())
    values: tuple[Any, ...] = (None, -1, 1e300, "", "x", [], {}, [None], "gone")
    edits = [
        (table, number, field, value)
        for table, documents in original.items()
        for number, document in documents.items()
        for field in document
        for value in values
    ]
    rng = random.Random(effort.seed)
    outcomes: Counter[str] = Counter()
    wrong = []
    for table, number, field, value in rng.sample(edits, min(effort.rounds, len(edits))):
        content = json.loads(json.dumps(original))
        if value == "gone":
            del content[table][number][field]
        else:
            content[table][number][field] = value
        path = place / "db.json"
        path.write_text(json.dumps(content))
        try:
            outcomes[_outcome(path).partition(":")[0]] += 1
        except Exception as error:
            wrong.append(f"{table} {number} {field} = {value!r}: {type(error).__name__}: {error}"[:300])
    assert not wrong, f"{len(wrong)} of {effort.rounds} edits:\n" + "\n".join(wrong)
    return {"edits": len(edits), "tried": effort.rounds, **outcomes}


def _lived_in(path: Path) -> Path:
    """A database at rest in which every table has something."""
    with fresh(path) as stage:
        for name, call in WRITES.items():
            if "delete" not in name and name != "finalize":
                assert stage.call(call) in (200, 202), name
        header = {"x-autumn-mock-fault": "enqueue:fail"}
        assert stage.call(Call(BATCH, WRITES["batch"].body, header)) == 503
        stage.emulator.stop()
    return path


def _outcome(path: Path) -> str:
    """What a server makes of a file: a refusal, or answers without a 500."""
    try:
        with staged(path) as stage:
            statuses = dict(_statuses(stage))
    except StoreError as error:
        return f"refused: {error}"
    failed = {name: status for name, status in statuses.items() if status == 500}
    assert not failed, failed
    return "taken over"


def _statuses(stage: ScenarioTarget) -> Iterator[tuple[str, int]]:
    for name, call in READS.items():
        yield name, stage.call(call)
    for name in ("track", "batch", "check and lock"):
        yield name, stage.call(WRITES[name])


# -- refused


@script()
def refused(_effort: Effort, place: Path) -> Figures:
    """What is not a database of this program is refused in one sentence that says where, and left as it is."""
    path = place / "db.json"
    ours = put_at_rest(path).decode()
    line = ours.count("\n", 0, ours.index('"balances"')) + 2
    format_1 = '"format":1'
    assert format_1 in ours
    cases = {
        "a brace is missing": (ours.replace('"balances": {', '"balances": ', 1), f"line {line}, column "),
        "cut in the middle": (ours[: len(ours) // 2], "it is not valid JSON"),
        "a list": ("[1, 2]", "was not written by autumn-mock"),
        "another TinyDB file": ('{"_default": {"1": {"a": 1}}}', "was not written by autumn-mock"),
        "no JSON": ("balance: 5", "was not written by autumn-mock: it is not JSON"),
        "an older format": (ours.replace(format_1, '"format":0'), "has format 0, but this version"),
        "a newer format": (ours.replace(format_1, '"format":2'), "has format 2, but this version"),
        "an invalid format": (ours.replace(format_1, '"format":"x"'), "is damaged"),
        "an invalid document": (ours.replace('"balances": {', '"balances": {"0": 5,', 1), 'table "balances"'),
    }
    for name, (content, sentence) in cases.items():
        path.write_text(content)
        _is_refused(["serve", "--port", "0", "--db", str(path)], [str(path), sentence], name)
        assert path.read_text() == content, name
        assert os.listdir(place) == ["db.json"], name
    return {"cases": list(cases)}


@script()
def other_formats(_effort: Effort, place: Path) -> Figures:
    """A log, a world and a snapshot of another format are refused in one sentence, and nothing is changed."""
    path = place / "db.json"
    ours = put_at_rest(path).decode()
    newer = ours.replace('"format":1', '"format":2')
    log = path.with_name("db.json.wal")
    log.write_bytes(b"autumn-mock-log version=2 generation=7 crc32=00000000\n")
    _is_refused(["serve", "--port", "0", "--db", str(path)], [str(log), "has format 2, but this version"], "log")
    _is_refused(["audit", "--db", str(path)], [str(log), "has format 2, but this version"], "log for the audit")
    log.unlink()
    world = place / "world.json"
    world.write_text(newer)
    _is_refused(["serve", "--port", "0", "--world", str(world)], [str(world), "has format 2"], "world")
    with Victim(place, "--db", str(path)).ready() as victim, victim.client() as client:
        before = client.remaining(CUSTOMER, "ai_messages")
        headers = {"authorization": f"Bearer {DEFAULT_KEY}", "content-type": "application/json"}
        for wrong in (newer, ours.replace('"format":1', '"format":0'), "{}", ours[:-100]):
            status, _, body = client.request("PUT", "/_mock/snapshot", wrong.encode(), headers)
            assert status == 400, body
            assert "the snapshot" in body["message"], body
        assert client.remaining(CUSTOMER, "ai_messages") == before
        client.audit()
        assert client.request("PUT", "/_mock/snapshot", ours.encode(), headers).status == 200
        victim.stop()
    return {"kinds": ["log", "world", "snapshot"]}


def _is_refused(arguments: list[str], sentences: Iterable[str], name: str, prefix: Iterable[str] = ()) -> str:
    """Run the program, which has to refuse its work with these words and nothing worse; what it said."""
    command = [*prefix, sys.executable, "-m", "autumn_mock", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode not in (0, None), f"{name}: it ended with code {done.returncode}"
    assert "Traceback" not in done.stderr, f"{name}: {done.stderr}"
    for sentence in sentences:
        assert sentence in done.stderr, f"{name}: {done.stderr}"
    assert len(done.stderr.strip().splitlines()) <= 5, f"{name}: {done.stderr}"
    return done.stderr.strip()


# -- not ours to write


@script()
def read_only(_effort: Effort, place: Path) -> Figures:
    """A directory or a file that may not be written stops the start with a sentence; one that may no longer be written
    stops no running server, which loses nothing."""
    prefix = _without_the_rights_of_root()
    home = place / "home"
    home.mkdir()
    path = home / "db.json"
    content = put_at_rest(path)
    serve = ["serve", "--port", "0", "--db", str(path)]

    path.chmod(0o444)
    said = {"file": _is_refused(serve, [str(path), "is read-only"], "a read-only file", prefix)}
    path.chmod(0o644)
    home.chmod(0o555)
    try:
        said["directory"] = _is_refused(serve, [str(home), "ermission denied"], "a read-only directory", prefix)
        said["no database yet"] = _is_refused(
            [*serve[:-1], str(home / "new.json")], [str(home), "ermission denied"], "no database yet", prefix
        )
    finally:
        home.chmod(0o755)
    assert path.read_bytes() == content
    assert os.listdir(home) == ["db.json"]

    with Victim(place, "--db", str(path), prefix=prefix).ready() as victim, victim.client() as client:
        client.grant("late", 100)
        home.chmod(0o555)
        try:
            client.ask(BATCH, [{"customer_id": "late", "feature_id": "messages", "value": 30}])
            client.drain()
            assert client.remaining("late") == 70
            victim.terminate()
            code = victim.wait()
            ending = victim.stderr()
        finally:
            home.chmod(0o755)
        assert path.read_bytes() == content
    with Victim(place, "--db", str(path), prefix=prefix).ready() as victim, victim.client() as client:
        assert client.remaining("late") == 70
        client.audit()
        victim.stop()
    assert os.listdir(home) == ["db.json"]
    assert "Traceback" not in ending, ending
    return {"said": said, "stopped_with": code, "stopped_saying": ending.strip()}


def _without_the_rights_of_root() -> list[str]:
    """What to put before a command so that it may not write what is read-only, as root may."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set=-dac_override", "--"]
    try:
        tried = subprocess.run([*prefix, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        raise Unreachable("root writes everything here, and there is no setpriv to take that away") from None
    if tried.returncode:
        raise Unreachable(f"root writes everything here, and setpriv says: {tried.stderr.strip()}")
    return prefix
