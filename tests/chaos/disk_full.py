"""Disks that are full, and then are not."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.calls import READS, WRITES, Call
from tests.chaos.disks import Disk, every_disk, files_in
from tests.chaos.eager import SMALL_LOG
from tests.chaos.harness import differences, fresh
from tests.chaos.numbered import Notebook, Verdict, deducted_numbers, tables_of
from tests.chaos.refusals import Refusing
from tests.chaos.scripts import Effort, Figures, require_linux, script
from tests.chaos.victim import EAGER, PLAIN, TIMEOUT, Victim, wait_until
from tests.support.client import BATCH, TRACK, Client

_NEVER = float("inf")
#: Seconds for which checkpoints fail, and how many logs there may be at most then: an eager server tries fifty times a
#: second at first, and each time leaves a log.
_A_WHILE, _MOST_LOGS = 3.0, 12
#: Every plan of the default world has been renewed by then, and a lock given back (ms).
_MUCH_LATER = 40 * 24 * 3_600_000
_CUSTOMERS = ("full_0", "full_1", "full_2")
_GRANT = 1_000_000_000
#: Enough for what is accepted while there is room, in megabytes.
_DISK = 8
#: What a log may still grow while a file of this story cannot be written anew.
_ROOM = 150_000


# -- one write after the other, inside one process


@script()
def any_write(_effort: Effort, place: Path) -> Figures:
    """Whichever write of a call is refused: the answer is a 503, nothing happened, and the call can be made again."""
    tried = 0
    wrong = []
    for name, call in WRITES.items():
        disk = Refusing(_NEVER)
        with fresh(place / "db.json") as stage, disk.at_work():
            well = stage.call(call)
        writes = disk.seen
        assert well in (200, 202), f"{name} answers {well}"
        for first in range(1, writes + 1):
            for once in (True, False):
                tried += 1
                fault = _refused(place / "db.json", call, well, Refusing(first, once=once))
                if fault:
                    wrong.append(f"{name}, write {first} of {writes}{'' if once else ' and all after it'}: {fault}")
    assert not wrong, "\n".join(wrong)
    return {"calls": len(WRITES), "refusals": tried}


def _refused(path: Path, call: Call, well: int, disk: Refusing) -> str:
    """What is wrong with a call that met a full disk, if anything."""
    with fresh(path) as stage:
        before = stage.records()
        with disk.at_work():
            status = stage.call(call)
        if status == well:
            return ""  # it could do without
        if status != 503:
            return f"answered {status} {stage.said}"
        changed = differences(before, stage.records())
        again = stage.call(call)
        if again != well:
            return f"and then, with space again, answered {again} {stage.said}"
        return f"left something in {changed}" if changed else ""


@script()
def overdue_reads(_effort: Effort, place: Path) -> Figures:
    """A read that finds a reset to make, which it cannot write, is answered with 200 or 503."""
    seen = {}
    for name, call in READS.items():
        with fresh(place / "db.json") as stage:
            stage.emulator.clock.advance(_MUCH_LATER)
            with Refusing(1).at_work():
                seen[name] = stage.call(call)
    assert set(seen.values()) <= {200, 503}, seen
    return {"statuses": seen}


# -- a server whose disk fills up


Story = Callable[["_Story"], Figures]


class _Story:
    """A database on a disk, and what the client of its servers knows."""

    def __init__(self, place: Path, disk: Disk, seed: int) -> None:
        self._place = place
        self.disk = disk
        self.path = disk.path / "db.json"
        self.rng = random.Random(seed)
        self.notebook = Notebook()

    def start(self, program: Sequence[str] = PLAIN) -> Victim:
        """A server on the database; what it says is not kept on the disk."""
        return Victim(self._place, "--db", str(self.path), program=program)

    def batch(self, client: Client, count: int) -> int:
        """Send a batch of numbered items; the status."""
        rng = self.rng
        items = tuple(self.notebook.item(rng.choice(_CUSTOMERS), rng.choice((1, 2, 0.5))) for _ in range(count))
        body = [_use(item.number, item.customer, item.value) for item in items]
        status, headers, answer = client.post(BATCH, body)
        if status not in (202, 503):
            self.notebook.complain(f"a batch was answered {status} {answer}")
        if status == 503 and "retry-after" not in headers:
            self.notebook.complain("a 503 does not say when to come again")
        self.notebook.note(items, Verdict.CHARGED if status == 202 else Verdict.REFUSED, "batch")
        return status

    def track(self, client: Client, key: str | None = None) -> int:
        """Use a numbered item at once; the status."""
        item = self.notebook.item(self.rng.choice(_CUSTOMERS), 1)
        keyed = {"idempotency_key": key} if key is not None else {}
        status, _, answer = client.post(TRACK, {**_use(item.number, item.customer, item.value), **keyed})
        if status not in (200, 503):
            self.notebook.complain(f"a track was answered {status} {answer}")
        self.notebook.note((item,), Verdict.CHARGED if status == 200 else Verdict.REFUSED, "track")
        return status

    def furnish(self, client: Client) -> None:
        """Customers with much to use."""
        for customer in _CUSTOMERS:
            client.grant(customer, _GRANT)

    def use_up(self, client: Client) -> int:
        """Send smaller and smaller batches until not even one item fits, and then what is smaller still, until nothing
        does; how many batches were refused."""
        refused = 0
        for size in (1000, 100, 10):
            refused += self.batch(client, size) == 503
        in_a_row = 0
        for _ in range(1000):
            in_a_row = in_a_row + 1 if self.batch(client, 1) == 503 else 0
            refused += in_a_row > 0
            if in_a_row == 5:
                self._use_up_the_rest(client)
                return refused
        raise AssertionError("the disk is full, and batches are still accepted")

    def _use_up_the_rest(self, client: Client) -> None:
        """Make customers, of whom no more is written than their ids."""
        for number in range(100):
            if client.post("/v1/customers.get_or_create", {"customer_id": f"u{number}"}).status == 503:
                return
        raise AssertionError("the disk is full, and customers are still made")

    def judge(self) -> Figures:
        """Start once more with room, work everything off, stop cleanly, and compare."""
        with self.start().ready() as victim, victim.client() as client:
            client.drain()
            client.audit()
            remaining = {customer: client.remaining(customer) for customer in _CUSTOMERS}
            victim.stop()
        assert files_in(self.disk.path) == {"db.json"}
        deducted = deducted_numbers(tables_of(self.path)["events"])
        used = self.notebook.check(deducted)
        assert remaining == {customer: _GRANT - used.get(customer, 0) for customer in _CUSTOMERS}
        return {"accepted": self.notebook.count(Verdict.CHARGED), "refused": self.notebook.count(Verdict.REFUSED)}


def _use(number: int, customer: str, value: float) -> dict[str, Any]:
    return {"customer_id": customer, "feature_id": "messages", "value": value, "properties": {"n": number}}


def _on_every_disk(story: Story, effort: Effort, place: Path) -> Figures:
    require_linux("limiting the size of a file under a running process")
    with every_disk(place, _DISK) as (disks, missing):
        figures: Figures = {disk.name: story(_Story(place, disk, effort.seed)) for disk in disks}
    return {**figures, **({"not_tried": missing} if missing else {})}


@script(brief=Effort(seed=1))
def requests(effort: Effort, place: Path) -> Figures:
    """On a full disk what changes something is answered 503 and changes nothing, reads go on, and later all is well."""
    return _on_every_disk(_requests, effort, place)


def _requests(story: _Story) -> Figures:
    disk = story.disk
    with story.start().ready() as victim, victim.client() as client:
        story.furnish(client)
        assert [story.batch(client, 1000) for _ in range(3)] == [202] * 3
        client.drain()
        client.ask("/_mock/queue", {"paused": True})
        assert [story.batch(client, 200) for _ in range(3)] == [202] * 3
        disk.fill(victim, 0)
        refused = story.use_up(client)
        tracks = Counter(story.track(client) for _ in range(10))
        keyed = [story.track(client, f"key-{number}") for number in range(3)]
        writes = {name: client.post(call.path, call.body, **call.headers).status for name, call in _writes().items()}
        reads = {name: client.post(call.path, call.body).status for name, call in READS.items()}
        assert set(reads.values()) == {200}, reads
        client.audit()
        client.ask("/_mock/queue", {"paused": False})
        wait_until(
            lambda: "could not be written and will be retried" in victim.stderr(), "a worker that meets the full disk"
        )
        waiting = client.audit()["organisations"][0]["books"]["waiting"]
        assert waiting >= 600, "items were worked off that could not be kept"
        assert set(writes.values()) == {503}, writes
        assert set(tracks) == {503}, tracks

        disk.free(victim)
        client.drain()
        assert story.batch(client, 100) == 202
        keys = [story.track(client, f"key-{number}") for number, status in enumerate(keyed) if status == 503]
        assert set(keys) == {200}, f"keys of requests that were refused: {keys}"
        again = {name: client.post(call.path, call.body, **call.headers).status for name, call in _writes().items()}
        assert set(again.values()) <= {200, 202}, again
        client.audit()
        victim.stop()
        said = victim.stderr()
    assert "Traceback" not in said, said
    return {"refused_batches": refused, "refused_calls": len(writes), "reads": len(reads), **story.judge()}


def _writes() -> dict[str, Call]:
    """The calls that need nothing to be prepared and leave what the others need."""
    return {name: call for name, call in WRITES.items() if name != "finalize" and "delete" not in name}


@script(brief=Effort(rounds=20, seed=2), long=Effort(rounds=300, seed=2))
def checkpoint(effort: Effort, place: Path) -> Figures:
    """A checkpoint that meets a full disk leaves the old file whole; what comes meanwhile is kept, also by a crash.

    It is said once, and tried again without piling up logs. A round is a small batch that comes while checkpoints fail.
    """

    def story(story: _Story) -> Figures:
        return _checkpoint(story, effort.rounds)

    return _on_every_disk(story, effort, place)


def _checkpoint(story: _Story, rounds: int) -> Figures:
    disk, complaint = story.disk, "checkpoint failed; retrying with back-off"
    with story.start(EAGER).ready() as victim, victim.client() as client:
        story.furnish(client)
        assert [story.batch(client, 1000) for _ in range(2)] == [202] * 2
        client.drain()
        wait_until(lambda: _is_idle(story.path), "the last checkpoint")
        disk.fill(victim, _ROOM)
        before = story.path.read_bytes()
        assert len(before) > 2 * _ROOM, "the file would fit"
        statuses: Counter[int] = Counter()
        ends = time.monotonic() + _A_WHILE
        while sum(statuses.values()) < rounds or time.monotonic() < ends:
            statuses[story.batch(client, story.rng.choice((1, 2, 5)))] += 1
        assert story.path.read_bytes() == before
        assert tables_of(story.path)["events"]
        logs = _logs(disk.path)
        assert logs <= _MOST_LOGS, f"{logs} logs"
        assert victim.stderr().count(complaint) == 1, victim.stderr()
        disk.free(victim)
        victim.kill()
        said = victim.stderr()
    assert "Traceback" not in said, said
    figures = story.judge()
    return {"statuses": dict(statuses), "logs_then": logs, **figures}


def _logs(directory: Path) -> int:
    """How many logs there are: one more for each checkpoint that failed."""
    return sum(".wal" in each for each in files_in(directory))


def _is_idle(path: Path) -> bool:
    """Whether an eager server neither writes a checkpoint nor is about to."""
    log = path.with_name("db.json.wal")
    return files_in(path.parent) == {path.name, log.name, "db.json.lock"} and log.stat().st_size <= SMALL_LOG


@script(brief=Effort(seed=3))
def stop(effort: Effort, place: Path) -> Figures:
    """A server that is stopped on a full disk says in a sentence that its file is the old one, and loses nothing.

    Nor does one that is started on a full disk: it runs, or says why not.
    """
    return _on_every_disk(_stop, effort, place)


def _stop(story: _Story) -> Figures:
    disk = story.disk
    with story.start().ready() as victim, victim.client() as client:
        story.furnish(client)
        assert [story.batch(client, 1000) for _ in range(2)] == [202] * 2
        client.drain()
        disk.fill(victim, None)
        story.use_up(client)
        victim.terminate()
        code = victim.wait()
        said = victim.stderr()
    with story.start() as other:
        started = other.wait_ready(TIMEOUT)
        other.kill()
        refusal = other.stderr()
    disk.forget()
    figures = story.judge()
    assert "Traceback" not in said, said
    assert "Traceback" not in refusal, refusal
    return {"code": code, "said": said.splitlines()[-1:], "starts": started, "refusal": refusal[-300:], **figures}
