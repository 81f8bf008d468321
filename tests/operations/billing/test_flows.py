"""Each scenario of a purchase, stage by stage: the customer at 2.3 and at 1.2, its balance, invoices and webhooks.

Instants are days since the start: its months have 31, 28 and 31 days.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.domain.version import Version
from autumn_mock.ledger.intervals import DAY
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.billing.old_attach import attach as old_attach_operation
from autumn_mock.operations.billing.schedules import create_schedule
from autumn_mock.wire.requests.older import OldAttach
from autumn_mock.wire.requests.schedules import CreateSchedule
from autumn_mock.wire.schema import parse
from tests.operations.purchases import MONTH, PurchaseWorld
from tests.support.world import NOW, monthly

Step = Callable[[PurchaseWorld], object]


class Stage(NamedTuple):
    """What is done, and what is there then; without the latter, it is only what was there before."""

    steps: tuple[Step, ...]
    #: Subscriptions and purchases at 2.3, and products at 1.2.
    seen: str | None = None
    products: str = ""
    #: What remains of the messages, and when they are reset next.
    messages: str = ""
    #: All invoices, oldest first, and what webhooks say of this stage.
    invoices: str = ""
    webhooks: str = ""


class Flows(PurchaseWorld):
    """A customer with a card; rows of what they have, in words."""

    def __init__(self) -> None:
        super().__init__()
        week: dict[str, Any] = {"duration_length": 7, "duration_type": "day", "card_required": False}
        self.plan("cheap", monthly(50), group="main", price={"amount": 10, **MONTH})
        self.plan("same", monthly(70), group="main", price={"amount": 20, **MONTH})
        self.plan("other", group="other", price={"amount": 8, **MONTH})
        self.plan("free2", monthly(5), group="main")
        self.plan("gift", monthly(500), group="main", free_trial=week)
        revert = {**week, "on_end": "revert"}
        self.plan("revert", monthly(500), group="main", price={"amount": 80, **MONTH}, free_trial=revert)
        self.entity("e1")
        self.card()

    def subscriptions(self) -> str:
        """The subscriptions and purchases at 2.3."""
        seen = self.seen()
        return "; ".join([*map(_subscription, seen["subscriptions"]), *map(_purchase, seen["purchases"])])

    def older(self) -> str:
        """The products at 1.2."""
        return "; ".join(_product(each) for each in self.seen(Version.V1_2)["products"])

    def messages(self) -> str:
        """What remains of the messages, and when they are reset next."""
        view = self.seen()["balances"].get("messages")
        return "none" if view is None else f"{view['remaining']:g}, reset {day(view['next_reset_at'])}"


def day(instant: int | None) -> str:
    return "never" if instant is None else f"{(instant - NOW) / DAY:g}"


def _period(row: dict[str, Any]) -> str:
    start = row["current_period_start"]
    return "" if start is None else f", in {day(start)}..{day(row['current_period_end'])}"


def _subscription(row: dict[str, Any]) -> str:
    scope = "" if row["scope"] == "customer" else f"@{row['scope']}"
    state = f"{row['plan_id']}{scope} {row['status']} from {day(row['started_at'])}"
    state += ", past due" if row["past_due"] else ""
    for name, word in (("canceled_at", "canceled"), ("expires_at", "ends"), ("trial_ends_at", "trial")):
        state += "" if row[name] is None else f", {word} {day(row[name])}"
    return state + _period(row)


def _purchase(row: dict[str, Any]) -> str:
    expires = "" if row["expires_at"] is None else f", ends {day(row['expires_at'])}"
    return f"{row['plan_id']} bought {day(row['started_at'])}, quantity {row['quantity']:g}{expires}"


def _product(row: dict[str, Any]) -> str:
    state = f"{row['id']} {row['status']} from {day(row['started_at'])}"
    state += "" if row["canceled_at"] is None else f", canceled {day(row['canceled_at'])}"
    state += "" if row["quantity"] == 1 else f", quantity {row['quantity']:g}"
    return state + _period(row)


def buy(plan_id: str, **fields: Any) -> Step:
    """Attach a plan; ``starts_at`` and ``ends_at`` in days."""

    def step(world: PurchaseWorld) -> object:
        instants = {name: NOW + int(value * DAY) for name, value in fields.items() if name in ("starts_at", "ends_at")}
        return world.buy(plan_id, **{**fields, **instants})

    return step


def change(plan_id: str, **fields: Any) -> Step:
    return lambda world: world.change(plan_id, **fields)


def until(days: float) -> Step:
    """Let time pass, and the customer be read then."""

    def step(world: PurchaseWorld) -> object:
        world.now = NOW + int(days * DAY)
        return world.seen()

    return step


def card(behavior: Any) -> Step:
    return lambda world: world.card(behavior)


def default(world: PurchaseWorld) -> None:
    """Have a free default plan, beside the plans of the same group."""
    world.plan("default", monthly(5), group="main", auto_enable=True)


def voiding(world: PurchaseWorld) -> None:
    """Invoices are void when their subscription ends."""
    config = replace(OrganisationConfig(), void_invoices_on_subscription_deletion=True)
    world.environment.organisation = replace(world.environment.organisation, config=config)


def pay(world: PurchaseWorld) -> None:
    """Pay on the page that is open."""
    (session,) = world.environment.checkouts
    settlement.complete(world.call(), session.id, "pay")


def old_attach(product_id: str) -> Step:
    body = {"customer_id": "c", "product_id": product_id}
    return lambda world: old_attach_operation(world.call(), parse(OldAttach, body))


def phases(*begun: tuple[Any, ...], **fields: Any) -> Step:
    """Plans in phases, each from a day on."""
    listed = [
        {"starts_at": at if at == "now" else NOW + at * DAY, "plans": [{"plan_id": each} for each in plans]}
        for at, *plans in begun
    ]
    body = {"customer_id": "c", "phases": listed, **fields}
    return lambda world: create_schedule(world.call(), parse(CreateSchedule, body, now_ms=world.now))


AT_END: dict[str, Any] = {"cancel_action": "cancel_end_of_cycle"}
AT_ONCE: dict[str, Any] = {"cancel_action": "cancel_immediately"}
UNDO: dict[str, Any] = {"cancel_action": "uncancel"}

#: Scenarios by name.
FLOWS: dict[str, list[Stage]] = {
    # -- switches
    "new": [
        Stage(
            (buy("pro"),),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; new: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 20; paid 20",
            "",
        ),
    ],
    "upgrade": [
        Stage((buy("pro"),)),
        Stage(
            (until(15.5), buy("premium")),
            "premium active from 15.5, in 0..31",
            "premium active from 15.5, in 0..31",
            "100, reset 31",
            "paid 20; paid 15",
            "activated premium; expired pro; cancel: pro; upgrade: premium",
        ),
        Stage(
            (until(31),),
            "premium active from 15.5, in 31..59",
            "premium active from 15.5, in 31..59",
            "100, reset 59",
            "paid 20; paid 15; paid 50",
            "",
        ),
    ],
    "free to paid": [
        Stage((buy("free"),)),
        Stage(
            (until(3), buy("pro")),
            "pro active from 3, in 3..34",
            "pro active from 3, in 3..34",
            "100, reset 34",
            "paid 20",
            "activated pro; expired free; cancel: free; upgrade: pro",
        ),
        Stage(
            (until(34),),
            "pro active from 3, in 34..62",
            "pro active from 3, in 34..62",
            "100, reset 62",
            "paid 20; paid 20",
            "",
        ),
    ],
    "downgrade": [
        Stage((buy("premium"),)),
        Stage(
            (until(10), buy("pro")),
            "pro scheduled from 31, in 0..31; premium active from 0, canceled 10, ends 31, in 0..31",
            "premium active from 0, canceled 10, in 0..31; pro scheduled from 31, in 0..31",
            "100, reset 31",
            "paid 50",
            "updated premium; scheduled pro; downgrade: premium",
        ),
        Stage(
            (until(31),),
            "pro active from 31, in 31..59",
            "pro active from 31, in 31..59",
            "100, reset 59",
            "paid 50; paid 20",
            "expired premium; activated pro; phase_changed; expired: premium; new: pro",
        ),
    ],
    "downgrade to free": [
        Stage((buy("pro"),)),
        Stage(
            (until(10), buy("free")),
            "pro active from 0, canceled 10, ends 31, in 0..31; free scheduled from 31",
            "pro active from 0, canceled 10, in 0..31; free scheduled from 31",
            "100, reset 31",
            "paid 20",
            "updated pro; scheduled free; cancel: pro",
        ),
        Stage(
            (until(31),),
            "free active from 31",
            "free active from 31",
            "100, reset 59",
            "paid 20",
            "expired pro; activated free; expired: pro; new: free",
        ),
    ],
    "second downgrade": [
        Stage((buy("premium"), until(10), buy("pro"))),
        Stage(
            (until(12), buy("free")),
            "premium active from 0, canceled 12, ends 31, in 0..31; free scheduled from 31",
            "premium active from 0, canceled 12, in 0..31; free scheduled from 31",
            "100, reset 31",
            "paid 50",
            "updated premium; scheduled free",
        ),
        Stage(
            (until(31),),
            "free active from 31",
            "free active from 31",
            "100, reset 59",
            "paid 50",
            "expired premium; activated free; expired: premium; new: free",
        ),
    ],
    "upgrade while a downgrade is scheduled": [
        Stage((buy("pro"), until(10), buy("free"))),
        Stage(
            (until(15.5), buy("premium")),
            "premium active from 15.5, in 0..31",
            "premium active from 15.5, in 0..31",
            "100, reset 31",
            "paid 20; paid 15",
            "activated premium; expired pro; cancel: pro; upgrade: premium",
        ),
        Stage(
            (until(31),),
            "premium active from 15.5, in 31..59",
            "premium active from 15.5, in 31..59",
            "100, reset 59",
            "paid 20; paid 15; paid 50",
            "",
        ),
    ],
    "from a year to a month": [
        Stage((buy("annual"),)),
        Stage(
            (buy("pro"),),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 200; paid -180",
            "activated pro; expired annual; cancel: annual; upgrade: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 200; paid -180; paid 20",
            "",
        ),
    ],
    "from a year to a cheaper month": [
        Stage((buy("annual"),)),
        Stage(
            (buy("cheap"),),
            "cheap scheduled from 365, in 0..365; annual active from 0, canceled 0, ends 365, in 0..365",
            "annual active from 0, canceled 0, in 0..365; cheap scheduled from 365, in 0..365",
            "100, reset 31",
            "paid 200",
            "updated annual; scheduled cheap; downgrade: annual",
        ),
        Stage(
            (until(365),),
            "cheap active from 365, in 365..396",
            "cheap active from 365, in 365..396",
            "50, reset 396",
            "paid 200; paid 10",
            "expired annual; activated cheap; phase_changed; expired: annual; new: cheap",
        ),
    ],
    "equal price": [
        Stage((buy("pro"),)),
        Stage(
            (buy("same"),),
            "same active from 0, in 0..31",
            "same active from 0, in 0..31",
            "70, reset 31",
            "paid 20; paid 0",
            "activated same; expired pro; cancel: pro; upgrade: same",
        ),
        Stage(
            (until(31),),
            "same active from 0, in 31..59",
            "same active from 0, in 31..59",
            "70, reset 59",
            "paid 20; paid 0; paid 20",
            "",
        ),
    ],
    "from free to free": [
        Stage((buy("free"),)),
        Stage(
            (buy("free2"),),
            "free2 active from 0",
            "free2 active from 0",
            "5, reset 31",
            "",
            "activated free2; expired free; cancel: free; upgrade: free2",
        ),
        Stage((until(31),), "free2 active from 0", "free2 active from 0", "5, reset 31", "", ""),
    ],
    "add-on beside a subscription": [
        Stage((buy("pro"),)),
        Stage(
            (until(15.5), buy("extra")),
            "pro active from 0, in 0..31; extra active from 15.5, in 0..31",
            "pro active from 0, in 0..31; extra active from 15.5, in 0..31",
            "200, reset 31",
            "paid 20; paid 10",
            "activated extra; new: extra",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59; extra active from 15.5, in 31..59",
            "pro active from 0, in 31..59; extra active from 15.5, in 31..59",
            "200, reset 59",
            "paid 20; paid 10; paid 40",
            "",
        ),
    ],
    "add-on beside a free plan": [
        Stage((buy("free"),)),
        Stage(
            (until(15.5), buy("extra")),
            "extra active from 15.5, in 15.5..44.5; free active from 0",
            "free active from 0; extra active from 15.5, in 15.5..44.5",
            "200, reset 31",
            "paid 20",
            "activated extra; new: extra",
        ),
        Stage(
            (until(44.5),),
            "extra active from 15.5, in 44.5..74.5; free active from 0",
            "free active from 0; extra active from 15.5, in 44.5..74.5",
            "200, reset 59",
            "paid 20; paid 20",
            "",
        ),
    ],
    "one-off, and again": [
        Stage((buy("pro"), buy("once"))),
        Stage(
            (until(1), buy("once")),
            "pro active from 0, in 0..31; once bought 1, quantity 1; once bought 0, quantity 1",
            "pro active from 0, in 0..31; once active from 0, quantity 2",
            "300, reset 31",
            "paid 20; paid 10; paid 10",
            "activated once; new: once",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59; once bought 1, quantity 1; once bought 0, quantity 1",
            "pro active from 0, in 31..59; once active from 0, quantity 2",
            "300, reset 31",
            "paid 20; paid 10; paid 10; paid 20",
            "",
        ),
    ],
    "entity beside a subscription": [
        Stage((buy("pro"),)),
        Stage(
            (until(15.5), buy("pro", entity_id="e1")),
            "pro active from 0, in 0..31; pro@entity active from 15.5, in 0..31",
            "pro active from 0, quantity 2, in 0..31",
            "200, reset 31",
            "paid 20; paid 10",
            "activated pro; new: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59; pro@entity active from 15.5, in 31..59",
            "pro active from 0, quantity 2, in 31..59",
            "200, reset 59",
            "paid 20; paid 10; paid 40",
            "",
        ),
    ],
    "upgrade and downgrade of an entity": [
        Stage((buy("pro", entity_id="e1"),)),
        Stage(
            (until(15.5), buy("premium", entity_id="e1")),
            "premium@entity active from 15.5, in 0..31",
            "premium active from 15.5, in 0..31",
            "100, reset 31",
            "paid 20; paid 15",
            "activated premium; expired pro; cancel: pro; upgrade: premium",
        ),
        Stage(
            (buy("pro", entity_id="e1"),),
            "pro@entity scheduled from 31, in 0..31; premium@entity active from 15.5, canceled 15.5, ends 31, in 0..31",
            "premium active from 15.5, canceled 15.5, in 0..31; pro scheduled from 31, in 0..31",
            "100, reset 31",
            "paid 20; paid 15",
            "updated premium; scheduled pro; downgrade: premium",
        ),
        Stage(
            (until(31),),
            "pro@entity active from 31, in 31..59",
            "pro active from 31, in 31..59",
            "100, reset 59",
            "paid 20; paid 15; paid 20",
            "expired premium; activated pro; phase_changed; expired: premium; new: pro",
        ),
    ],
    "downgrade that is immediate": [
        Stage((buy("premium"),)),
        Stage(
            (until(15.5), buy("pro", plan_schedule="immediate")),
            "pro active from 15.5, in 0..31",
            "pro active from 15.5, in 0..31",
            "100, reset 31",
            "paid 50; paid -15",
            "activated pro; expired premium; cancel: premium; new: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 15.5, in 31..59",
            "pro active from 15.5, in 31..59",
            "100, reset 59",
            "paid 50; paid -15; paid 20",
            "",
        ),
    ],
    "upgrade at the end of the cycle": [
        Stage((buy("pro"),)),
        Stage(
            (until(15.5), buy("premium", plan_schedule="end_of_cycle")),
            "premium scheduled from 31, in 0..31; pro active from 0, canceled 15.5, ends 31, in 0..31",
            "pro active from 0, canceled 15.5, in 0..31; premium scheduled from 31, in 0..31",
            "100, reset 31",
            "paid 20",
            "updated pro; scheduled premium; downgrade: pro",
        ),
        Stage(
            (until(31),),
            "premium active from 31, in 31..59",
            "premium active from 31, in 31..59",
            "100, reset 59",
            "paid 20; paid 50",
            "expired pro; activated premium; phase_changed; expired: pro; new: premium",
        ),
    ],
    "from free at the end of the cycle": [
        Stage((buy("free"),)),
        Stage(
            (until(3), buy("pro", plan_schedule="end_of_cycle")),
            "pro scheduled from 31; free active from 0, canceled 3, ends 31",
            "free active from 0, canceled 3; pro scheduled from 31",
            "100, reset 31",
            "",
            "updated free; scheduled pro; downgrade: free",
        ),
        Stage(
            (until(31),),
            "pro active from 31, in 31..59",
            "pro active from 31, in 31..59",
            "100, reset 59",
            "paid 20",
            "expired free; activated pro; phase_changed; expired: free; new: pro",
        ),
    ],
    "start in the future": [
        Stage(
            (buy("pro"),),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; new: pro",
        ),
        Stage(
            (until(1), buy("premium", starts_at=20)),
            "premium scheduled from 20, in 0..31; pro active from 0, canceled 1, ends 20, in 0..31",
            "pro active from 0, canceled 1, in 0..31; premium scheduled from 20, in 0..31",
            "100, reset 31",
            "paid 20",
            "updated pro; scheduled premium; downgrade: pro",
        ),
        Stage(
            (until(20),),
            "premium active from 20, in 0..31",
            "premium active from 20, in 0..31",
            "100, reset 31",
            "paid 20; paid 10.64",
            "expired pro; activated premium; phase_changed; expired: pro; new: premium",
        ),
        Stage(
            (until(31),),
            "premium active from 20, in 31..59",
            "premium active from 20, in 31..59",
            "100, reset 59",
            "paid 20; paid 10.64; paid 50",
            "",
        ),
    ],
    "start in the future, no plan before": [
        Stage(
            (buy("pro", starts_at=20),), "pro scheduled from 20", "pro scheduled from 20", "none", "", "scheduled pro"
        ),
        Stage(
            (until(20),),
            "pro active from 20, in 20..48",
            "pro active from 20, in 20..48",
            "100, reset 48",
            "paid 20",
            "activated pro; phase_changed; new: pro",
        ),
        Stage(
            (until(48),),
            "pro active from 20, in 48..79",
            "pro active from 20, in 48..79",
            "100, reset 79",
            "paid 20; paid 20",
            "",
        ),
    ],
    "start in the future, no card": [
        Stage(
            (card(None), buy("pro", starts_at=20)),
            "pro scheduled from 20",
            "pro scheduled from 20",
            "none",
            "",
            "scheduled pro",
        ),
        Stage(
            (until(20),),
            "pro active from 20, in 20..48",
            "pro active from 20, in 20..48",
            "100, reset 48",
            "open 20",
            "activated pro; phase_changed; new: pro",
        ),
        Stage(
            (until(48),),
            "pro active from 20, in 48..79",
            "pro active from 20, in 48..79",
            "100, reset 79",
            "open 20; open 20",
            "",
        ),
    ],
    "start in the past": [
        Stage(
            (buy("pro", starts_at=-40),),
            "pro active from -40, in -9..22",
            "pro active from -40, in -9..22",
            "100, reset 22",
            "paid 40",
            "activated pro; new: pro",
        ),
        Stage(
            (until(22),),
            "pro active from -40, in 22..50",
            "pro active from -40, in 22..50",
            "100, reset 50",
            "paid 40; paid 20",
            "",
        ),
    ],
    "end": [
        Stage(
            (buy("pro", ends_at=20),),
            "pro active from 0, ends 20, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; new: pro",
        ),
        Stage((until(20),), "", "", "none", "paid 20", "expired pro; expired: pro"),
    ],
    "end in a later cycle": [
        Stage(
            (buy("pro", ends_at=40),),
            "pro active from 0, ends 40, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; new: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 0, ends 40, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 20; paid 20",
            "",
        ),
        Stage((until(40),), "", "", "none", "paid 20; paid 20", "expired pro; expired: pro"),
    ],
    # -- trials, and payments that fail
    "upgrade from a trial": [
        Stage((buy("trial"),)),
        Stage(
            (until(3), buy("premium")),
            "premium active from 3, in 3..34",
            "premium active from 3, in 3..34",
            "100, reset 34",
            "paid 0; paid 50",
            "activated premium; expired trial; cancel: trial; upgrade: premium",
        ),
        Stage(
            (until(34),),
            "premium active from 3, in 34..62",
            "premium active from 3, in 34..62",
            "100, reset 62",
            "paid 0; paid 50; paid 50",
            "",
        ),
    ],
    "downgrade of a trial": [
        Stage((buy("trial"),)),
        Stage(
            (buy("free"),),
            "trial active from 0, canceled 0, ends 7, trial 7, in 0..7; free scheduled from 7",
            "trial trialing from 0, canceled 0, in 0..7; free scheduled from 7",
            "100, reset 7",
            "paid 0",
            "updated trial; scheduled free; cancel: trial",
        ),
        Stage(
            (until(7),),
            "free active from 7",
            "free active from 7",
            "100, reset 38",
            "paid 0",
            "expired trial; activated free; trial_ended; expired: trial; new: free",
        ),
    ],
    "trial that reverts": [
        Stage((buy("pro"),)),
        Stage(
            (buy("revert"),),
            "revert active from 0, trial 7, in 0..7",
            "revert trialing from 0, in 0..7",
            "500, reset 7",
            "paid 20",
            "activated revert; expired pro; cancel: pro; upgrade: revert",
        ),
        Stage(
            (until(7),),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "expired revert; activated pro; trial_ended; expired: revert; new: pro",
        ),
    ],
    "trial that reverts, cancelled": [
        Stage((buy("pro"), buy("revert"))),
        Stage(
            (until(2), change("revert", **AT_ONCE)),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; expired revert; cancel: revert; new: pro",
        ),
    ],
    "trial of a free plan": [
        Stage((default, buy("gift"))),
        Stage(
            (until(7),),
            "default active from 7",
            "default active from 7",
            "5, reset 38",
            "",
            "expired gift; activated default; trial_ended; expired: gift; new: default",
        ),
    ],
    "downgrade whose first invoice is declined": [
        Stage((buy("premium"), buy("pro"), card("declines"))),
        Stage(
            (until(31),),
            "pro active from 31, past due, in 31..59",
            "pro past_due from 31, in 31..59",
            "100, reset 59",
            "paid 50; open 20",
            "expired premium; activated pro; phase_changed; expired: premium; new: pro",
        ),
    ],
    "page that is not paid": [Stage((card(None), buy("pro"))), Stage((until(1),), "", "", "none", "", "")],
    "page that is not paid, plan at once": [
        Stage((card(None), buy("pro", enable_plan_immediately=True))),
        Stage((until(1),), "", "", "none", "", "expired pro; cancel: pro"),
    ],
    # -- cancelling
    "cancelled": [
        Stage((buy("pro"), until(10), change("pro", **AT_END))),
        Stage((until(31),), "", "", "none", "paid 20", "expired pro; expired: pro"),
    ],
    "cancelled, default plan": [
        Stage((default, buy("pro"), until(10), change("pro", **AT_END))),
        Stage(
            (until(31),),
            "default active from 31",
            "default active from 31",
            "5, reset 59",
            "paid 20",
            "expired pro; activated default; expired: pro; new: default",
        ),
    ],
    "cancelled, default plan, uncancelled": [
        Stage((default, buy("pro"), change("pro", **AT_END))),
        Stage(
            (until(3), change("pro", **UNDO)),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "updated pro; renew: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 20; paid 20",
            "",
        ),
    ],
    "cancelled instead of a downgrade": [
        Stage((buy("premium"), buy("pro"), default)),
        Stage(
            (until(3), change("premium", **AT_END)),
            "premium active from 0, canceled 3, ends 31, in 0..31; default scheduled from 31",
            "premium active from 0, canceled 3, in 0..31; default scheduled from 31",
            "100, reset 31",
            "paid 50",
            "updated premium; scheduled default",
        ),
        Stage(
            (until(31),),
            "default active from 31",
            "default active from 31",
            "5, reset 59",
            "paid 50",
            "expired premium; activated default; expired: premium; new: default",
        ),
    ],
    "cancelled while an entity is on a paid plan": [
        Stage((default, buy("pro"), buy("pro", entity_id="e1"))),
        Stage(
            (change("pro", **AT_END),),
            "pro active from 0, canceled 0, ends 31, in 0..31; pro@entity active from 0, in 0..31",
            "pro active from 0, canceled 0, quantity 2, in 0..31",
            "200, reset 31",
            "paid 20; paid 20",
            "updated pro; cancel: pro",
        ),
        Stage(
            (until(31),),
            "pro@entity active from 0, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 20; paid 20; paid 20",
            "expired pro; expired: pro",
        ),
    ],
    "entity cancelled": [
        Stage((default, buy("pro"), buy("pro", entity_id="e1"))),
        Stage(
            (change("pro", entity_id="e1", **AT_END),),
            "pro active from 0, in 0..31; pro@entity active from 0, canceled 0, ends 31, in 0..31",
            "pro active from 0, quantity 2, in 0..31",
            "200, reset 31",
            "paid 20; paid 20",
            "updated pro; cancel: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 20; paid 20; paid 20",
            "expired pro; expired: pro",
        ),
    ],
    "cancelled trial": [
        Stage((buy("trial"),)),
        Stage(
            (until(2), change("trial", **AT_END)),
            "trial active from 0, canceled 2, ends 7, trial 7, in 0..7",
            "trial trialing from 0, canceled 2, in 0..7",
            "100, reset 7",
            "paid 0",
            "updated trial; cancel: trial",
        ),
        Stage((until(7),), "", "", "none", "paid 0", "expired trial; trial_ended; expired: trial"),
    ],
    "cancelled at once, trial": [
        Stage((buy("trial"),)),
        Stage((until(2), change("trial", **AT_ONCE)), "", "", "none", "paid 0", "expired trial; cancel: trial"),
    ],
    "cancelled at once": [
        Stage((buy("pro"),)),
        Stage((until(15.5), change("pro", **AT_ONCE)), "", "", "none", "paid 20; paid -10", "expired pro; cancel: pro"),
    ],
    "cancelled at once, default plan": [
        Stage((default, buy("pro"))),
        Stage(
            (until(15.5), change("pro", **AT_ONCE)),
            "default active from 15.5",
            "default active from 15.5",
            "5, reset 44.5",
            "paid 20; paid -10",
            "expired pro; activated default; cancel: pro; new: default",
        ),
    ],
    "cancelled at once, the default plan": [
        Stage((default, buy("default"))),
        Stage((change("default", **AT_ONCE),), "", "", "none", "", "expired default; cancel: default"),
    ],
    "cancelled at once, before a downgrade": [
        Stage((buy("premium"), buy("pro"))),
        Stage((change("premium", **AT_ONCE),), "", "", "none", "paid 50; paid -50", "expired premium; cancel: premium"),
        Stage((until(31),), "", "", "none", "paid 50; paid -50", ""),
    ],
    "cancelled at once, before an add-on": [
        Stage((buy("pro"), buy("extra", starts_at=20))),
        Stage((change("pro", **AT_ONCE),), "", "", "none", "paid 20; paid -20", "expired pro; cancel: pro"),
        Stage((until(20),), "", "", "none", "paid 20; paid -20", ""),
    ],
    "cancelled at once, refunded": [
        Stage((default, buy("pro"))),
        Stage(
            (change("pro", **AT_ONCE, refund_last_payment="full"),),
            "default active from 0",
            "default active from 0",
            "5, reset 31",
            "paid 20",
            "expired pro; activated default; cancel: pro; new: default",
        ),
    ],
    "cancelled again": [
        Stage((buy("pro"), change("pro", **AT_END))),
        Stage(
            (until(3), change("pro", **AT_END)),
            "pro active from 0, canceled 3, ends 31, in 0..31",
            "pro active from 0, canceled 3, in 0..31",
            "100, reset 31",
            "paid 20",
            "updated pro",
        ),
        Stage((change("pro", **AT_ONCE),), "", "", "none", "paid 20; paid -18.06", "expired pro; cancel: pro"),
    ],
    "one of two subscriptions": [
        Stage((buy("pro"), buy("other", new_billing_subscription=True))),
        Stage(
            (change("other", **AT_ONCE),),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20; paid 8; paid -8",
            "expired other; cancel: other",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 20; paid 8; paid -8; paid 20",
            "",
        ),
    ],
    "scheduled plan cancelled": [
        Stage((buy("premium"), buy("pro"))),
        Stage(
            (until(3), change("pro", **AT_END)),
            "premium active from 0, in 0..31",
            "premium active from 0, in 0..31",
            "100, reset 31",
            "paid 50",
            "updated premium; renew: premium",
        ),
        Stage(
            (until(31),),
            "premium active from 0, in 31..59",
            "premium active from 0, in 31..59",
            "100, reset 59",
            "paid 50; paid 50",
            "",
        ),
    ],
    "uncancelled with another price": [
        Stage((buy("pro"), change("pro", **AT_END))),
        Stage(
            (change("pro", **UNDO, customize={"price": {"amount": 35, **MONTH}}),),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20; paid 15",
            "updated pro; renew: pro",
        ),
        Stage(
            (until(31),),
            "pro active from 0, in 31..59",
            "pro active from 0, in 31..59",
            "100, reset 59",
            "paid 20; paid 15; paid 35",
            "",
        ),
    ],
    "renewed by an older client": [
        Stage((buy("premium"), buy("pro"))),
        Stage(
            (until(3), old_attach("premium")),
            "premium active from 0, in 0..31",
            "premium active from 0, in 0..31",
            "100, reset 31",
            "paid 50",
            "updated premium; renew: premium",
        ),
        Stage(
            (until(31),),
            "premium active from 0, in 31..59",
            "premium active from 0, in 31..59",
            "100, reset 59",
            "paid 50; paid 50",
            "",
        ),
    ],
    "past due, cancelled": [
        Stage((buy("pro"), card("declines"), until(31))),
        Stage(
            (change("pro", **AT_END),),
            "pro active from 0, past due, canceled 31, ends 59, in 31..59",
            "pro past_due from 0, canceled 31, in 31..59",
            "100, reset 59",
            "paid 20; open 20",
            "updated pro; cancel: pro",
        ),
        Stage((until(59),), "", "", "none", "paid 20; open 20", "expired pro; expired: pro"),
    ],
    "past due, cancelled at once": [
        Stage((buy("pro"), card("declines"), until(31))),
        Stage((change("pro", **AT_ONCE),), "", "", "none", "paid 20; open 20; paid -20", "expired pro; cancel: pro"),
    ],
    "past due, cancelled, invoices void": [
        Stage((voiding, default, buy("pro"), card("declines"), until(31))),
        Stage(
            (change("pro", **AT_END),),
            "default active from 31",
            "default active from 31",
            "5, reset 59",
            "paid 20; void 20",
            "expired pro; activated default; cancel: pro; new: default",
        ),
    ],
    # -- phases
    "phases": [
        Stage(
            (phases(("now", "pro"), (31, "annual"), (59, "free")),),
            "annual scheduled from 31, ends 59, in 0..31; pro active from 0, ends 31, in 0..31; free scheduled from 59",
            "pro active from 0, in 0..31; annual scheduled from 31, in 0..31; free scheduled from 59",
            "100, reset 31",
            "paid 20",
            "activated pro; scheduled annual; scheduled free; new: pro",
        ),
        Stage(
            (until(31),),
            "annual active from 31, ends 59, in 0..365; free scheduled from 59",
            "annual active from 31, in 0..365; free scheduled from 59",
            "100, reset 59",
            "paid 20",
            "expired pro; activated annual; phase_changed; expired: pro; new: annual",
        ),
        Stage(
            (until(59),),
            "free active from 59",
            "free active from 59",
            "100, reset 90",
            "paid 20",
            "expired annual; activated free; expired: annual; new: free",
        ),
    ],
    "phases after a plan": [
        Stage(
            (buy("pro"), until(5)),
            "pro active from 0, in 0..31",
            "pro active from 0, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; new: pro",
        ),
        Stage(
            (phases(("now", "premium"), (31, "pro")),),
            "pro scheduled from 31, in 0..31; premium active from 5, ends 31, in 0..31",
            "premium active from 5, in 0..31; pro scheduled from 31, in 0..31",
            "100, reset 31",
            "paid 20; paid 25.17",
            "activated premium; expired pro; scheduled pro; downgrade: pro; upgrade: premium",
        ),
        Stage(
            (until(31),),
            "pro active from 31, in 31..59",
            "pro active from 31, in 31..59",
            "100, reset 59",
            "paid 20; paid 25.17; paid 20",
            "expired premium; activated pro; phase_changed; expired: premium; new: pro",
        ),
    ],
    "phases of an entity": [
        Stage(
            (phases(("now", "pro"), (31, "premium"), entity_id="e1"),),
            "premium@entity scheduled from 31, in 0..31; pro@entity active from 0, ends 31, in 0..31",
            "pro active from 0, in 0..31; premium scheduled from 31, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; scheduled premium; new: pro",
        ),
        Stage(
            (until(31),),
            "premium@entity active from 31, in 31..59",
            "premium active from 31, in 31..59",
            "100, reset 59",
            "paid 20; paid 50",
            "expired pro; activated premium; phase_changed; expired: pro; new: premium",
        ),
    ],
    "phases that wait for a page": [
        Stage((card(None), phases(("now", "pro"), (31, "premium"))), "", "", "none", "", ""),
        Stage(
            (pay,),
            "premium scheduled from 31, in 0..31; pro active from 0, ends 31, in 0..31",
            "pro active from 0, in 0..31; premium scheduled from 31, in 0..31",
            "100, reset 31",
            "paid 20",
            "activated pro; scheduled premium; new: pro",
        ),
        Stage(
            (until(31),),
            "premium active from 31, in 31..59",
            "premium active from 31, in 31..59",
            "100, reset 59",
            "paid 20; paid 50",
            "expired pro; activated premium; phase_changed; expired: pro; new: premium",
        ),
    ],
}


@pytest.mark.parametrize("name", FLOWS)
def test_flow(name: str) -> None:
    world = Flows()
    for stage in FLOWS[name]:
        for step in stage.steps:
            step(world)
        invoices = "; ".join(f"{status} {total:g}" for status, total in world.invoices())
        webhooks = "; ".join(world.webhooks())
        if stage.seen is not None:
            assert (world.subscriptions(), world.older(), world.messages(), invoices, webhooks) == stage[1:]
