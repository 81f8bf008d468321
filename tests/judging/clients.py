"""Metering clients that play against faults, and what really happened to their usage.

A client has uses; each is one item that it means to be charged once. What a client does depends on the replies only.
The faults are chosen for each request here, so what was taken is known.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from autumn_mock.engine import Engine
from autumn_mock.journal.finding import Finding
from tests.support.client import AppClient

#: What a request meets, and whether the service takes its items: a rule, or none.
FAULTS: dict[str, bool] = {
    "": True,
    "queue:down": False,
    "reply:status 503 retry-after=1": False,
    "reply:status 429 retry-after=2": False,
    "limit:exhaust": False,
    "reply:status 502": False,
    "reply:status 504 body=html": False,
    "reply:status 502 after=enqueue": True,
    "reply:status 500 after=enqueue": True,
    "reply:status 504 body=empty after=enqueue": True,
}
#: Faults after which a client cannot know whether its items were taken.
AMBIGUOUS = tuple(rule for rule in FAULTS if any(f"status {code}" in rule for code in (500, 502, 504)))
LOST = tuple(rule for rule in AMBIGUOUS if FAULTS[rule])
REFUSED = ("queue:down", "reply:status 503 retry-after=1")
LIMITED = ("reply:status 429 retry-after=2", "limit:exhaust")
#: How often the next request meets a fault.
FAULT_RATE = 0.4
USES = 8
CALLS = ("track", "queued", "batch", "check")


@dataclass
class Use:
    """One use, and what became of it."""

    number: int
    amount: int
    made_at: int
    #: Whether the service took it, whatever the client knows.
    is_taken: bool = False


@dataclass
class Behaviour:
    """How a client makes marks, and which rule it breaks."""

    call: str = "track"
    #: ``key``, ``header``, ``properties``, ``timestamp``, ``fresh`` (a key for each try), or ``none``.
    marks: str = "key"
    #: One of :data:`RULES`; empty for an honest client.
    breaks: str = ""

    @property
    def is_safe(self) -> bool:
        """Whether a use can be sent again after an ambiguous failure: a key prevents a second charge."""
        return self.marks in ("key", "header")


#: The broken rules, with the codes of the findings that are meant for each.
RULES: dict[str, tuple[str, ...]] = {
    "resends what was accepted": ("resent_after_accepted",),
    "resends without a key": ("resent_after_lost_reply",),
    "makes a new key for each try": ("resent_after_lost_reply",),
    "adds up what failed": ("resent_after_lost_reply",),
    "drops after 503": ("not_resent_after_503",),
    "drops after 429": ("not_resent_after_429",),
    "ignores Retry-After": ("retried_too_soon",),
    "retries a refusal": ("retried_impossible", "resent_after_refusal"),
    "names an unknown customer": ("lost_after_accepted",),
}


@dataclass
class Run:
    """What a client did, and what was found."""

    behaviour: Behaviour
    uses: list[Use]
    findings: list[Finding] = field(default_factory=list)
    #: How often the broken rule mattered, and what was at stake.
    broken: int = 0
    at_stake: float = 0


class Player:
    """Plays clients on one server, each in an organisation of its own."""

    def __init__(self, engine: Engine, app: Any, seed: int) -> None:
        self.engine = engine
        self.chance = random.Random(seed)  # reproducible, and not for secrets
        opened = engine.open_organisation(frozen=True, key=f"am_sk_test_judged_{seed}")
        self.client = AppClient(app, opened.key)
        self.environment = engine.state.environment(opened.org, opened.env)
        self.run = Run(Behaviour(), [])
        self._tries = 0

    def play(self, behaviour: Behaviour) -> Run:
        """One client with its uses, one after the other."""
        now = self.environment.clock.now()
        uses = [Use(number, self.chance.randint(1, 3), now - 5_000 + number) for number in range(USES)]
        self.run = Run(behaviour, uses)
        self.client.ask(
            "/v1/balances.create",
            {
                "customer_id": "cus_456",
                "feature_id": "messages",
                "included_grant": 100_000,
                "balance_id": "judged",
            },
        )
        for use in uses:
            self._record(use)
        assert self.engine.drain(30, self.environment)
        self.run.findings = self.engine.findings(self.environment)
        return self.run

    # -- one use

    def _record(self, use: Use) -> None:
        """Send a use until the client believes that it was taken, or gives it up."""
        behaviour = self.run.behaviour
        amount = float(use.amount)
        for _ in range(40):
            rule = self._fault(behaviour)
            reply = self._send(use, amount, rule)
            if reply.status in (200, 202, 409):
                if behaviour.breaks == "resends what was accepted" and reply.status != 409:
                    self._count(use.amount)
                    self._send(use, amount, "")
                return
            if reply.status == 400:
                if behaviour.breaks == "retries a refusal":
                    self._count(0)
                    self._send(use, amount, "")
                return
            if reply.status in (500, 502, 504):
                if not self._goes_on_after_ambiguity(amount, rule):
                    return
                if behaviour.breaks == "adds up what failed":
                    amount += self.chance.randint(1, 3)
            elif self._drops(reply.status):
                if not use.is_taken:
                    self._count(use.amount)
                return
            if behaviour.breaks == "ignores Retry-After" and reply.status in (429, 503):
                self._count(0)
            else:
                wait = float(reply.headers.get("retry-after", "0")) + self.chance.choice([0, 0.5])
                self.environment.clock.advance(round(wait * 1000))
        raise AssertionError("there is no end")

    def _fault(self, behaviour: Behaviour) -> str:
        """The fault that the next request meets. A client without keys gives up after an ambiguous failure, so what had
        not been taken is really lost: it only meets those that are after the work."""
        if self.chance.random() > FAULT_RATE or behaviour.breaks in ("retries a refusal", "names an unknown customer"):
            return ""
        resends = behaviour.breaks in ("resends without a key", "makes a new key for each try", "adds up what failed")
        kinds = [*REFUSED, *LIMITED, *(AMBIGUOUS if behaviour.is_safe or resends else LOST)]
        if behaviour.call == "track":
            kinds = [each for each in kinds if each != "queue:down"]
        return self.chance.choice(kinds)

    def _goes_on_after_ambiguity(self, amount: float, rule: str) -> bool:
        """Whether the client sends a use again that may have been taken."""
        behaviour = self.run.behaviour
        if behaviour.is_safe:
            return True
        if behaviour.breaks in ("resends without a key", "makes a new key for each try", "adds up what failed"):
            if FAULTS[rule]:
                self._count(amount)
            return True
        return False

    def _drops(self, status: int) -> bool:
        breaks = self.run.behaviour.breaks
        return (breaks == "drops after 503" and status == 503) or (breaks == "drops after 429" and status == 429)

    def _count(self, amount: float) -> None:
        self.run.broken += 1
        self.run.at_stake += amount

    # -- one request

    def _send(self, use: Use, amount: float, rule: str) -> Any:
        behaviour = self.run.behaviour
        self._tries += 1
        item: dict[str, Any] = {"customer_id": "cus_456", "feature_id": "messages"}
        headers = {"x_autumn_mock_fault": f"{rule} times=1"} if rule else {}
        if behaviour.breaks == "names an unknown customer":
            item["customer_id"] = f"cus_typo_{use.number}"
            self._count(use.amount)
        item["required_balance" if behaviour.call == "check" else "value"] = amount
        if behaviour.breaks == "retries a refusal":
            item["properties"] = "none"
        match behaviour.marks:
            case "key":
                item["idempotency_key"] = f"use_{use.number}"
            case "fresh":
                item["idempotency_key"] = f"try_{self._tries}"
            case "header":
                headers["idempotency_key"] = f"use_{use.number}"
            case "properties":
                item["properties"] = {"use": f"use_{use.number}"}
            case "timestamp":
                item["timestamp"] = use.made_at
        match behaviour.call:
            case "batch":
                reply = self.client.post("/v1/balances.batch_track", [item], **headers)
            case "check":
                reply = self.client.post("/v1/balances.check", {**item, "send_event": True}, **headers)
            case call:
                body = {**item, "async": call == "queued"}
                reply = self.client.post("/v1/balances.track", body, **headers)
        use.is_taken = use.is_taken or (FAULTS[rule] and reply.status != 400)
        return reply


def honest(chance: random.Random) -> Behaviour:
    """A random client that keeps to the contract."""
    call = chance.choice(CALLS)
    marks = (
        ["header", "properties", "none"]
        if call == "check"
        else ["key", "header", "properties", "timestamp", "none", "fresh"]
    )
    return Behaviour(call, chance.choice(marks))


def dishonest(rule: str, chance: random.Random) -> Behaviour:
    """A random client that breaks one rule."""
    call = chance.choice(["track", "queued", "batch"])
    marks = chance.choice(["properties", "timestamp"])
    match rule:
        case "resends what was accepted":
            return Behaviour(call if call == "batch" else chance.choice(["track", "queued"]), "timestamp", rule)
        case "makes a new key for each try":
            return Behaviour(call, "fresh", rule)
        case "adds up what failed":
            return Behaviour(call, chance.choice(["fresh", "none"]), rule)
        case "drops after 503" | "drops after 429" | "ignores Retry-After":
            return Behaviour(call, chance.choice(["properties", "key"]), rule)
        case "names an unknown customer":
            return Behaviour(chance.choice(["queued", "batch"]), marks, rule)
    return Behaviour(call, marks, rule)
