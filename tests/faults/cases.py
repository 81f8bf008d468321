"""The rules that are played on a server, and what is seen of each: on the wire, in the counters, in the journal, in its
own report.

A case is a rule and steps. The items of a request are written as letters, and so is what becomes of them:

    m  messages of cus_1        o  messages of cus_2       d  deducted
    w  words of cus_1           k  messages of cus_1,      r  refused
    e  event message.sent          all with one key        l  lost
    u  units of cus_1, which each use tops up
    b  a pass that cus_1 buys with a card
    p  a pass that cus_2 buys on a page
    c  a club that cus_1 joins, by the month
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.faults.wire import Ending

Call = Literal["batch", "track", "old track", "track now", "check", "customer", "customer by path", "buy"]

SUCCESS = '{"success":true}'
QUEUE_DOWN = '{"message":"Async track is not available right now","code":"internal_error","env":"sandbox"}'
TOO_MANY = "Too many requests, please try again later."
UNKNOWN_KEY = re.compile(
    r'\{"message":"Invalid secret key: am_sk_test_\w+\*+","code":"invalid_secret_key","env":"sandbox"\}'
)
BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n"
)


# -- steps


@dataclass(frozen=True)
class Send:
    """One request, and everything that is seen of it."""

    call: Call = "batch"
    items: str = "mm"
    #: What is seen on the wire; None: no status, or a body that is not compared.
    status: int | None = 202
    body: str | re.Pattern[str] | None = SUCCESS
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = "whole"
    #: The least number of seconds, and of pieces of the reply.
    takes: float = 0
    pieces: int = 0
    #: What the journal has: whether the rule fired, the status of the service, what the client received.
    triggered: bool = True
    service: int | None = 202
    reply: str = "sent"
    #: What became of each item; empty for a request that offered none to the queue.
    fates: str = ""
    #: What faults did to the messages, by the index of the item.
    notes: Mapping[int, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Freeze:
    """Freeze the organisation's clock, at an instant if one is given."""

    at: str | None = None


@dataclass(frozen=True)
class Advance:
    """Move the organisation's clock."""

    by: str


@dataclass(frozen=True)
class Held:
    """The rule holds ``items`` items, and ``deducted`` are deducted."""

    items: int
    deducted: int = 0


@dataclass(frozen=True)
class Clear:
    """Clear all rules."""


@dataclass(frozen=True)
class Pay:
    """Pay the newest open checkout of the organisation on its page."""

    #: Why that fails; None: it is paid.
    refusal: str | None = None
    #: Whether the service knows of the payment at once.
    settles: bool = True


@dataclass(frozen=True)
class PastDue:
    """Whether the club of cus_1 is past due."""

    is_so: bool = True


Step = Send | Freeze | Advance | Held | Clear | Pay | PastDue


def accepted(items: str = "mm", fates: str = "", call: Call = "batch", **more: object) -> Send:
    """The service accepts it, whatever becomes of its items."""
    fates = fates or "d" * len(items)
    body = SUCCESS if call == "batch" else None
    return Send(call, items, body=body, triggered="r" in fates, fates=fates, **more)  # type: ignore[arg-type]  # see Send


def refused(items: str = "mm", call: Call = "batch") -> Send:
    """Nothing can be queued."""
    retry = {"retry-after": "1"}
    return Send(call, items, 503, QUEUE_DOWN, retry, service=503, fates="r" * len(items))


def succeeded(call: Call, items: str = "m") -> Send:
    """A call that queues nothing succeeds."""
    return Send(call, items, 200, None, triggered=False, service=200)


def topped_up(*, triggered: bool = True) -> Send:
    """A use that calls for a top-up; a failure blocks the next one."""
    return Send("track now", "u", 200, None, triggered=triggered, service=200)


def bought(items: str = "b") -> Send:
    """A pass is bought, or its page is opened."""
    return Send("buy", items, 200, None, triggered=False, service=200)


def declined(reason: str = "Your card was declined.", code: str = "payment_failed") -> Send:
    """A card is declined when a pass is bought."""
    body = re.compile(rf'.*"required_action":\{{"code":"{code}","reason":"{re.escape(reason)}"\}}.*')
    return Send("buy", "b", 200, body, service=200)


def failed(call: Call = "batch", items: str = "mm", status: int = 500, **more: object) -> Send:
    """``reply:status`` fires before the service does anything."""
    body = more.pop("body", '{"message":"Internal Server Error","code":"internal_error","env":"sandbox"}')
    return Send(call, items, status, body, service=None, reply="altered", **more)  # type: ignore[arg-type]  # see Send


