"""Exact figures where the laws allow more than one: each test kills changes of the ledger that no other test noticed.

Changes that survive ``.ci/run mutants`` are equivalent, of these kinds:

- ``sum(..., ZERO)`` without its start, and the default of a key that is always there: an integer 0 adds up alike
- ``>`` for ``>=`` (and ``is None`` for false) where both branches give the same amount: a part of zero, a limit that is
  reached exactly, a share of one
- the year 9999 and the calendar's last instant: periods beyond the last never end
- an ``entity`` left out of a cheap check that only decides whether the exact one runs
- one step more where steps are counted down until they fit
- texts of exceptions that mean a mistake of the program itself
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from autumn_mock.domain.balance import Balance, Rollover
from autumn_mock.domain.controls import BillingControls, OverageAllowed, UsageAlert
from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.lock import Mutation
from autumn_mock.domain.plan import Interval, Plan, Reset, RolloverConfig
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.alerts import snapshot, webhooks_for
from autumn_mock.ledger.deduction import SingleRow, summarise
from autumn_mock.ledger.intervals import (
    DAY,
    HOUR,
    WEEK,
    add_interval,
    first_reset,
    next_boundary,
    period_end,
    period_start,
    to_datetime,
    to_instant,
    window_start,
)
from autumn_mock.ledger.locks import settle
from autumn_mock.ledger.resets import cut_rollovers, maximum, refresh
from autumn_mock.ledger.views import allows, balance_view, flag_rows, overage_room
from tests.ledger.builders import (
    FLAG,
    MESSAGES,
    NOW,
    Number,
    account,
    balance,
    copy,
    dec,
    entity,
    hold,
    left_in,
    receipt,
    rollover,
    spend_limit,
    take,
    usage_limit,
)


def figures(*values: Decimal) -> list[float]:
    return [float(value) for value in values]


# -- intervals


@pytest.mark.parametrize(("interval", "length"), [("day", DAY), ("week", WEEK)])
@pytest.mark.parametrize("count", [1, 3])
def test_a_period_of_several_days_begins_where_the_one_before_ends(interval: Interval, length: int, count: int) -> None:
    end = period_end(interval, count, NOW, NOW + 10 * length)
    assert (end - NOW) % (count * length) == 0
    assert period_start(interval, count, NOW, end) == end - count * length


@pytest.mark.parametrize(("interval", "length"), [("day", DAY), ("week", WEEK)])
def test_a_window_of_a_day_or_a_week_begins_with_its_anchor(interval: str, length: int) -> None:
    anchor = NOW + 5 * HOUR + 7
    assert window_start(interval, anchor + 3 * length + 1, anchor) == anchor + 3 * length


@pytest.mark.parametrize(("interval", "length"), [("hour", HOUR), ("day", DAY), ("week", 7 * DAY)])
def test_add_interval_multiplies_by_the_count(interval: Interval, length: int) -> None:
    assert add_interval(NOW, interval, 3) == NOW + 3 * length


@pytest.mark.parametrize("interval", ["day", "month"])
def test_first_reset_and_next_boundary_step_by_the_count(interval: Interval) -> None:
    reset = Reset(interval=interval, interval_count=2)
    first = add_interval(NOW, interval, 2)
    assert first_reset(reset, NOW, NOW) == first
    assert next_boundary(reset, first, first) == add_interval(first, interval, 2)


def test_to_instant_is_a_whole_number() -> None:
    assert isinstance(to_instant(to_datetime(NOW)), int)


# -- resets


def new_id(prefix: str) -> str:
    return f"{prefix}_new"


def config(**fields: object) -> RolloverConfig:
    given = {"expiry_duration_type": "month", "expiry_duration_length": 1, **fields}
    return RolloverConfig(**given)  # type: ignore[arg-type]  # the values are of the right types


@pytest.mark.parametrize(("length", "months"), [(None, 1), (1, 1), (3, 3)])
def test_refresh_rolls_over_for_the_configured_months(length: int | None, months: int) -> None:
    due = NOW - 1
    row = balance(100, left=30, next_reset_at=due, rollover=config(expiry_duration_length=length))
    target = account(row)
    refresh(target, new_id)
    (kept,) = target.rows["row"].rollovers
    assert (kept.id, kept.expires_at) == ("roll_new", add_interval(due, "month", months))
    assert figures(kept.balance) == [30]


def test_refresh_removes_a_rollover_at_its_expiry() -> None:
    gone, kept = rollover(5, rollover_id="gone", expires_at=NOW), rollover(5, rollover_id="kept", expires_at=NOW + 1)
    target = account(balance(rollovers=[gone, kept]))
    refresh(target, new_id)
    assert [each.id for each in target.rows["row"].rollovers] == ["kept"]


def test_refresh_leaves_the_common_amount_of_a_row_per_entity_at_zero() -> None:
    row = balance(10, entity_feature_id="seats", shares={"e1": 3}, next_reset_at=NOW - 1)
    target = account(row, entities=(entity("e1"),))
    refresh(target, new_id)
    assert figures(target.rows["row"].balance, target.rows["row"].shares["e1"].balance) == [0, 10]


@pytest.mark.parametrize(("grant", "percentage", "limit"), [(150, 50, 75), (33, 50, 16), (200, 100, 200)])
def test_maximum_is_a_percentage_of_the_grant_rounded_down(grant: int, percentage: int, limit: int) -> None:
    assert maximum(balance(grant), config(max_percentage=Decimal(percentage))) == limit


def test_cut_rollovers_cuts_the_soonest_to_expire_first_and_those_without_end_last() -> None:
    forever, late, soon = (
        rollover(5, rollover_id="f"),
        rollover(5, rollover_id="l", expires_at=9),
        rollover(5, expires_at=1),
    )
    kept = cut_rollovers((forever, late, soon), Decimal(8))
    assert {each.id: float(each.balance) for each in kept} == {"l": 3, "f": 5}
    assert cut_rollovers((forever, late), Decimal(10)) == (forever, late)


def test_cut_rollovers_cuts_each_entity_on_its_own() -> None:
    def split(name: str, expires_at: int, **shares: int) -> Rollover:
        held = {entity_id: (Decimal(value), Decimal(2)) for entity_id, value in shares.items()}
        return Rollover(id=name, balance=Decimal(0), expires_at=expires_at, shares=held)

    kept = cut_rollovers((split("a", 1, e1=4, e2=1), split("b", 2, e1=4)), Decimal(5))
    left = {each.id: {name: float(left) for name, (left, _) in each.shares.items()} for each in kept}
    assert left == {"a": {"e1": 1, "e2": 1}, "b": {"e1": 4}}
    assert [each.id for each in cut_rollovers((split("a", 1, e1=4), split("b", 2, e1=4)), Decimal(4))] == ["b"]


# -- views


def test_balance_view_of_a_row_per_entity_adds_up_its_entities() -> None:
    row = balance(10, prepaid=2, entity_feature_id="seats", shares={"e1": 3, "e2": -4})
    target = account(row, entities=(entity("e1"), entity("e2")))
    view = balance_view(target, MESSAGES, None)
    assert view is not None
    (line,) = view.breakdown
    assert figures(line.included_grant, line.prepaid_grant, line.remaining, line.raw, line.usage) == [20, 4, 3, -1, 25]
    assert (line.feature, view.unlimited, view.next_reset_at) == (MESSAGES, False, NOW + DAY)


def test_balance_view_shows_rollovers_with_what_was_used_of_them() -> None:
    target = account(balance(10, rollovers=[rollover(3, used=2, expires_at=NOW + DAY)]))
    view = balance_view(target, MESSAGES, None)
    assert view is not None
    (kept,) = view.rollovers
    assert figures(kept.granted, kept.balance) == [5, 3]
    assert kept.expires_at == NOW + DAY
    assert figures(view.granted, view.remaining, view.usage, view.spendable) == [15, 13, 2, 13]


def test_balance_view_of_unlimited_shows_usage_alone() -> None:
    target = account(balance(unlimited=True))
    take(target, 7)
    view = balance_view(target, MESSAGES, None)
    assert view is not None
    assert (view.feature, view.unlimited, view.overage_allowed) == (MESSAGES, True, False)
    assert figures(view.granted, view.remaining, view.spendable, view.usage) == [0, 0, 0, 7]
    assert (view.max_purchase, view.next_reset_at, view.rollovers) == (None, None, ())
    (line,) = view.breakdown
    assert (line.row.id, line.feature) == ("row", MESSAGES)
    assert figures(line.included_grant, line.prepaid_grant, line.remaining, line.usage, line.raw) == [0, 0, 0, 7, -7]


def test_balance_view_of_unlimited_for_an_entity_is_its_own_usage() -> None:
    row = balance(unlimited=True, entity_feature_id="seats", shares={"e1": -3, "e2": -4})
    target = account(row, entities=(entity("e1"), entity("e2")))
    view = balance_view(target, MESSAGES, target.entities["e1"])
    assert view is not None
    assert view.usage == 3


def test_allows_exactly_what_is_left() -> None:
    target = account(balance(10))
    view = balance_view(target, MESSAGES, None)
    assert [allows(target, view, None, MESSAGES, Decimal(value)) for value in ("-1", "0", "10", "10.1")] == [
        True,
        True,
        True,
        False,
    ]
    assert not allows(target, None, None, MESSAGES, Decimal(-1))


@pytest.mark.parametrize(("required", "allowed"), [(15, True), ("15.1", False)])
def test_allows_exactly_what_may_still_be_bought(required: float | str, allowed: bool) -> None:
    target = account(balance(10, priced=True, max_purchase=5))
    assert allows(target, balance_view(target, MESSAGES, None), None, MESSAGES, Decimal(required)) is allowed


# -- deductions and locks


def test_summarise_names_feature_plan_and_reset_of_each_row() -> None:
    target = account(balance(5, row_id="a", plan="p", interval="day"), balance(5, row_id="b", plan=None, interval=None))
    first, second = summarise(target, take(target, 7))
    assert (first.balance_id, first.feature_id, first.plan_id) == ("a", "messages", "p")
    assert figures(first.value, second.value) == [5, 2]
    assert (first.reset, first.resets_at) == (Reset(interval="day"), NOW + DAY)
    assert (second.balance_id, second.plan_id, second.reset, second.resets_at) == ("b", None, None, None)


def test_summarise_shows_no_reset_of_an_allocated_feature() -> None:
    target = account(balance(5, feature_id="seats"))
    (only,) = summarise(target, take(target, 2, "seats"))
    assert (only.feature_id, only.reset) == ("seats", None)


@pytest.mark.parametrize(
    ("held", "final", "left"), [(8, 8, 2), (8, 3, 7), (8, 9, 1), (8, 0, 10), (8, -1, 11), (-1, -2, 12), (-2, 3, 7)]
)
def test_settle_brings_the_balance_to_the_final_value(held: int, final: int, left: int) -> None:
    target = account(balance(100, left=10))
    receipt = hold(target, held)
    settle(target, receipt, None, Decimal(final))
    assert left_in(target) == left


def test_settle_skips_a_row_that_was_deleted_and_refunds_its_part() -> None:
    before = account(balance(5, row_id="a", interval="day"), balance(10, row_id="b"))
    receipt = hold(before, 8)
    target = copy(before)
    del target.rows["a"]
    steps = settle(target, receipt, None, Decimal(0))
    assert left_in(target, "b") == 10
    assert {step.balance_id for step in steps} == {"b"}


def test_undo_gives_back_to_each_step_in_turn_and_refunds_what_has_no_row() -> None:
    """An empty step in between and two rows that are gone change nothing of it."""
    rows = (balance(3, row_id="a", interval="day"), balance(4, row_id="b", interval="week"), balance(20, row_id="c"))
    before = account(*rows)
    taken = list(hold(before, 10).mutations)
    nothing = Mutation(balance_id="c", rollover_id=None, entity_id=None, units=Decimal(0), native=Decimal(0))
    target = copy(before)
    del target.rows["a"], target.rows["b"]
    settle(target, receipt([*taken[:-1], nothing, *taken[-1:]]), None, Decimal(0))
    assert left_in(target, "c") == 20
    assert len(taken) == 3


def test_undo_gives_back_to_a_rollover_of_its_entity() -> None:
    held = Rollover(id="roll", balance=Decimal(0), expires_at=None, shares={"e1": (Decimal(5), Decimal(0))})
    row = balance(0, entity_feature_id="seats", shares={"e1": 0}, rollovers=[held])
    target = account(row, entities=(entity("e1"),))
    settle(target, hold(target, 3, who="e1"), target.entities["e1"], Decimal(1))
    (kept,) = target.rows["row"].rollovers
    assert figures(*kept.shares["e1"]) == [4, 1]


@pytest.mark.parametrize("value", [3, 3.0])
def test_plain_row_stores_what_was_taken(value: float) -> None:
    target = account(balance(5, left=1, row_id="used", plan="p"), balance(10, row_id="row", interval="year"))
    plain = SingleRow.find(target, MESSAGES)
    assert plain is not None
    first, second = plain.take(1), plain.take(value)
    assert first is not None
    assert second is None
    plain.store()
    assert (left_in(target, "used"), left_in(target, "row")) == (0, 10)
    (listed,) = first[1]
    assert (listed.balance_id, float(listed.value), float(first[0])) == ("used", 1, 1)


@pytest.mark.parametrize("rows", [[balance(unlimited=True)], [balance(5, rollovers=[rollover(1)])], []])
def test_plain_row_leaves_unlimited_rows_and_rollovers_to_deduct(rows: list[Balance]) -> None:
    assert SingleRow.find(account(*rows), MESSAGES) is None


def test_plain_row_is_the_first_with_something_left() -> None:
    target = account(balance(5, left=0, row_id="a", interval="day"), balance(5, left="0.5", row_id="b"))
    plain = SingleRow.find(target, MESSAGES)
    assert plain is not None
    taken = plain.take(0.5)
    assert taken is not None
    assert taken[1][0].balance_id == "b"


def test_summarise_skips_rows_that_are_gone_and_sums_of_zero() -> None:
    target = account(balance(10, row_id="b"))
    steps = [
        Mutation(balance_id=row_id, rollover_id=None, entity_id=None, units=Decimal(units), native=Decimal(units))
        for row_id, units in (("gone", 1), ("b", 2), ("c", 0), ("b", 1))
    ]
    assert [(each.balance_id, float(each.value)) for each in summarise(target, steps)] == [("b", 3)]
    assert (
        summarise(target, [*steps[1:2], msgspec.structs.replace(steps[1], units=Decimal(-2), native=Decimal(-2))]) == ()
    )


# -- what an entity has, and what its customer has

OVERAGE = OverageAllowed(feature_id="messages", enabled=True)


def owned(**of_entity: Any) -> Account:
    """An entity with 3 of its own, beside 10 of the customer that it cannot use."""
    own = balance(3, row_id="own", entity_id="e1", plan=None, interval=None)
    shared = balance(10, row_id="shared", plan=None, interval=None)
    return account(own, shared, entities=(entity("e1", controls=BillingControls(**of_entity)),), pooled=False)


def test_allows_counts_the_limits_of_the_entity() -> None:
    target = owned(usage_limits=(usage_limit(2),))
    view = balance_view(target, MESSAGES, target.entities["e1"])
    assert [allows(target, view, target.entities["e1"], MESSAGES, Decimal(value)) for value in (2, 3)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("controls", "room"),
    [
        ({}, 0),
        ({"overage_allowed": (OverageAllowed(feature_id="messages", enabled=True),)}, None),
        (
            {
                "overage_allowed": (OverageAllowed(feature_id="messages", enabled=True),),
                "spend_limits": (spend_limit(4),),
            },
            3,
        ),
    ],
)
def test_overage_room_follows_the_settings_of_the_entity(controls: dict[str, Any], room: int | None) -> None:
    target = owned(**controls)
    own, shared = target.rows["own"], target.rows["shared"]
    target.put(msgspec.structs.replace(own, balance=Decimal(-1)))
    target.put(msgspec.structs.replace(shared, balance=Decimal(-2)))
    view = balance_view(target, MESSAGES, target.entities["e1"])
    assert view is not None
    found = overage_room(target, view, target.entities["e1"])
    assert found == (Decimal("Infinity") if room is None else room)


def test_flag_row_of_an_entity_is_its_own() -> None:
    own = balance(0, row_id="own", feature_id="sso", entity_id="e1", plan=None, interval=None)
    target = account(own, entities=(entity("e1"),))
    assert flag_rows(target, None) == {}
    found = flag_rows(target, target.entities["e1"]).get(FLAG.id)
    assert found is not None
    assert found.id == "own"


# -- alerts


def webhooks(target: Account, value: Number, **how: Any) -> list[tuple[str, str | None, Any]]:
    """(type, entity, limit type or name of the alert) of what a deduction calls for."""
    before = snapshot(target)
    take(target, value, **how)
    who = target.entities[how["who"]] if "who" in how else None
    found = webhooks_for(before, target, who, how.get("properties"))
    return [
        (each.type, each.data.get("entity_id"), each.data.get("limit_type") or each.data["usage_alert"].get("name"))
        for each in found
    ]


def alert(name: str, threshold: Number, kind: Any = "usage", **more: Any) -> UsageAlert:
    fields: dict[str, Any] = {"feature_id": "messages", "enabled": True, **more}
    return UsageAlert(name=name, threshold=dec(threshold), threshold_type=kind, **fields)


TRIGGERED, REACHED = "balances.usage_alert_triggered", "balances.limit_reached"


def test_each_alert_is_decided_on_its_own() -> None:
    """One that is not reached, and one that was reached before, do not keep the next from being sent."""
    watching = BillingControls(usage_alerts=(alert("far", 9), alert("before", 1), alert("now", 4)))
    target = account(balance(10, left=8), controls=watching)
    assert webhooks(target, 3) == [(TRIGGERED, None, "now")]


def test_alert_of_an_entity_watches_its_own_balance() -> None:
    target = owned(
        usage_alerts=(alert("entity", 2), alert("off", 2, enabled=False), alert("other", 2, feature_id="words"))
    )
    assert webhooks(target, 2, who="e1") == [(TRIGGERED, "e1", "entity")]


@pytest.mark.parametrize(
    ("grant", "taken", "names"),
    [(0, 1, []), (1, "0.5", ["half"]), (10, 4, []), (10, 5, ["half"]), (200, 99, []), (200, "99.5", [])],
)
def test_percentages_are_of_the_grant(grant: int, taken: Number, names: list[str]) -> None:
    watching = BillingControls(usage_alerts=(alert("half", 50, "usage_percentage"),))
    target = account(balance(grant, priced=True), controls=watching)
    assert [name for kind, _, name in webhooks(target, taken) if kind == TRIGGERED] == names


def test_key_of_an_alert_names_whose_it_is_and_the_minute() -> None:
    plan = Plan(
        id="p", name="P", version=1, created_at=0, billing_controls=BillingControls(usage_alerts=(alert("a", 1),))
    )
    attached = CustomerPlan(id="p", customer="cus_1", plan=plan, created_at=0, started_at=0)
    target = account(balance(10), plans=[attached])
    before = snapshot(target)
    take(target, 1)
    (found,) = webhooks_for(before, target, None, None)
    assert found.key == f"customer:_:plan:messages:usage:1:{NOW // 60_000}"


def test_limit_of_an_entity_is_reached_by_its_own_balance() -> None:
    assert webhooks(owned(), 3, who="e1") == [(REACHED, "e1", "included")]
    assert webhooks(owned(usage_limits=(usage_limit(2),)), 2, who="e1") == [(REACHED, "e1", "usage_limit")]
    spending = owned(overage_allowed=(OVERAGE,), spend_limits=(spend_limit(1),))
    assert webhooks(spending, 4, who="e1", behaviour="overflow") == [(REACHED, "e1", "spend_limit")]


def test_filter_of_a_limit_is_named_when_that_limit_is_reached() -> None:
    limits = (
        usage_limit(2, filter_={"properties": {"region": "us"}}),
        usage_limit(3, filter_={"properties": {"region": "eu"}}),
        usage_limit(50),
    )
    target = account(balance(100), controls=BillingControls(usage_limits=limits))
    before = snapshot(target)
    take(target, 3, properties={"region": "eu"})
    (found,) = webhooks_for(before, target, None, {"region": "eu"})
    assert found.data["filter"] == {"properties": {"region": "eu"}}
