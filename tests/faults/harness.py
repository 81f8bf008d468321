"""Where a case is played: an organisation whose rule was armed in one of the ways there are."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.faults.cases import Advance, Call, Case, Held, Proof, Send, Step, Stop
from tests.faults.wire import Wire, exchange
from tests.support.client import DEFAULT_VERSION
from tests.support.server import ServerProcess

T = TypeVar("T")

#: Seconds that something may take which always happens.
PATIENCE = 20.0
#: Seconds after which a client gives up on a reply that is not to come.
GIVES_UP = 0.15

FATES = {"d": "deducted", "r": "refused", "l": "lost"}


def until(look: Callable[[], T], wanted: Callable[[T], object] = bool, parking: float = PATIENCE) -> T:
    """Look again and again until what is seen is what is wanted."""
    end = time.monotonic() + parking
    while not wanted(seen := look()):
        assert time.monotonic() < end, f"still {seen!r} after {parking} s"
        time.sleep(0.005)
    return seen


# -- a world for cases


def organisation(slug: str, key: str, faults: Sequence[str] = (), of_customer: Sequence[str] = ()) -> dict[str, Any]:
    """An organisation as a world file has it; ``of_customer`` are the rules of cus_1."""
    features = [
        {"feature_id": name, "name": name, "type": "metered", "consumable": True, "event_names": events}
        for name, events in (("messages", ["message.sent"]), ("words", []))
    ]
    grants = [{"feature_id": feature["feature_id"], "included_grant": 1000} for feature in features]
    customers: list[dict[str, Any]] = [{"customer_id": name, "balances": grants} for name in ("cus_1", "cus_2")]
    customers[0]["faults"] = list(of_customer)
    sandbox = {"features": features, "customers": customers, "faults": list(faults)}
    return {"slug": slug, "keys": [key], "sandbox": sandbox}


def write_world(path: Path, organisations: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text(json.dumps({"organisations": organisations}), "utf-8")
    return path


_LETTERS: Mapping[str, Mapping[str, Any]] = {
    "m": {"customer_id": "cus_1", "feature_id": "messages"},
    "w": {"customer_id": "cus_1", "feature_id": "words"},
    "e": {"customer_id": "cus_1", "event_name": "message.sent"},
    "o": {"customer_id": "cus_2", "feature_id": "messages"},
    "k": {"customer_id": "cus_1", "feature_id": "messages", "idempotency_key": "the same"},
    "?": {"customer_id": "cus_nobody", "feature_id": "messages"},
}


def items(letters: str) -> list[dict[str, Any]]:
    """What the letters stand for."""
    return [dict(_LETTERS[letter]) for letter in letters]


def request(send: Send) -> tuple[str, str, Any]:
    """Method, path and body."""
    first = items(send.items)[0]
    ways: dict[Call, tuple[str, str, Any]] = {
        "batch": ("POST", "/v1/balances.batch_track", items(send.items)),
        "track": ("POST", "/v1/balances.track", {**first, "async": True}),
        "old track": ("POST", "/v1/track", {**first, "async": True}),
        "track now": ("POST", "/v1/balances.track", {**first, "async": False}),
        "check": ("POST", "/v1/balances.check", first),
        "customer": ("POST", "/v1/customers.get", {"customer_id": first["customer_id"]}),
        "customer by path": ("GET", f"/v1/customers/{first['customer_id']}", None),
    }
    return ways[send.call]


# -- a place with a rule


@dataclass
class ScenarioTarget:
    """An organisation, and the rule as it was armed for it."""

    server: ServerProcess
    key: str
    #: The rule's text as the journal has to name it.
    rule: str
    #: What goes with every request.
    header: str | None = None
    #: The number of the rule, if it is one of the whole server.
    number: int | None = None
    #: Each request that was played, with the number of its entry in the journal.
    played: list[tuple[Send, int]] = field(default_factory=list)
    proof: dict[str, Any] | None = None

    # -- talking to it

    def exchange(self, method: str, path: str, body: Any, timeout: float = 30) -> Wire:
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        headers["x-api-version"] = DEFAULT_VERSION
        if self.header is not None:
            headers["x-autumn-mock-fault"] = self.header
        return exchange(self.server.url, method, path, body, headers, timeout)

    def control(self, path: str) -> Any:
        status, _, body = self.server.get(f"/_mock/{path}", self.key)
        assert status == 200, body
        return body

    def clear(self) -> None:
        if self.number is None:
            headers = {"authorization": f"Bearer {self.key}"}
            assert self.server.request("DELETE", "/_mock/faults", None, headers).status == 200
        else:
            assert self.server.request("DELETE", f"/_mock/faults/{self.number}").status == 200

    def drained(self) -> bool:
        return self.server.post("/_mock/drain", {"timeout": 1}, self.key).status == 200

    # -- playing

    def play(self, case: Case) -> None:
        steps = case.header if self.header is not None and case.header is not None else case.steps
        for step in steps:
            self._play(step)
        until(self.drained)
        self._read_proof()
        self._check_journal()
        self._check_books()
        if self.header is None:
            self._check_proof(case.proof)

    def _play(self, step: Step) -> None:
        if isinstance(step, Send):
            self._send(step)
        elif isinstance(step, Stop):
            self.server.ask("/_mock/clock", {"freeze": True, **({"now": step.at} if step.at else {})}, self.key)
        elif isinstance(step, Advance):
            self.server.ask("/_mock/clock", {"advance": step.by}, self.key)
        elif isinstance(step, Held):
            self._check_held(step)
        else:
            self._read_proof()
            self.clear()

    def _send(self, step: Send) -> None:
        wire = self.exchange(*request(step), timeout=GIVES_UP if step.ending == "silent" else 30)
        assert (wire.ending, wire.status) == (step.ending, step.status), wire
        if isinstance(step.body, re.Pattern):
            assert step.body.fullmatch(wire.body.decode()), wire
        elif step.body is not None:
            assert wire.body.decode() == step.body
        assert {name: wire.headers.get(name) for name in step.headers} == step.headers
        assert wire.took >= step.takes
        assert wire.pieces >= step.pieces
        entries = until(lambda: self._entries(), lambda found: len(found) > len(self.played))
        self.played.append((step, entries[-1]["id"]))

    def _entries(self) -> list[dict[str, Any]]:
        """The requests under /v1 in the journal, in their order."""
        return list(self.control("requests")["list"])

    # -- checking

    def _check_held(self, step: Held) -> None:
        def look() -> tuple[Any, int]:
            queue = self.control("queue")
            return queue["held"], queue["deducted"]

        if self.header is None:
            until(look, ([{"rule": self.rule, "items": step.items}], step.deducted).__eq__)
        until(
            lambda: self.control("stats"),
            lambda stats: (stats["ready"], stats["deducted"]) == (step.items, step.deducted),
        )
        waiting = [fate for _, number in self.played for fate in self._fates(number) if fate["fate"] == "waiting"]
        assert len(waiting) == step.items
        messages = self.control("queue/messages")["list"]
        assert [each["held_by"] for each in messages] == [self.rule] * step.items

    def _fates(self, number: int) -> list[dict[str, Any]]:
        return list(self.control(f"requests/{number}")["items_fate"])

    def _check_journal(self) -> None:
        entries = self._entries()
        assert [entry["id"] for entry in entries] == [number for _, number in self.played]
        for entry, (send, number) in zip(entries, self.played, strict=True):
            seen = (entry["faults"], entry["reply"], entry["status"], entry["service_status"])
            assert seen == ([self.rule] if send.struck else [], send.reply, send.status, send.service), send
            fates = self._fates(number)
            assert "".join(fate["fate"][0] for fate in fates) == send.fates, send
            refusals = {fate["reason"] for fate in fates if fate["fate"] == "refused"}
            assert refusals == ({self.rule} if "r" in send.fates else set())
            notes = {fate["index"]: [note["fate"] for note in fate["notes"]] for fate in fates if "notes" in fate}
            assert notes == send.notes, send
            rules = {note["rule"] for fate in fates for note in fate.get("notes", []) if note["fate"] != "absorbed"}
            assert rules <= {self.rule}

    def _check_books(self) -> None:
        fates = Counter(letter for send, _ in self.played for letter in send.fates)
        stats = self.control("stats")
        books = {"offered": fates.total(), "refused": fates["r"], "accepted": fates["d"] + fates["l"]}
        books |= {"ready": 0, "in_flight": 0, "deducted": fates["d"], "lost": fates["l"]}
        assert {name: stats[name] for name in books} == books
        audit = self.control("audit")
        assert (audit["balanced"], audit["problems"]) == (True, [])
        taken = Counter(
            letter
            for send, _ in self.played
            for letter, fate in zip(send.items, send.fates, strict=False)
            if fate == "d"
        )
        customers = {
            customer["customer"]: customer["amounts"]
            for [found] in [audit["organisations"]]
            for customer in found["customers"]
        }
        first, second = customers.get("cus_1", {}), customers.get("cus_2", {})
        assert _taken(first, "messages") == taken["m"] + taken["e"] + taken["k"]
        assert _taken(first, "words") == taken["w"]
        assert _taken(second, "messages") == taken["o"]

    def _read_proof(self) -> None:
        if self.proof is None and self.header is None:
            armed = self.server.get("/_mock/faults", self.key if self.number is None else None).body["list"]
            [self.proof] = [each for each in armed if each["rule"] == self.rule and self.number in (None, each["id"])]

    def _check_proof(self, wanted: Proof) -> None:
        assert self.proof is not None
        assert {name: self.proof[name] for name in vars(wanted)} == vars(wanted)


def _taken(amounts: Mapping[str, Mapping[str, float]], feature: str) -> float:
    return float(amounts.get(feature, {"taken": 0})["taken"])
