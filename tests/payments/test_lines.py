"""The lines of invoices: the worked examples of each kind of change, their texts, and laws."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autumn_mock.domain.amount import money
from autumn_mock.domain.balance import Balance, EntityShare
from autumn_mock.domain.payment import InvoiceLine
from autumn_mock.domain.plan import Plan, PlanItem, Proration, Reset
from autumn_mock.payments.cycles import Terms
from autumn_mock.payments.lines import (
    Billed,
    cancelling,
    ending,
    overage_of,
    renewing,
    requantified,
    starting,
    switching,
    total_of,
)
from tests.payments.build import APRIL, DAY, FEATURES, HALFWAY, MAY, base, billed, item, plan, terms, total
from tests.support.effort import examples

PRO = plan("pro", base(20))
PREMIUM = plan("premium", base(50))
ANNUAL = plan("annual", base(200, "year"))


def packs(amount: int = 10, units: int = 100, **attributes: Any) -> PlanItem:
    return item("messages", amount, units=units, **attributes)


ONCE = plan("once", base(10, "one_off"), packs(interval="one_off"))
ONCE_INCLUDING = plan("once", base(10, "one_off"), packs(interval="one_off", included=100))
USED = plan(
    "pro",
    base(20),
    item("messages", 0.1, billed="usage_based", included=100),
    item("words", 0.05, billed="usage_based"),
)


@pytest.mark.parametrize(
    ("new", "due"),
    [
        (billed(PRO), 20),
        (billed(ANNUAL), 200),
        (billed(ONCE, {"messages": 100}), 20),
        (billed(ONCE, {"messages": 500}), 60),
        (billed(ONCE_INCLUDING, {"messages": 200}), 30),
        (billed(plan("pro", base(20), packs()), {"messages": 300}), 50),
        (billed(plan("pro", base(20), packs())), 20),
        (billed(USED, overage={"messages": 50}), 20),
        (billed(plan("free")), 0),
    ],
)
def test_starting_costs_all_advance_prices_in_full(new: Billed, due: float) -> None:
    assert total(starting(new, terms(), FEATURES)) == due
    assert total(starting(new, terms(HALFWAY, HALFWAY), FEATURES)) == due


def test_starting_a_trial_charges_only_what_is_bought_once() -> None:
    new = plan("pro", base(20), item("words", 3, interval="one_off"))
    trial = terms(APRIL, APRIL + 14 * DAY, trial_ends_at=APRIL + 14 * DAY)
    assert total(starting(billed(new, {"words": 2}), trial, FEATURES)) == 6
    assert starting(billed(PRO), trial, FEATURES) == ()


def test_starting_in_the_past_charges_the_cycles_that_have_begun() -> None:
    of = plan("p", base(100, "year"), packs())
    lines = starting(billed(of, {"messages": 100}), terms(MAY + DAY, APRIL, created_at=APRIL), FEATURES)
    assert [float(line.total) for line in lines] == [100, 20]


def test_starting_with_a_later_anchor_charges_the_stub_at_the_anchor() -> None:
    new = terms(HALFWAY, MAY, created_at=HALFWAY)
    assert starting(billed(PRO), new, FEATURES) == ()
    at_anchor = terms(MAY, MAY, created_at=HALFWAY, billed_until=HALFWAY)
    assert [float(line.total) for line in renewing([billed(PRO)], at_anchor, FEATURES)] == [10, 20]


def test_an_earlier_anchor_credits_what_was_billed_beyond_it() -> None:
    at_anchor = terms(HALFWAY, HALFWAY, created_at=APRIL, billed_until=MAY)
    lines = renewing([billed(PRO)], at_anchor, FEATURES)
    assert lines[0].description.startswith("Unused Pro - Base Price")
    assert float(lines[0].total) == pytest.approx(-20 * 15 / 31, abs=0.01)


@pytest.mark.parametrize(("now", "due"), [(APRIL, 20), (HALFWAY, 10), (MAY - DAY, 0.67)])
def test_joining_costs_the_rest_of_the_cycle(now: int, due: float) -> None:
    assert total(switching((), billed(PRO), terms(now), FEATURES)) == due


def prepaid(amount: int, each: int, units: int, bought: int) -> Billed:
    return billed(plan("p", base(amount), packs(each, units)), {"messages": bought})


@pytest.mark.parametrize(
    ("old", "new", "now", "due"),
    [
        (billed(PRO), billed(PREMIUM), APRIL, 30),
        (billed(PRO), billed(PREMIUM), HALFWAY, 15),
        (billed(USED, overage={"messages": 50, "words": 100}), billed(PREMIUM), APRIL, 40),
        (billed(USED, overage={"messages": 50}), billed(PREMIUM), HALFWAY, 20),
        (billed(PRO), billed(ANNUAL), APRIL, 180),
        (billed(PRO), billed(ANNUAL), HALFWAY, 181.78),  # 200 * 350/365 - 10
        (prepaid(20, 10, 100, 200), prepaid(50, 10, 100, 500), APRIL, 60),
        (prepaid(20, 10, 100, 500), prepaid(50, 10, 100, 200), APRIL, 0),
        (prepaid(20, 10, 100, 200), prepaid(50, 10, 50, 200), APRIL, 50),
        (billed(ANNUAL), billed(PREMIUM), APRIL, -150),
        (billed(PREMIUM), billed(PRO), APRIL, -30),
        (billed(PREMIUM), billed(plan("free")), APRIL, -50),
        (billed(plan("p", base(30))), billed(PREMIUM), HALFWAY, 10),
        (billed(ONCE, {"messages": 500}), billed(PRO), APRIL, 20),
    ],
)
def test_switching_costs_the_prorated_difference(old: Billed, new: Billed, now: int, due: float) -> None:
    assert total(switching([old], new, terms(now), FEATURES)) == due


def test_switching_with_a_new_anchor_credits_by_the_old_cycle() -> None:
    lines = switching([billed(PRO)], billed(PREMIUM), terms(HALFWAY, HALFWAY), FEATURES, before=terms(HALFWAY))
    assert [float(line.total) for line in lines] == [-10, 50]


def test_switching_from_or_to_a_trial() -> None:
    trial = terms(APRIL, APRIL + 14 * DAY, trial_ends_at=APRIL + 14 * DAY)
    assert total(switching([billed(PRO)], billed(PREMIUM), terms(), FEATURES, before=trial)) == 50
    assert total(switching([billed(PRO)], billed(PREMIUM), trial, FEATURES, before=terms())) == -20


def test_switching_leaves_no_lines_for_a_price_that_goes_on() -> None:
    again = plan("pro", PRO.price, packs())
    assert switching([billed(PRO)], billed(again), terms(HALFWAY), FEATURES) == ()


def test_switching_names_lines_and_periods() -> None:
    old = billed(
        plan("pro", base(20), packs(), item("words", 0.05, billed="usage_based")), {"messages": 1500}, {"words": 1}
    )
    lines = switching([old], billed(PREMIUM), terms(HALFWAY), FEATURES)
    assert [(line.display_name, line.description, float(line.total)) for line in lines] == [
        ("Pro", "Unused Pro - Base Price (from 16 Apr 2026 to 01 May 2026)", -10),
        ("Messages", "Unused Pro - 1,500 Messages (from 16 Apr 2026 to 01 May 2026)", -75),
        ("Premium", "Premium - Base Price (from 16 Apr 2026 to 01 May 2026)", 25),
        ("Words", "Pro - 1 word (from 01 Apr 2026 to 16 Apr 2026)", 0.05),
    ]
    assert [(line.plan_id, line.feature_id, int(line.quantity)) for line in lines] == [
        ("pro", None, 1),
        ("pro", "messages", 1500),
        ("premium", None, 1),
        ("pro", "words", 1),
    ]
    assert [(line.period_start, line.period_end) for line in lines[2:]] == [(HALFWAY, MAY), (APRIL, HALFWAY)]


def test_lines_name_the_entity_and_no_period_for_what_is_bought_once() -> None:
    new = Billed(ONCE, entity_id="e1", entity_name="Seat 4")
    (line,) = starting(new, terms(), FEATURES)
    assert line.description == "Once - Base Price (Seat 4)"
    assert (line.entity_id, line.period_start, line.period_end) == ("e1", None, None)


def boxes(on_increase: Any = "prorate_immediately", on_decrease: Any = "prorate_immediately") -> Plan:
    proration = Proration(on_increase=on_increase, on_decrease=on_decrease)
    return plan("pro", base(20), item("messages", 8, units=12, proration=proration))


@pytest.mark.parametrize(
    ("proration", "packs_before", "packs_after", "at", "now", "later"),
    [
        (("prorate_immediately", "prorate_immediately"), 10, 20, APRIL, 80, 0),
        (("prorate_immediately", "prorate_immediately"), 20, 5, APRIL, -120, 0),
        (("prorate_immediately", "prorate_immediately"), 10, 10, APRIL, 0, 0),
        (("prorate_immediately", "prorate_immediately"), 10, 20, HALFWAY, 40, 0),
        (("bill_immediately", "prorate"), 10, 20, HALFWAY, 80, 0),
        (("prorate_next_cycle", "prorate"), 10, 20, HALFWAY, 0, 40),
        (("bill_next_cycle", "prorate"), 10, 20, HALFWAY, 0, 0),
        (("bill_next_cycle", "prorate"), 20, 10, HALFWAY, -40, 0),
        (("bill_next_cycle", "prorate_next_cycle"), 20, 10, HALFWAY, 0, -40),
        (("bill_next_cycle", "none"), 20, 10, HALFWAY, 0, 0),
        (("bill_next_cycle", "no_prorations"), 20, 10, HALFWAY, 0, 0),
    ],
)
def test_requantified_follows_the_proration_of_the_item(
    proration: tuple[str, str], packs_before: int, packs_after: int, at: int, now: float, later: float
) -> None:
    of = boxes(*proration)
    before, after = (billed(of, {"messages": 12 * count}) for count in (packs_before, packs_after))
    lines = requantified(before, after, terms(at), FEATURES)
    assert (total(lines.now), total(lines.later)) == (now, later)
    assert len(lines.now) == (2 if now else 0)


def test_requantified_charges_what_was_added_of_units_bought_once() -> None:
    of = plan("pro", base(20), packs(interval="one_off"))
    lines = requantified(billed(of, {"messages": 300}), billed(of, {"messages": 500}), terms(HALFWAY), FEATURES)
    assert [(line.description, float(line.total)) for line in lines.now] == [("Pro - 200 Messages", 20)]


def test_requantified_in_a_trial_charges_nothing() -> None:
    trial = terms(APRIL, APRIL + 14 * DAY, trial_ends_at=APRIL + 14 * DAY)
    lines = requantified(billed(boxes(), {"messages": 12}), billed(boxes(), {"messages": 24}), trial, FEATURES)
    assert lines == ((), ())


def test_cancelling_credits_the_rest_and_no_usage() -> None:
    of = plan("pro", base(20), packs(), item("words", 1, billed="usage_based"))
    assert total(cancelling(billed(of, {"messages": 300}, {"words": 7}), terms(), FEATURES)) == -50
    assert total(cancelling(billed(PRO), terms(HALFWAY), FEATURES)) == -10
    trial = terms(APRIL, APRIL + 14 * DAY, trial_ends_at=APRIL + 14 * DAY)
    assert cancelling(billed(PRO), trial, FEATURES) == ()


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        (lambda at: renewing([billed(USED, overage={"messages": 50})], at, FEATURES), 25),
        (lambda at: ending(billed(USED, overage={"messages": 400}), at, FEATURES), 40),
        (lambda at: ending(billed(USED), at, FEATURES), 0),
        (
            lambda at: (
                *renewing([billed(PRO)], at, FEATURES),
                *ending(billed(plan("premium", base(50), *USED.items), overage={"messages": 50}), at, FEATURES),
            ),
            25,
        ),
        (lambda at: renewing([billed(ANNUAL)], at, FEATURES), 0),
    ],
    ids=["overage", "cancelled", "cancelled without usage", "scheduled switch", "not its cycle"],
)
def test_renewal(lines: Callable[[Terms], tuple[InvoiceLine, ...]], due: float) -> None:
    assert total(lines(terms(MAY))) == due


def test_renewal_bills_only_the_prices_whose_cycle_begins() -> None:
    of = billed(plan("annual", base(200, "year"), packs()), {"messages": 100})
    assert [line.display_name for line in renewing([of], terms(MAY), FEATURES)] == ["Messages"]


def test_renewal_after_a_trial_charges_no_usage_of_it() -> None:
    trial = terms(APRIL, APRIL, created_at=APRIL - 14 * DAY, trial_ends_at=APRIL)
    (line,) = renewing([billed(USED, overage={"messages": 50})], trial, FEATURES)
    assert (float(line.total), line.period_start, line.period_end) == (20, APRIL, MAY)


def row(price: PlanItem, balance: float, **attributes: Any) -> Balance:
    fields: dict[str, Any] = {
        "reset": Reset(interval="month"),
        "next_reset_at": MAY,
        "balance": Decimal(str(balance)),
        **attributes,
    }
    return Balance(id="r", customer="c", feature_id="messages", created_at=0, price=price.price, **fields)


USE = item("messages", 0.1, billed="usage_based")


@pytest.mark.parametrize(
    ("of", "seats", "due", "expected"),
    [
        (row(USE, -50), False, None, 50),
        (row(USE, 7), False, None, 0),
        (row(USE, -50), False, MAY, 50),
        (row(USE, -50), False, MAY - 1, None),
        (row(USE, -3, reset=None, next_reset_at=None), True, MAY, 3),
        (row(USE, -3, reset=None, next_reset_at=None), False, None, None),
        (row(packs(), -3), True, None, None),
        (row(USE, 0, unlimited=True), True, None, None),
        (
            row(
                USE,
                0,
                entity_feature_id="seats",
                shares={"a": EntityShare(balance=Decimal(-2)), "b": EntityShare(balance=Decimal(9))},
            ),
            True,
            None,
            2,
        ),
    ],
)
def test_overage_of_rows(of: Balance, seats: bool, due: int | None, expected: float | None) -> None:
    assert of.price is not None
    found = overage_of([of], seats=seats, due=due)
    assert found == ({} if expected is None else {of.price.price_id: expected})


prices = st.decimals(0, 10_000, places=2).map(float)


@given(prices, prices, st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=examples(200))
def test_a_switch_at_the_start_costs_the_difference_of_the_prices(
    a: float, b: float, packs_a: int, packs_b: int
) -> None:
    old = billed(plan("a", base(a), packs(7)), {"messages": 100 * packs_a})
    new = billed(plan("b", base(b), packs(9)), {"messages": 100 * packs_b})
    lines = switching([old], new, terms(), FEATURES)
    whole = [total_of(starting(each, terms(), FEATURES)) for each in (new, old)]
    assert total_of(lines) == whole[0] - whole[1]


@given(prices, prices, st.integers(0, 30 * DAY))
@settings(max_examples=examples(200))
def test_lines_sum_to_the_total_in_whole_cents(a: float, b: float, after: int) -> None:
    lines = switching([billed(plan("a", base(a)))], billed(plan("b", base(b))), terms(APRIL + after), FEATURES)
    assert sum((line.total for line in lines), Decimal(0)) == total_of(lines)
    assert all(line.total == money(line.total) for line in lines)


@given(prices, st.integers(0, 30 * DAY))
@settings(max_examples=examples(200))
def test_what_joining_costs_is_what_cancelling_gives_back(amount: float, after: int) -> None:
    of, at = billed(plan("a", base(amount))), terms(APRIL + after)
    assert total_of(switching((), of, at, FEATURES)) == -total_of(cancelling(of, at, FEATURES))


def test_a_plan_that_ends_with_a_renewal_is_billed_all_its_usage() -> None:
    """Also of prices whose own cycle goes on: the invoice and its preview agree."""
    yearly = plan("yearly", base(20), item("messages", 0.1, interval="year", billed="usage_based"))
    ended = billed(yearly, overage={"messages": 400})
    at = terms(MAY)
    assert renewing([], at, FEATURES, ended=[ended]) == ending(ended, at, FEATURES) != ()