def limited(call: Call = "batch", items: str = "mm", **headers: str) -> Send:
    """A limit is used up."""
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return Send(call, items, 429, TOO_MANY, {"ratelimit-remaining": "0", **found}, service=429)


def silent(ending: Ending, service: int | None) -> Send:
    """No reply, after the service handled the request or instead of that."""
    return Send(status=None, body="", ending=ending, service=service, reply="lost", fates="dd" if service else "")


def altered(status: int = 202, body: str = SUCCESS, **headers: str) -> Send:
    """The service handles it, and the client receives another reply."""
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return Send(status=status, body=body, headers=found, reply="altered", fates="dd")


# -- cases


@dataclass(frozen=True)
class Proof:
    """What the rule reports at the end, or before it is cleared."""

    fired: int
    refused: int = 0
    remaining: int | None = None
    completed: bool = False


@dataclass(frozen=True)
class Case:
    """``{org}`` in the rule stands for the organisation's slug."""

    rule: str
    steps: Sequence[Step]
    proof: Proof
    #: The steps when the rule is in the header, if it is played in both ways.
    header: Sequence[Step] | None = None

    @property
    def has_counters(self) -> bool:
        """Whether it behaves differently in a header, where it counts anew for each request."""
        return re.search(r"queue:flap|ttl=|times=|after=\d|every=|rate=0", self.rule) is not None

    @property
    def is_of_one_customer(self) -> bool:
        """Whether it can be a rule of cus_1 as well."""
        words = self.rule.split()
        calls = {step.items for step in self.steps if isinstance(step, Send)}
        return not {"o", "p"} & set("".join(calls)) and not any(word.startswith("customer=") for word in words)

    @property
    def uses_clock(self) -> bool:
        """Whether it depends on the clock of where it was armed: the organisation's or the server's."""
        return any(word.startswith(("ttl=", "down=2s", "rate=1/s", "rate=30/m")) for word in self.rule.split())


_HELD = {0: ["held"], 1: ["held"]}

