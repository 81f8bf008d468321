"""The worked examples of the rules: small accounts, a few uses, and the numbers that the real service was seen with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from autumn_mock.domain.balance import Balance
from autumn_mock.domain.controls import BillingControls, OverageAllowed
from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.domain.plan import RolloverConfig
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.deduction import Behaviour, InsufficientBalance, summarise
from autumn_mock.ledger.intervals import DAY, HOUR
from autumn_mock.ledger.locks import settle
from autumn_mock.ledger.resets import refresh
from autumn_mock.ledger.views import BalanceView, allows, balance_view
from tests.ledger.builders import (
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
    rollover,
    spend_limit,
    take,
    usage_limit,
)


def see(target: Account, feature_id: str = "messages", who: str | None = None) -> BalanceView:
    view = balance_view(target, target.features[feature_id], target.entities[who] if who else None)
    assert view is not None
    return view


def shown(target: Account, feature_id: str = "messages", who: str | None = None) -> tuple[Number, Number]:
    """(remaining, usage)."""
    view = see(target, feature_id, who)
    return view.remaining, view.usage


def granted(target: Account, feature_id: str = "messages") -> Number:
    return see(target, feature_id).granted


def rolled_over(target: Account, feature_id: str = "messages") -> Number:
    """What is left of the first rollover."""
    return see(target, feature_id).rollovers[0].balance


def allowed(target: Account, required: Number = 1, feature_id: str = "messages") -> bool:
    feature = target.features[feature_id]
    return allows(target, balance_view(target, feature, None), None, feature, dec(required))


#: One row of messages: (number of the example, its setting, uses (value, behaviour), remaining and usage after each).
ONE_ROW: list[tuple[str, dict[str, Any], list[tuple[Number, Behaviour]], list[tuple[Number, Number]]]] = [
    ("3 cap drops what does not fit", {"included": 5}, [(10, "cap")] * 5, [(0, 5)] * 5),
    ("5 overflow, then cap", {}, [(150, "overflow"), (10, "cap")], [(0, 150), (0, 150)]),
    ("6 overflow gives back past the grant", {}, [(30, "cap"), (-50, "overflow")], [(70, 30), (120, -20)]),
    ("8 refunds stop at the grant", {}, [(30, "cap"), (-10, "cap"), (-50, "cap")], [(70, 30), (80, 20), (100, 0)]),
    (
        "9 held things go below zero",
        {"included": 5, "feature_id": "seats", "interval": None},
        [(8, "cap"), (-2, "cap"), (-2, "cap")],
        [(0, 8), (0, 6), (1, 4)],
    ),
    (
        "9b all of it given back",
        {"included": 5, "feature_id": "seats", "interval": None},
        [(8, "cap"), (-20, "cap")],
        [(0, 8), (5, 0)],
    ),
    (
        "11 priced: as far as may be purchased",
        {"included": 5, "priced": True, "max_purchase": 5},
        [(7, "reject"), (3, "cap"), (1, "cap")],
        [(0, 7), (0, 10), (0, 10)],
    ),
    (
        "28 decimals",
        {},
        [("0.1", "cap"), ("0.2", "cap"), ("-0.3", "cap")],
        [("99.9", "0.1"), ("99.7", "0.3"), (100, 0)],
    ),
]


@pytest.mark.parametrize(("name", "setting", "uses", "after"), ONE_ROW, ids=[each[0] for each in ONE_ROW])
def test_one_row(
    name: str,
    setting: dict[str, Any],
    uses: Sequence[tuple[Number, Behaviour]],
    after: Sequence[tuple[Number, Number]],
) -> None:
    made = account(balance(**setting))
    feature_id = setting.get("feature_id", "messages")
    seen = []
    for value, behaviour in uses:
        take(made, value, feature_id, behaviour=behaviour)
        seen.append(shown(made, feature_id))
    assert seen == [(dec(remaining), dec(usage)) for remaining, usage in after], name


def test_4_a_drained_loose_row_is_hidden_except_from_old_versions() -> None:
    old = account(balance(20, plan=None), hides_drained=False)
    take(old, 50)
    assert shown(old) == (0, 20)
    new = account(balance(20, plan=None))
    take(new, 50)
    assert balance_view(new, MESSAGES, None) is None
    take(new, -5)
    assert left_in(new) == 0


def test_5_after_overflow_nothing_is_allowed() -> None:
    made = account(balance(100))
    take(made, 150, behaviour="overflow")
    assert not allowed(made)


def test_5b_overflow_passes_a_usage_limit_and_is_counted() -> None:
    made = account(balance(100), controls=BillingControls(usage_limits=(usage_limit(5),)))
    take(made, 3)
    take(made, 10, behaviour="overflow")
    assert take(made, 2) == []
    assert shown(made) == (87, 13)
    assert [window.counted for window in made.windows.values()] == [13]
    assert not allowed(made)


def test_7_a_spend_limit_binds_overflow_too() -> None:
    made = account(
        balance(1000, row_id="once", interval="one_off", plan="once"),
        balance(100, row_id="monthly", priced=True, max_purchase=300),
        controls=BillingControls(spend_limits=(spend_limit(25),)),
    )
    take(made, 1120)
    assert (granted(made), *shown(made)) == (1100, 0, 1120)
    take(made, 10, behaviour="overflow")
    assert shown(made) == (0, 1125)
    assert take(made, 1, behaviour="overflow") == []


def test_9b_an_edited_grant_is_the_new_ceiling() -> None:
    made = account(balance(5, feature_id="seats", interval=None, adjustment=5, left=10))
    take(made, 5, "seats")
    take(made, -100, "seats")
    assert see(made, "seats").granted == 10
    assert shown(made, "seats") == (10, 0)


def test_10_refunds_pay_debts_first_then_fill_rows_in_order() -> None:
    made = account(
        balance(100, row_id="monthly"),
        balance(50, row_id="once", interval="one_off", plan="once"),
        balance(0, row_id="paid", priced=True, plan="paid"),
    )
    seen = []
    for value in (180, -20, -20, -50):
        take(made, value)
        seen.append((*shown(made), left_in(made, "paid"), left_in(made, "monthly")))
    assert seen == [(0, 180, -30, 0), (0, 160, -10, 0), (10, 140, 0, 10), (60, 90, 0, 60)]


def test_11b_reject_counts_what_may_be_purchased() -> None:
    made = account(balance(5, priced=True, max_purchase=5))
    outcomes = []
    for _ in range(5):
        try:
            take(made, 3, behaviour="reject")
        except InsufficientBalance:
            outcomes.append(False)
        else:
            outcomes.append(True)
    assert outcomes == [True, True, True, False, False]
    assert left_in(made) == -4
    assert shown(made)[1] == 9


def test_12_included_amounts_of_all_rows_before_any_overage() -> None:
    made = account(
        balance(500, row_id="paid", priced=True), balance(200, row_id="once", interval="one_off", plan="once")
    )
    seen = []
    for value in (100, 500, 200):
        take(made, value)
        seen.append((shown(made)[0], left_in(made, "paid"), left_in(made, "once")))
    assert seen == [(600, 400, 200), (100, 0, 100), (0, -100, 0)]


def test_13_own_rows_before_credits() -> None:
    made = account(
        balance(100, row_id="own", feature_id="action1"), balance(200, row_id="credits", feature_id="credits")
    )
    seen = []
    for value in ("40.5", "80", "50.75"):
        take(made, value, "action1")
        seen.append((left_in(made, "own"), left_in(made, "credits")))
    assert seen == [(dec("59.5"), 200), (0, dec("195.9")), (0, dec("185.75"))]


def test_14_each_feature_has_its_cost_in_credits() -> None:
    made = account(balance(200, feature_id="credits"))
    take(made, "50.25", "action1")
    assert left_in(made) == dec("189.95")
    take(made, "33.67", "action2")
    assert left_in(made) == dec("169.748")


def test_17_unlimited_counts_below_zero() -> None:
    made = account(balance(0, unlimited=True, plan=None))
    take(made, 5)
    take(made, 3)
    assert left_in(made) == -8
    assert shown(made) == (0, 8)


def test_18_unlimited_credits_go_before_own_rows() -> None:
    made = account(
        balance(100, row_id="own", feature_id="action1"),
        balance(0, row_id="credits", feature_id="credits", unlimited=True),
    )
    take(made, 5, "action1")
    assert (left_in(made, "own"), left_in(made, "credits")) == (100, -1)


def split(included: Number, *names: str, **more: Any) -> Balance:
    return balance(included, entity_feature_id="seats", shares=dict.fromkeys(names, included), **more)


def test_19_shares_by_entity_and_lowest_id_first_without_one() -> None:
    names = ("u1", "u2", "u3")
    made = account(split(100, *names), entities=[entity(name) for name in names])
    for name in names:
        take(made, 10, who=name)
    assert [shown(made, who=name) for name in names] == [(90, 10)] * 3
    assert shown(made)[0] == 270
    take(made, 10)
    assert shown(made)[0] == 260
    assert left_in(made, share="u1") == 80


def test_20_customer_rows_first_without_an_entity_shares_first_with_one() -> None:
    names = ("u1", "u2", "u3")
    made = account(
        balance(100, row_id="whole"), split(50, *names, row_id="split"), entities=[entity(name) for name in names]
    )
    take(made, 50)
    assert shown(made)[0] == 200
    take(made, 60)
    assert shown(made)[0] == 140
    for name in names:
        take(made, 10, who=name)
    assert [left_in(made, "split", name) for name in names] == [30, 40, 40]


def test_21_the_customer_sees_what_entities_own_and_cannot_spend_it() -> None:
    rows = [balance(100, row_id=f"of_{name}", entity_id=name) for name in ("u1", "u2", "u3")]
    made = account(balance(50, row_id="own"), *rows, entities=[entity(name) for name in ("u1", "u2", "u3")])
    assert shown(made) == (350, 0)
    take(made, 80)
    assert shown(made) == (300, 50)
    assert left_in(made, "own") == 0
    assert [row.row.id for row in see(made).breakdown] == ["own"]


def test_an_entity_spends_its_own_rows_then_the_customers() -> None:
    made = account(balance(10, row_id="whole"), balance(5, row_id="own", entity_id="e1"), entities=[entity("e1")])
    take(made, 8, who="e1")
    assert (left_in(made, "own"), left_in(made, "whole")) == (0, 7)
    apart = account(
        balance(10, row_id="whole"), balance(5, row_id="own", entity_id="e1"), entities=[entity("e1")], pooled=False
    )
    take(apart, 8, who="e1")
    assert (left_in(apart, "own"), left_in(apart, "whole")) == (0, 10)


def test_22_rows_that_will_be_reset_first() -> None:
    made = account(balance(200, row_id="once", interval="one_off"), balance(500, row_id="monthly", plan="other"))
    take(made, 600)
    assert (left_in(made, "monthly"), left_in(made, "once")) == (0, 100)


def test_22_an_organisation_can_reverse_that() -> None:
    made = account(
        balance(500, row_id="monthly"),
        balance(50, row_id="daily", interval="day"),
        balance(200, row_id="once", interval="one_off"),
        config=OrganisationConfig(reverse_deduction_order=True),
    )
    take(made, 210)
    assert [left_in(made, each) for each in ("once", "monthly", "daily")] == [0, 490, 50]
    assert [line.row.id for line in see(made).breakdown] == ["daily", "monthly", "once"]


def test_23_sooner_expiry_first() -> None:
    made = account(
        balance(100, row_id="late", plan=None, interval="one_off", expires_at=NOW + 365 * DAY),
        balance(100, row_id="soon", plan=None, interval="one_off", expires_at=NOW + 30 * DAY, created_at=1),
    )
    take(made, 60)
    assert (left_in(made, "soon"), left_in(made, "late")) == (40, 100)


def test_24_older_first_when_nothing_else_decides() -> None:
    made = account(
        balance(50, row_id="loose", plan=None, interval="one_off", created_at=1),
        balance(10, row_id="plan", interval="one_off"),
    )
    take(made, 15)
    assert (left_in(made, "plan"), left_in(made, "loose")) == (0, 45)


def test_an_expired_row_is_gone_at_once() -> None:
    made = account(balance(5, plan=None, interval="one_off", expires_at=NOW), balance(7, row_id="other"))
    assert shown(made) == (7, 0)
    take(made, 9)
    take(made, -20)
    assert (left_in(made), left_in(made, "other")) == (5, 7)


FOREVER = RolloverConfig(max=Decimal(500), expiry_duration_type="forever")


def reset(target: Account, days: int = 40) -> Account:
    later = copy(target, now=target.now + days * DAY)
    refresh(later, new_id)
    return later


def test_25_what_is_left_rolls_over() -> None:
    made = account(balance(400, rollover=FOREVER))
    take(made, 250)
    later = reset(made)
    assert shown(later) == (550, 0)
    assert [each.balance for each in see(later).rollovers] == [150]


def test_25b_shares_roll_over_each_for_itself() -> None:
    made = account(split(400, "u1", "u2", rollover=FOREVER), entities=[entity("u1"), entity("u2")])
    take(made, 100, who="u1")
    take(made, 200, who="u2")

    def kept(target: Account, who: str) -> list[Number]:
        return [each.balance for each in see(target, who=who).rollovers]

    once = reset(made)
    assert (kept(once, "u1"), kept(once, "u2")) == ([300], [200])
    twice = reset(once)
    assert (kept(twice, "u1"), kept(twice, "u2")) == ([100, 400], [100, 400])
    for who in ("u1", "u2"):
        take(twice, 150, who=who)
        assert kept(twice, who) == [0, 350]
        take(twice, 400, who=who)
        assert kept(twice, who) == [0, 0]
        assert left_in(twice, share=who) == 350


def test_26_a_rollover_is_cut_to_its_maximum() -> None:
    made = account(balance(300, rollover=replace(FOREVER, max=Decimal(100))))
    take(made, 50)
    assert shown(reset(made)) == (400, 0)


def test_26b_credits_roll_over_in_credits() -> None:
    made = reset(account(balance(500, feature_id="credits", rollover=replace(FOREVER, max=Decimal(300)))))
    seen = []
    for value, feature_id in ((100, "action1"), (400, "action2"), (500, "action1")):
        take(made, value, feature_id)
        seen.append((rolled_over(made, "credits"), left_in(made), shown(made, "credits")[0]))
    assert seen == [(280, 500, 780), (40, 500, 540), (0, 440, 440)]


def test_26c_rollovers_are_spent_first_and_never_refunded() -> None:
    made = reset(account(balance(500, rollover=replace(FOREVER, max=Decimal(200)))))
    take(made, 50)
    assert (rolled_over(made), shown(made)[0]) == (150, 650)
    take(made, 200)
    assert (rolled_over(made), left_in(made)) == (0, 450)
    take(made, -100)
    assert (rolled_over(made), left_in(made)) == (0, 500)


def test_rollovers_of_all_rows_are_spent_before_any_row_the_soonest_to_expire_first() -> None:
    made = account(
        balance(10, row_id="daily", interval="day"),
        balance(10, row_id="a", plan="a", rollovers=[rollover(5, rollover_id="late", expires_at=NOW + 9 * DAY)]),
        balance(10, row_id="b", plan="b", rollovers=[rollover(5, rollover_id="soon", expires_at=NOW + DAY)]),
        balance(10, row_id="c", plan="c", rollovers=[rollover(5, rollover_id="never")]),
    )
    steps = take(made, 16)
    assert [step.rollover_id or step.balance_id for step in steps] == ["soon", "late", "never", "daily"]
    assert [step.native for step in steps] == [5, 5, 5, 1]
    assert [each.balance_id for each in summarise(made, steps)] == ["soon", "late", "never", "daily"]


def allowing(enabled: bool = True) -> BillingControls:
    return BillingControls(overage_allowed=(OverageAllowed(feature_id="messages", enabled=enabled),))


@pytest.mark.parametrize(
    ("controls", "priced", "usage"),
    [
        (allowing(), {}, 200),
        (replace(allowing(), spend_limits=(spend_limit(25),)), {}, 125),
        (allowing(), {"priced": True, "max_purchase": 50}, 150),
        (allowing(enabled=False), {"priced": True}, 100),
    ],
    ids=["uncapped", "spend limit", "purchase limit", "switched off"],
)
def test_29_leave_to_overdraw(controls: BillingControls, priced: dict[str, Any], usage: int) -> None:
    made = account(balance(100, **priced), controls=controls)
    take(made, 200)
    assert shown(made) == (0, usage)


def test_29_taking_leave_away_leaves_the_debt() -> None:
    made = account(balance(100), controls=allowing())
    take(made, 130)
    made.customer = replace(made.customer, billing_controls=allowing(enabled=False))
    assert take(made, 1) == []
    assert shown(made) == (0, 130)


def test_30_prepaid_then_priced() -> None:
    made = account(
        balance(0, row_id="first", prepaid=5000),
        balance(0, row_id="second", prepaid=5000, created_at=1),
        balance(0, row_id="paid", priced=True),
    )
    for value in (1000, 5000, 5000):
        take(made, value)
    view = see(made)
    assert [view.granted, view.usage, view.remaining] == [10_000, 11_000, 0]
    assert left_in(made, "paid") == -1000


def test_31_a_usage_limit_binds_credits_by_the_feature_it_is_on() -> None:
    made = account(
        balance(100, feature_id="credits"),
        controls=BillingControls(usage_limits=(usage_limit(5, feature_id="action1"),)),
    )
    take(made, 5, "action1")
    assert take(made, 1, "action1") == []
    assert left_in(made) == 99


def test_a_usage_limit_on_credits_counts_credits() -> None:
    made = account(
        balance(1, row_id="own", feature_id="action1"),
        balance(100, row_id="credits", feature_id="credits"),
        controls=BillingControls(usage_limits=(usage_limit(1, feature_id="credits"),)),
    )
    take(made, 20, "action1")
    assert (left_in(made, "own"), left_in(made, "credits")) == (0, 99)


def test_32_what_a_usage_limit_stops_is_dropped() -> None:
    made = account(balance(100), controls=BillingControls(usage_limits=(usage_limit(5),)))
    take(made, 10)
    assert shown(made) == (95, 5)
    with pytest.raises(InsufficientBalance):
        take(made, 1, behaviour="reject")


def test_a_usage_limit_counts_a_day_and_only_what_its_filter_fits() -> None:
    limit = usage_limit(6, filter_={"properties": {"model": "large"}})
    made = account(balance(14, interval="one_off"), controls=BillingControls(usage_limits=(limit,)))
    take(made, 7, properties={"model": "large"})
    assert left_in(made) == 8
    take(made, 1, properties={"model": "small"})
    assert left_in(made) == 7
    assert take(made, 1, properties={"model": "large"}) == []
    tomorrow = copy(made, now=NOW + DAY)
    take(tomorrow, 1, properties={"model": "large"})
    assert left_in(tomorrow) == 6


def test_a_usage_limit_gates_rollovers() -> None:
    made = account(balance(10, rollovers=[rollover(10)]), controls=BillingControls(usage_limits=(usage_limit(4),)))
    take(made, 9)
    assert (rolled_over(made), left_in(made)) == (6, 10)


def test_the_entitys_own_limit_decides() -> None:
    own = entity("e1", controls=BillingControls(usage_limits=(usage_limit(2),)))
    made = account(balance(20), entities=[own, entity("e2")], controls=BillingControls(usage_limits=(usage_limit(9),)))
    take(made, 5, who="e1")
    take(made, 5, who="e2")
    assert left_in(made) == 13


def test_reject_gives_held_things_no_free_overage() -> None:
    made = account(balance(5, feature_id="seats", interval=None))
    with pytest.raises(InsufficientBalance):
        take(made, 6, "seats", behaviour="reject")


def test_no_row_takes_nothing_even_with_reject() -> None:
    made = account(balance(5, feature_id="action1"))
    assert take(made, 9, behaviour="reject") == []


def test_overflow_debt_lands_on_the_first_row() -> None:
    made = account(balance(10, row_id="a", interval="day"), balance(10, row_id="b"))
    take(made, 25, behaviour="overflow")
    assert (left_in(made, "a"), left_in(made, "b")) == (-5, 0)


def test_a_boolean_feature_is_not_spent() -> None:
    made = account(balance(0, feature_id="sso", interval=None))
    assert take(made, 3, "sso") == []


# -- locks


def fifteen() -> Account:
    """5 an hour and 10 a month."""
    return account(balance(5, row_id="hourly", interval="hour"), balance(10, row_id="monthly", plan="monthly"))


@pytest.mark.parametrize(
    ("before", "held", "final", "remaining"),
    [
        (0, 8, 0, 15),
        (0, 8, 5, 10),
        (0, 8, 11, 4),
        (0, 8, 8, 7),
        (10, -5, -8, 13),
        (0, 5, -2, 15),
        (0, 8, 99, 0),
        (0, 0, 4, 11),
    ],
    ids=[
        "L1 release",
        "L2 less",
        "L3 more",
        "L4 as held",
        "L5 refund",
        "L6 other sign",
        "more than fits",
        "of nothing",
    ],
)
def test_a_lock_ends_at_its_final_value(before: int, held: int, final: int, remaining: int) -> None:
    made = fifteen()
    take(made, before)
    settle(made, hold(made, held), None, Decimal(final))
    assert shown(made)[0] == remaining


def test_undoing_gives_back_the_last_step_first() -> None:
    made = fifteen()
    settle(made, hold(made, 8), None, Decimal(6))
    assert (left_in(made, "hourly"), left_in(made, "monthly")) == (0, 9)


@pytest.mark.parametrize(("final", "own", "credits"), [(12, 0, "198.6"), (3, 2, "200"), (8, 0, "199.4")])
def test_l7_a_lock_over_credits(final: int, own: int, credits: str) -> None:
    made = account(
        balance(100, row_id="own", feature_id="action1", left=5),
        balance(200, row_id="credits", feature_id="credits"),
    )
    settle(made, hold(made, 8, "action1"), None, Decimal(final))
    assert (left_in(made, "own"), left_in(made, "credits")) == (own, dec(credits))


def test_l8_undoing_refills_rollovers() -> None:
    old = [rollover(100, rollover_id="r1", expires_at=NOW + DAY), rollover(100, rollover_id="r2")]
    made = account(balance(100, rollovers=old))
    settle(made, hold(made, 250), None, Decimal(80))
    assert shown(made)[0] == 220
    assert [each.balance for each in made.rows["row"].rollovers] == [20, 100]
    assert [each.usage for each in made.rows["row"].rollovers] == [80, 0]


def test_l9_a_lock_confirmed_with_more() -> None:
    made = account(balance(100, rollovers=[rollover(100)]))
    lock = hold(made, 30)
    assert rolled_over(made) == 70
    settle(made, lock, None, Decimal(150))
    assert (rolled_over(made), left_in(made)) == (0, 50)


def test_l10_what_a_vanished_row_held_goes_to_the_rows_there_are() -> None:
    made = account(balance(100, row_id="old"))
    lock = hold(made, 10)
    later = account(balance(100, row_id="new", left=60))
    settle(later, lock, None, Decimal(0))
    assert left_in(later, "new") == 70


def test_a_lock_taken_before_a_reset_is_given_back_on_top() -> None:
    made = account(balance(10, left=6, next_reset_at=NOW + HOUR))
    lock = hold(made, 4)
    later = reset(made, days=1)
    settle(later, lock, None, Decimal(0))
    assert shown(later) == (14, -4)


def test_a_lock_confirmed_with_more_after_a_reset_takes_the_difference_from_the_new_period() -> None:
    made = account(balance(10, next_reset_at=NOW + HOUR))
    lock = hold(made, 4)
    later = reset(made, days=1)
    settle(later, lock, None, Decimal(6))
    assert left_in(later) == 8
