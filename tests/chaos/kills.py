"""A server that is killed again and again on one database."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from autumn_mock.journal.audit import audit_file
from autumn_mock.store.log import read_log
from tests.chaos.numbered import Verdict, deducted_numbers, tables_of
from tests.chaos.scripts import Effort, Figures, script
from tests.chaos.traffic import CUSTOMERS, EDITED, GRANT, Memory, Sender
from tests.chaos.victim import EAGER, PLAIN, Victim, wait_until

#: Clients that send at a time.
_SENDERS = 3
#: Items that each of them puts into batches in one life of the server.
_BUDGET = 500
#: How a life may end, and how often.
_ENDS = {"anywhere": 4, "in a checkpoint": 5, "while loading": 3, "while stopping": 3, "stopped": 1}
#: What else may be wrong in a life; none of it loses or doubles anything.
_FAULTS = ("", "", "", "worker:slow rate=300/s", "worker:duplicate rate=0.3", "worker:crash rate=0.01 times=5")


@script(brief=Effort(rounds=12, seed=1), long=Effort(rounds=100, seed=1))
def kills(effort: Effort, place: Path) -> Figures:
    """What was answered 2xx is deducted once, what was refused never, however often the server is killed.

    A round is a kill: at a random moment, while a checkpoint is written, while the database is loaded, or while the
    server stops because it was asked to. A request without an answer counts as a whole or not at all.
    """
    history = _History(place, random.Random(effort.seed))
    history.begin()
    while history.killed < effort.rounds:
        history.live()
    return history.judge()


class _History:
    """The lives of a server, one after the other."""

    def __init__(self, place: Path, rng: random.Random) -> None:
        self._place = place
        self._path = place / "db.json"
        self._rng = rng
        self._memory = Memory()
        self._starting = 1.0
        self.ends: Counter[str] = Counter()
        self.traces: Counter[str] = Counter()

    @property
    def killed(self) -> int:
        return sum(count for end, count in self.ends.items() if end != "stopped")

    def begin(self) -> None:
        """Make the customers, and die: even the first file is one that a crash left."""
        with Victim(self._place, "--db", str(self._path), program=EAGER).ready() as victim, victim.client() as client:
            for customer in (*CUSTOMERS, EDITED):
                client.grant(customer, GRANT)
        self.ends["anywhere"] += 1
        self._count_traces()

    def live(self) -> None:
        """One life: a start, traffic if it comes to that, and an end."""
        rng = self._rng
        [end] = rng.choices(list(_ENDS), list(_ENDS.values()))
        fault = rng.choice(_FAULTS)
        options = ["--db", str(self._path), *(["--fault", fault] if fault else [])]
        program = EAGER if end == "in a checkpoint" or rng.random() < 0.7 else PLAIN
        began = time.monotonic()
        with Victim(self._place, *options, program=program) as victim:
            if end != "while loading" or self._outlives_loading(victim):
                victim.ready()
                self._starting = time.monotonic() - began
                end = self._crowd(victim, "anywhere" if end == "while loading" else end)
            victim.kill()
            assert "Traceback" not in victim.stderr(), victim.stderr()
        self.ends[end] += 1
        self._count_traces()
        if end == "stopped":
            assert [each.name for each in self._place.iterdir() if each.name.startswith("db")] == ["db.json"]
        elif rng.random() < 0.2:
            self._audit()

    def _outlives_loading(self, victim: Victim) -> bool:
        """Whether it is ready before its time has come, which runs from when it has taken the lock."""
        lock = self._path.with_name("db.json.lock")
        mine = f"{victim.pid}\n"
        wait_until(lambda: lock.exists() and lock.read_text() == mine, "taking the lock", interval=0.001)
        return victim.wait_ready(self._rng.uniform(0, self._starting / 4))

    def _crowd(self, victim: Victim, end: str) -> str:
        """Traffic until the end; which end it was."""
        rng = self._rng
        senders = [
            Sender(self._memory, victim.url, random.Random(rng.random()), _BUDGET, first=not number)
            for number in range(_SENDERS)
        ]
        for sender in senders:
            sender.start()
        time.sleep(rng.uniform(0.05, 0.8))  # the moment is what is random here
        if end == "in a checkpoint":
            self._wait_for_a_checkpoint()
            time.sleep(rng.uniform(0, 0.004))
        elif end in ("while stopping", "stopped"):
            victim.terminate()
            if end == "while stopping":
                end = "while stopping" if self._is_still_stopping(victim) else "stopped"
        if end == "stopped":
            assert victim.wait() == 0, victim.stderr()
        victim.kill()
        for sender in senders:
            sender.finish()
        return end

    def _is_still_stopping(self, victim: Victim) -> bool:
        """Whether it has not ended yet after some time, or when it begins its last checkpoint."""
        rng = self._rng
        if rng.random() < 0.5:
            ends = time.monotonic() + rng.uniform(0, 0.3)
            while victim.is_alive and time.monotonic() < ends:
                time.sleep(0.001)
        else:
            before = self._logs()
            wait_until(lambda: not victim.is_alive or bool(self._logs() - before), "a last checkpoint", 120, 0.0005)
        return victim.is_alive

    def _logs(self) -> set[str]:
        """Logs that checkpoints have begun."""
        return {each.name for each in self._place.glob("db.json.wal.*")}

    def _wait_for_a_checkpoint(self) -> None:
        before = self._logs()
        wait_until(lambda: bool(self._logs() - before), "a checkpoint", interval=0.0005)

    def _count_traces(self) -> None:
        """Count what the end left behind."""
        left = {each.name for each in self._place.iterdir()}
        self.traces["half a file"] += "db.json.tmp" in left
        logs = [each for each in self._place.iterdir() if each.name.startswith("db.json.wal")]
        self.traces["a checkpoint begun"] += bool(self._logs())
        self.traces["a torn record"] += any(read_log(each).torn is not None for each in logs)

    def _audit(self) -> None:
        """The books of a server that was killed balance, too."""
        for each in audit_file(self._path):
            assert each.balanced, each.problems

    # -- at the end

    def judge(self) -> Figures:
        """Process everything, stop cleanly, and compare the state with the replies."""
        with Victim(self._place, "--db", str(self._path)).ready() as victim, victim.client() as client:
            self._memory.edits.settle(client)
            client.drain()
            audit = client.audit()
            remaining = {customer: client.remaining(customer) for customer in CUSTOMERS}
            victim.stop()
        notebook = self._memory.notebook
        assert [each.name for each in self._place.iterdir() if each.name.startswith("db")] == ["db.json"]
        deducted = deducted_numbers(tables_of(self._path)["events"])
        used = notebook.check(deducted)
        for customer in CUSTOMERS:
            assert remaining[customer] == GRANT - used.get(customer, 0), customer
        audited = subprocess.run(
            [sys.executable, "-m", "autumn_mock", "audit", "--db", str(self._path)], capture_output=True, text=True
        )
        assert audited.returncode == 0, audited.stdout + audited.stderr
        books = audit["organisations"][0]["books"]
        return {
            "kills": self.killed,
            "ends": dict(self.ends),
            "left_behind": dict(self.traces),
            "items": {verdict.value: notebook.count(verdict) for verdict in Verdict},
            "deducted": len(deducted),
            "requests": dict(sorted(notebook.kinds.items())),
            "edits": self._memory.edits.made,
            "books": books,
            "start_s": round(self._starting, 2),
        }