CASES = (
    # -- enqueue:fail: which items
    Case("enqueue:fail", [refused(), refused("m", "track")], Proof(2, 3)),
    Case("enqueue:fail items=1,3", [accepted("mmmm", "drdr"), accepted("m")], Proof(1, 2)),
    Case("enqueue:fail first=2", [accepted("mmm", "rrd"), refused("mm")], Proof(2, 4)),
    Case("enqueue:fail last=1", [accepted("mmm", "ddr")], Proof(1, 1)),
    Case("enqueue:fail event=message.sent", [accepted("mem", "drd"), refused("e", "track")], Proof(2, 2)),
    Case("enqueue:fail customer=cus_2", [accepted("mom", "drd"), accepted("m")], Proof(1, 1)),
    Case("enqueue:fail feature=words", [accepted("mwm", "drd"), refused("w")], Proof(2, 2)),
    Case(
        "enqueue:fail every=2",
        [accepted("mmmmm", "drdrd"), accepted("mmm", "rdr")],
        Proof(2, 4),
        header=[accepted("mmmmm", "drdrd"), accepted("mmm", "drd")],
    ),
    Case(
        "enqueue:fail rate=0.5 seed=42",
        [accepted("mmmm", "drrr"), accepted("mmmm", "dddr")],
        Proof(2, 4),
        header=[accepted("mmmm", "drrr"), accepted("mmmm", "drrr")],
    ),
    Case("enqueue:fail items=0,1,2 last=2 feature=messages", [accepted("mmmw", "ddrd")], Proof(1, 1)),
    # -- enqueue:fail: when
    Case(
        "enqueue:fail times=1",
        [refused(), accepted()],
        Proof(1, 2, remaining=0, completed=True),
        header=[refused(), refused()],
    ),
    Case("enqueue:fail times=2", [refused()], Proof(1, 2, remaining=1)),
    Case("enqueue:fail after=1", [accepted(), refused()], Proof(1, 2)),
    Case(
        "enqueue:fail ttl=30s",
        [Freeze(), refused(), Advance("29s"), refused(), Advance("1s"), accepted()],
        Proof(2, 4, remaining=0, completed=True),
        header=[Freeze(), refused(), Advance("30s"), refused()],
    ),
    Case("enqueue:fail org={org}", [refused()], Proof(1, 2)),
    Case("enqueue:fail org=other", [accepted()], Proof(0)),
    Case("enqueue:fail route=balances.track", [accepted(), refused("m", "track")], Proof(1, 1)),
    Case("enqueue:fail route=/v1/track", [accepted(), refused("m", "old track"), refused("m", "track")], Proof(2, 2)),
    # -- queue:down
    Case("queue:down", [refused(), refused("m", "track"), succeeded("track now")], Proof(2, 3)),
    Case("queue:down event=message.sent", [accepted("me", "dr"), refused("e"), accepted("m")], Proof(2, 2)),
    Case(
        "queue:down every=2",
        [accepted(), refused(), accepted(), refused()],
        Proof(2, 4),
    ),
    # -- queue:flap
    Case(
        "queue:flap",
        [refused(), accepted(), refused(), accepted()],
        Proof(2, 4),
        header=[refused(), refused()],
    ),
    Case(
        "queue:flap down=2 up=1",
        [refused(), refused(), accepted(), refused()],
        Proof(3, 6),
    ),
    Case("queue:flap up=2", [refused(), refused(), accepted(), accepted(), refused()], Proof(3, 6)),
    Case(
        "queue:flap down=2s up=3s",
        [
            Freeze(),
            refused(),
            refused(),
            Advance("2s"),
            accepted(),
            Advance("2s"),
            accepted(),
            Advance("1s"),
            refused(),
        ],
        Proof(3, 6),
    ),
    # -- worker:pause
    Case("worker:pause", [accepted(notes=_HELD), Held(2), Clear()], Proof(2)),
    Case("worker:pause event=message.sent", [accepted("me", notes={1: ["held"]}), Held(1, 1), Clear()], Proof(1)),
    Case("worker:pause customer=cus_2", [accepted("mo", notes={1: ["held"]}), Held(1, 1), Clear()], Proof(1)),
    Case(
        "worker:pause ttl=30s",
        [Freeze(), accepted(notes=_HELD), Held(2), Advance("29s"), Held(2), Advance("1s")],
        Proof(2, remaining=0, completed=True),
    ),
    Case(
        "worker:pause times=1",
        [accepted(notes={0: ["held"]}), Held(1, 1), Clear()],
        Proof(1, remaining=0, completed=True),
    ),
    # -- worker:slow
    Case(
        "worker:slow rate=1/s",
        [
            Freeze(),
            accepted("mmm", notes={**_HELD, 2: ["held"]}),
            Held(2, 1),
            Advance("1s"),
            Held(1, 2),
            Advance("1s"),
        ],
        Proof(3),
    ),
    Case(
        "worker:slow rate=30/minute event=message.sent",
        [Freeze(), accepted("eme", notes={0: ["held"], 2: ["held"]}), Held(1, 2), Advance("2s")],
        Proof(2),
    ),
    # -- worker:delay
    Case(
        "worker:delay 2s",
        [Freeze(), accepted(notes=_HELD), Held(2), Advance("1999ms"), Held(2), Advance("1ms")],
        Proof(2),
    ),
    Case(
        "worker:delay 1m event=message.sent",
        [Freeze(), accepted("em", notes={0: ["held"]}), Held(1, 1), Advance("1m")],
        Proof(1),
    ),
    # -- worker:duplicate
    Case("worker:duplicate", [accepted("m", notes={0: ["duplicated", "absorbed"]})], Proof(1)),
    Case(
        "worker:duplicate event=message.sent",
        [accepted("me", notes={1: ["duplicated", "absorbed"]})],
        Proof(1),
    ),
    # -- worker:reorder: of two items with one key, the one that comes first is deducted
    Case("worker:reorder", [accepted("kk", "ld", notes={0: ["reordered"], 1: ["reordered"]})], Proof(2)),
    Case("worker:reorder times=1", [accepted("kk", "dl")], Proof(1, remaining=0, completed=True)),
    Case(
        "worker:reorder event=message.sent",
        [accepted("eme", notes={0: ["reordered"], 2: ["reordered"]})],
        Proof(2),
    ),
    # -- worker:crash
    Case(
        "worker:crash times=1",
        [accepted(notes={0: ["crashed", "absorbed"], 1: ["absorbed"]})],
        Proof(1, remaining=0, completed=True),
    ),
    Case(
        "worker:crash event=message.sent",
        [accepted("me", notes={0: ["absorbed"], 1: ["crashed", "absorbed"]})],
        Proof(1),
    ),
    # -- worker:drop
    Case("worker:drop", [accepted("mm", "ll", notes={0: ["dropped"], 1: ["dropped"]})], Proof(2)),
    Case("worker:drop every=2", [accepted("mmmm", "dldl", notes={1: ["dropped"], 3: ["dropped"]})], Proof(2)),
    Case("worker:drop event=message.sent", [accepted("me", "dl", notes={1: ["dropped"]})], Proof(1)),
    Case(
        "worker:drop rate=0.5 seed=42",
        [accepted("mmmm", "dlll", notes={1: ["dropped"], 2: ["dropped"], 3: ["dropped"]})],
        Proof(3),
    ),
    Case(
        "worker:drop route=balances.track",
        [accepted("m"), accepted("m", "l", "track", notes={0: ["dropped"]})],
        Proof(1),
    ),
    # -- reply:body
    Case(
        """reply:body status=418 json='["a b",";"]' before=enqueue header='X-Region: eu | X-Tea: 1'""",
        [
            failed(
                status=418,
                body='["a b",";"]',
                headers={"content-type": "application/json", "x-region": "eu", "x-tea": "1"},
            ),
            failed("customer", "m", 418, body='["a b",";"]'),
        ],
        Proof(2),
    ),
    Case("""reply:body text="it's" after=enqueue""", [altered(200, "it's")], Proof(1)),
    # -- reply:status
    Case("reply:status 500", [failed(), failed("customer", "m")], Proof(2)),
    Case(
        "reply:status 502 body=html",
        [failed(status=502, body=BAD_GATEWAY, headers={"content-type": "text/html"})],
        Proof(1),
    ),
    Case("reply:status 504 body=empty before=enqueue", [failed(status=504, body="")], Proof(1)),
    Case(
        "reply:status 503 body=json",
        [failed(status=503, body=QUEUE_DOWN, headers={"content-type": "application/json"})],
        Proof(1),
    ),
    Case("reply:status 503 after=enqueue retry-after=2", [altered(503, QUEUE_DOWN, retry_after="2")], Proof(1)),
    Case(
        "reply:status 429 retry-after=date+5s",
        [
            Freeze("2026-01-01T00:00:00Z"),
            failed(status=429, body=TOO_MANY, headers={"retry-after": "Thu, 01 Jan 2026 00:00:05 GMT"}),
        ],
        Proof(1),
    ),
    Case(
        'reply:status 429 retry-after="Wed, 21 Oct 2026 07:28:00 GMT"',
        [failed(status=429, body=TOO_MANY, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})],
        Proof(1),
    ),
    Case("reply:status 200", [altered(200)], Proof(1)),
    Case("reply:status 201 body=empty", [altered(201, "")], Proof(1)),
    Case("reply:status 500 org={org}", [failed()], Proof(1)),
    Case(
        "reply:status 500 customer=cus_2",
        [succeeded("check"), failed("check", "o"), failed("customer by path", "o"), failed("batch", "mo"), accepted()],
        Proof(3),
    ),
    Case(
        "reply:status 500 feature=words",
        [succeeded("check", "m"), failed("check", "w"), failed("batch", "mw")],
        Proof(2),
    ),
    Case(
        "reply:status 500 route=balances.*",
        [failed(), failed("check", "m"), succeeded("customer"), succeeded("customer by path")],
        Proof(2),
    ),
    # -- reply:delay
    Case(
        "reply:delay 120ms",
        [Send(takes=0.1, fates="dd"), Send("customer", "m", 200, None, service=200, takes=0.1)],
        Proof(2),
    ),
    Case(
        "reply:delay 120ms before=enqueue times=1", [Send(takes=0.1, fates="dd")], Proof(1, remaining=0, completed=True)
    ),
    Case("reply:delay 120ms after=enqueue", [Send(takes=0.1, fates="dd")], Proof(1)),
    Case("reply:delay 120ms-140ms seed=5", [Send(takes=0.1, fates="dd")], Proof(1)),
    # -- reply:hang, reply:reset
    Case("reply:hang", [silent("silent", None)], Proof(1)),
    Case("reply:hang before=enqueue", [silent("silent", None)], Proof(1)),
    Case("reply:hang after=enqueue", [silent("silent", 202)], Proof(1)),
    Case("reply:reset", [silent("reset", None)], Proof(1)),
    Case("reply:reset before=enqueue", [silent("reset", None)], Proof(1)),
    Case(
        "reply:reset after=enqueue times=1",
        [silent("reset", 202), accepted()],
        Proof(1, remaining=0, completed=True),
        header=[silent("reset", 202), silent("reset", 202)],
    ),
    # -- reply: what comes of the body
    Case(
        "reply:truncate",
        [Send(body=SUCCESS[:8], headers={"content-length": "16"}, ending="cut", reply="lost", fates="dd")],
        Proof(1),
    ),
    Case("reply:malformed", [altered(body='{"success": tru, "message": "the rest of th')], Proof(1)),
    Case("reply:empty", [altered(body="", content_type="application/json")], Proof(1)),
    Case(
        "reply:empty rate=0.5 seed=42",
        [accepted(), altered(body=""), altered(body=""), altered(body=""), accepted()],
        Proof(3),
    ),
    Case("reply:content-type", [altered(content_type="text/html")], Proof(1)),
    Case("reply:content-type text/plain", [altered(content_type="text/plain")], Proof(1)),
    Case("reply:dribble 320ms", [Send(takes=0.25, pieces=2, headers={"content-length": "16"}, fates="dd")], Proof(1)),
    # -- auth:revoke
    Case(
        "auth:revoke",
        [Send(status=401, body=UNKNOWN_KEY, service=401), Send("customer", "m", 401, UNKNOWN_KEY, service=401)],
        Proof(2),
    ),
    Case(
        "auth:revoke after=1",
        [accepted(), Send(status=401, body=UNKNOWN_KEY, service=401)],
        Proof(1),
        header=[accepted(), accepted()],
    ),
    # -- topup:fail
    Case("topup:fail", [topped_up(), topped_up(triggered=False), succeeded("track now")], Proof(1)),
    Case("topup:fail reason=missing_payment_method", [topped_up(), topped_up()], Proof(2)),
    # -- payment:decline
    Case("payment:decline", [declined(), declined(), succeeded("customer")], Proof(2)),
    Case(
        "payment:decline times=1",
        [declined(), bought()],
        Proof(1, remaining=0, completed=True),
        header=[declined(), declined()],
    ),
    Case("payment:decline reason=insufficient_funds", [declined("Your card has insufficient funds.")], Proof(1)),
    Case(
        "payment:decline reason=authentication_required",
        [declined("Additional authentication required", "3ds_required")],
        Proof(1),
    ),
    Case("payment:decline plan=pass", [declined()], Proof(1)),
    Case("payment:decline plan=other", [bought()], Proof(0)),
    Case(
        "payment:decline customer=cus_2",
        [bought(), bought("p"), Pay("Your card was declined.")],
        Proof(1),
        header=[bought(), bought("p"), Pay()],
    ),
    Case(
        "payment:decline reason=expired_card times=1",
        [bought("p"), Pay("Your card has expired."), Pay()],
        Proof(1, 0, 0, True),
    ),
    # -- payment:renewal-fails
    Case(
        "payment:renewal-fails",
        [Freeze(), bought("c"), Advance("32d"), PastDue()],
        Proof(1),
        header=[Freeze(), bought("c"), bought("b")],
    ),
    Case(
        "payment:renewal-fails plan=club reason=expired_card times=1",
        [Freeze(), bought("c"), Advance("32d"), PastDue()],
        Proof(1, remaining=0, completed=True),
    ),
    Case("payment:renewal-fails plan=other", [Freeze(), bought("c"), Advance("32d"), PastDue(is_so=False)], Proof(0)),
    # -- payment:late
    Case("payment:late 30s", [bought("p"), Pay(settles=False), bought()], Proof(1), header=[bought("p"), Pay()]),
    Case(
        "payment:late 30s plan=pass times=1",
        [bought("p"), Pay(settles=False), Advance("30s"), bought("p"), bought()],
        Proof(1, 0, 0, True),
    ),
    Case("payment:late 30s plan=other", [bought("p"), Pay()], Proof(0)),
    # -- payment:processing
    Case(
        "payment:processing 30s times=1",
        [declined("The payment is being processed", "payment_processing"), Advance("30s"), bought()],
        Proof(1, 0, 0, True),
        header=[declined("The payment is being processed", "payment_processing")],
    ),
    Case("payment:processing 30s plan=other", [bought()], Proof(0)),
    # -- limits
    Case("limit:exhaust", [limited(retry_after="1"), limited("customer", "m", retry_after="1")], Proof(2)),
    Case(
        "limit:exhaust times=1",
        [limited(retry_after="1", ratelimit_limit="10"), accepted()],
        Proof(1, remaining=0, completed=True),
    ),
    Case(
        "limit 3/second",
        [
            Freeze(),
            accepted(),
            accepted(),
            accepted(),
            limited(retry_after="1", ratelimit_limit="3"),
            succeeded("customer"),
            Advance("1s"),
            accepted(),
        ],
        Proof(1),
    ),
    Case(
        "limit 1/hour route=balances.check",
        [Freeze(), succeeded("check"), limited("check", "m", retry_after="3600", ratelimit_limit="1"), accepted()],
        Proof(1),
    ),
    Case(
        "limit 1/minute times=1",
        [Freeze(), accepted(), limited(retry_after="60"), accepted()],
        Proof(1, remaining=0, completed=True),
        header=[Freeze(), accepted(), limited(retry_after="60"), limited(retry_after="60")],
    ),
)
