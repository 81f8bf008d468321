"""Plays a case: an organisation whose rule is armed, requests to it, and what must be seen of them afterwards."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.actions import until
from tests.faults.cases import Advance, Call, Case, Freeze, Held, PastDue, Pay, Proof, Send, Step
from tests.faults.wire import exchange
from tests.support.client import BATCH, CHECK, TRACK, Client

#: Seconds after which a client stops waiting for a reply that is not sent.
CLIENT_TIMEOUT = 0.15


# -- a world for cases


def organisation(slug: str, key: str, faults: Sequence[str] = (), of_customer: Sequence[str] = ()) -> dict[str, Any]:
    """An organisation as a world file has it; ``of_customer`` are the rules of cus_1."""
    features = [
        {"feature_id": name, "name": name, "type": "metered", "consumable": True, "event_names": events}
        for name, events in (("messages", ["message.sent"]), ("words", []))
    ]
    grants = [{"feature_id": feature["feature_id"], "included_grant": 1000} for feature in features]
    customers: list[dict[str, Any]] = [{"customer_id": name, "balances": grants} for name in ("cus_1", "cus_2")]
    topup = {"feature_id": "units", "enabled": True, "threshold": 1000, "quantity": 10}
    price = {"amount": 1, "interval": "one_off", "billing_method": "prepaid"}
    features.append({"feature_id": "units", "name": "units", "type": "metered", "consumable": True})
    plan = {"plan_id": "units", "name": "units", "items": [{"feature_id": "units", "price": price}]}
    bought = {"plan_id": "units", "feature_quantities": [{"feature_id": "units", "quantity": 1001}]}
    customers[0] |= {"faults": list(of_customer), "plans": [bought], "billing_controls": {"auto_topups": [topup]}}
    customers[0]["payment_method"] = "ok"
    one_pass = {"plan_id": "pass", "name": "Pass", "add_on": True, "price": {"amount": 5, "interval": "one_off"}}
    club = {"plan_id": "club", "name": "Club", "group": "clubs", "price": {"amount": 9, "interval": "month"}}
    sandbox = {"features": features, "plans": [plan, one_pass, club], "customers": customers, "faults": list(faults)}
    return {"slug": slug, "keys": [key], "sandbox": sandbox}


def write_world(path: Path, organisations: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text(json.dumps({"organisations": organisations}), "utf-8")
    return path


_LETTERS: Mapping[str, Mapping[str, Any]] = {
    "m": {"customer_id": "cus_1", "feature_id": "messages"},
    "w": {"customer_id": "cus_1", "feature_id": "words"},
    "e": {"customer_id": "cus_1", "event_name": "message.sent"},
    "u": {"customer_id": "cus_1", "feature_id": "units"},
    "o": {"customer_id": "cus_2", "feature_id": "messages"},
    "k": {"customer_id": "cus_1", "feature_id": "messages", "idempotency_key": "the same"},
    "b": {"customer_id": "cus_1", "plan_id": "pass"},
    "p": {"customer_id": "cus_2", "plan_id": "pass"},
    "c": {"customer_id": "cus_1", "plan_id": "club"},
}


def request(send: Send) -> tuple[str, str, Any]:
    """Method, path and body."""
    items = [dict(_LETTERS[letter]) for letter in send.items]
    first = items[0]
    calls: dict[Call, tuple[str, str, Any]] = {
        "batch": ("POST", BATCH, items),
        "track": ("POST", TRACK, {**first, "async": True}),
        "old track": ("POST", "/v1/track", {**first, "async": True}),
        "track now": ("POST", TRACK, {**first, "async": False}),
        "check": ("POST", CHECK, first),
        "customer": ("POST", "/v1/customers.get", {"customer_id": first["customer_id"]}),
        "buy": ("POST", "/v1/billing.attach", first),
        "customer by path": ("GET", f"/v1/customers/{first['customer_id']}", None),
    }
    return calls[send.call]


# -- playing


@dataclass
class Target:
    """An organisation with an armed rule."""

    client: Client
    #: The rule's text as the journal has it.
    rule: str
    #: The fault header of every request.
    header: str | None = None
    #: The id of the rule, if it is one of the whole server.
    number: int | None = None
    #: Each request that was sent, with the id of its entry in the journal.
    played: list[tuple[Send, int]] = field(default_factory=list)
    report: dict[str, Any] | None = None

    def _get(self, path: str) -> Any:
        status, _, body = self.client.get(f"/_mock/{path}")
        assert status == 200, body
        return body

    def play(self, case: Case) -> None:
        """Play the steps and check everything that is reported afterwards."""
        for step in case.header if self.header is not None and case.header is not None else case.steps:
            self._play(step)
        self.client.drain()
        self._read_report()
        self._check_journal()
        self._check_counts()
        if self.header is None:
            self._check_proof(case.proof)

    def _play(self, step: Step) -> None:
        if isinstance(step, Send):
            self._send(step)
        elif isinstance(step, Freeze):
            self.client.ask("/_mock/clock", {"freeze": True, **({"now": step.at} if step.at else {})})
        elif isinstance(step, Advance):
            self.client.advance(step.by)
        elif isinstance(step, Held):
            self._check_held(step)
        elif isinstance(step, Pay):
            self._pay(step)
        elif isinstance(step, PastDue):
            shown = self._get("customers/cus_1")["subscriptions"]
            assert [each["past_due"] for each in shown if each["plan_id"] == "club"] == [step.is_so]
        else:
            self._read_report()
            self._clear()

    def _pay(self, step: Pay) -> None:
        checkout = self._get("checkouts?status=open")["list"][0]
        paid = self.client.ask(f"/_mock/checkouts/{checkout['id']}", {"action": "pay"})
        refusal = paid.get("required_action", {}).get("reason")
        status = "complete" if step.refusal is None else "open"
        assert (refusal, paid["status"], paid["settled"]) == (
            step.refusal,
            status,
            step.refusal is None and step.settles,
        )

    def _clear(self) -> None:
        key, path = (self.client.key, "faults") if self.number is None else (None, f"faults/{self.number}")
        assert self.client.request("DELETE", f"/_mock/{path}", None, self.client.headers(key)).status == 200

    def _send(self, step: Send) -> None:
        more = {"x_autumn_mock_fault": self.header} if self.header is not None else {}
        timeout = CLIENT_TIMEOUT if step.ending == "silent" else 30
        wire = exchange(self.client.url, *request(step), self.client.headers(**more), timeout)
        assert (wire.ending, wire.status) == (step.ending, step.status), wire
        if isinstance(step.body, re.Pattern):
            assert step.body.fullmatch(wire.body.decode()), wire
        elif step.body is not None:
            assert wire.body.decode() == step.body
        assert {name: wire.headers.get(name) for name in step.headers} == step.headers
        assert wire.took >= step.takes
        assert wire.pieces >= step.pieces
        entries = until(self._entries, lambda found: len(found) > len(self.played))
        self.played.append((step, entries[-1]["id"]))

    def _entries(self) -> list[dict[str, Any]]:
        """The journal's requests under /v1, in order."""
        return list(self._get("requests")["list"])

    # -- checking

    def _check_held(self, step: Held) -> None:
        if self.header is None:
            until(lambda: self._get("queue")["held"], [{"rule": self.rule, "items": step.items}].__eq__)
        counts = (step.items, step.deducted)
        until(lambda: self._get("stats"), lambda stats: (stats["ready"], stats["deducted"]) == counts)
        waiting = [fate for _, number in self.played for fate in self._fates(number) if fate["fate"] == "waiting"]
        assert len(waiting) == step.items
        assert [each["held_by"] for each in self._get("queue/messages")["list"]] == [self.rule] * step.items

    def _fates(self, number: int) -> list[dict[str, Any]]:
        return list(self._get(f"requests/{number}")["items_fate"])

    def _check_journal(self) -> None:
        entries = self._entries()
        assert [entry["id"] for entry in entries] == [number for _, number in self.played]
        for entry, (send, number) in zip(entries, self.played, strict=True):
            seen = (entry["faults"], entry["reply"], entry["status"], entry["service_status"])
            assert seen == ([self.rule] if send.triggered else [], send.reply, send.status, send.service), send
            fates = self._fates(number)
            assert "".join(fate["fate"][0] for fate in fates) == send.fates, send
            refusals = {fate["reason"] for fate in fates if fate["fate"] == "refused"}
            assert refusals == ({self.rule} if "r" in send.fates else set())
            notes = {fate["index"]: [note["fate"] for note in fate["notes"]] for fate in fates if "notes" in fate}
            assert notes == send.notes, send
            rules = {note["rule"] for fate in fates for note in fate.get("notes", []) if note["fate"] != "absorbed"}
            assert rules <= {self.rule}

    def _check_counts(self) -> None:
        fates = Counter(letter for send, _ in self.played for letter in send.fates)
        counts = {"offered": fates.total(), "refused": fates["r"], "accepted": fates["d"] + fates["l"]}
        counts |= {"ready": 0, "in_flight": 0, "deducted": fates["d"], "lost": fates["l"]}
        stats = self._get("stats")
        assert {name: stats[name] for name in counts} == counts
        [found] = self.client.audit()["organisations"]
        taken: Counter[tuple[str, str]] = Counter()
        for send, _ in self.played:
            for letter, fate in zip(send.items, send.fates, strict=False):
                item = _LETTERS[letter]
                taken[item["customer_id"], item.get("feature_id", "messages")] += fate == "d"
        amounts = {
            (customer["customer"], feature): amount["taken"]
            for customer in found["customers"]
            for feature, amount in customer["amounts"].items()
        }
        assert {row: count for row, count in amounts.items() if count} == dict(+taken)

    def _read_report(self) -> None:
        if self.report is None and self.header is None:
            armed = self._get("faults")["list"]
            [self.report] = [each for each in armed if each["rule"] == self.rule and self.number in (None, each["id"])]

    def _check_proof(self, wanted: Proof) -> None:
        assert self.report is not None
        assert {name: self.report[name] for name in vars(wanted)} == vars(wanted)
