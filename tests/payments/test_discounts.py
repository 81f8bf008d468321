"""Coupons on lines: the worked examples, and laws."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autumn_mock.domain.payment import AppliedCoupon, InvoiceLine
from autumn_mock.domain.reward import Coupon
from autumn_mock.ledger.intervals import add_months
from autumn_mock.payments.discounts import discounted, goes_on
from autumn_mock.payments.lines import starting, switching, total_of
from tests.payments.build import APRIL, FEATURES, base, billed, plan, terms, total
from tests.support.effort import examples

PRO, PREMIUM = plan("pro", base(20)), plan("premium", base(50))
NEW = starting(billed(PRO), terms(), FEATURES)
UPGRADE = switching([billed(PRO)], billed(PREMIUM), terms(), FEATURES)
TO_FREE = switching([billed(PRO)], billed(plan("free")), terms(), FEATURES)


def coupon(coupon_id: str, value: float, *, percent: bool = True, **fields: Any) -> Coupon:
    kind: Any = "percentage_discount" if percent else "fixed_discount"
    return Coupon(id=coupon_id, name=coupon_id, type=kind, value=Decimal(str(value)), created_at=0, **fields)


P10, P20, P30 = (coupon(f"p{value}", value) for value in (10, 20, 30))
F2, F5 = (coupon(f"f{value}", value, percent=False) for value in (2, 5))


@pytest.mark.parametrize(
    ("lines", "coupons", "due"),
    [
        (NEW, [P20], 16),
        (NEW, [F5], 15),
        (NEW, [P20, F2], 14),
        (NEW, [F2, P20], 14),
        (UPGRADE, [P10, P20], 16),
        (UPGRADE, [P30, F5], 10),
        (TO_FREE, [P20], -20),
        (NEW, [P20, P20], 16),
        (NEW, [coupon("all", 100)], 0),
        (NEW, [coupon("more", 50, percent=False)], 0),
        (NEW, [coupon("other", 20, plan_ids=("premium",))], 20),
        (UPGRADE, [coupon("own", 20, plan_ids=("premium",))], 20),
        (NEW, [], 20),
    ],
)
def test_discounted_totals(lines: tuple[InvoiceLine, ...], coupons: list[Coupon], due: float) -> None:
    assert total(discounted(lines, coupons)) == due


def test_discounted_lines_name_their_coupons() -> None:
    (line,) = discounted(NEW, [F2, P20])
    named = [(each.reward_id, each.percent_off, float(each.amount_off)) for each in line.discounts]
    assert named == [("p20", 20, 4), ("f2", None, 2)]
    assert [float(line.subtotal), float(line.total)] == [20, 14]


def line(subtotal: Decimal) -> InvoiceLine:
    return InvoiceLine(display_name="x", description="x", subtotal=subtotal, plan_id="p")


lines_ = st.lists(st.decimals(-500, 500, places=2).map(line), max_size=6)
coupons_ = st.lists(
    st.builds(coupon, st.sampled_from("abc"), st.decimals(0, 100, places=1), percent=st.booleans()), max_size=3
)


@given(lines_, coupons_)
@settings(max_examples=examples(300))
def test_discounts_take_whole_cents_of_charges_and_leave_credits(
    lines: list[InvoiceLine], coupons: list[Coupon]
) -> None:
    result = discounted(lines, coupons)
    for before, after in zip(lines, result, strict=True):
        assert after.subtotal == before.subtotal
        assert min(before.subtotal, Decimal(0)) <= after.total <= before.subtotal
        assert after.total == after.total.quantize(Decimal("0.01"))
    assert sum((each.total for each in result), Decimal(0)) == total_of(result)


@given(lines_, st.decimals(0, 2000, places=2))
@settings(max_examples=examples(300))
def test_a_fixed_amount_is_taken_off_in_full_as_far_as_there_are_charges(
    lines: list[InvoiceLine], value: Decimal
) -> None:
    charges = sum((each.subtotal for each in lines if each.subtotal > 0), Decimal(0))
    taken = total_of(lines) - total_of(discounted(lines, [coupon("f", float(value), percent=False)]))
    assert taken == min(value, charges)


@pytest.mark.parametrize(
    ("duration", "months", "after", "expected"),
    [("one_off", None, 1, False), ("forever", None, 99, True), ("months", 3, 2, True), ("months", 3, 3, False)],
)
def test_how_long_a_coupon_goes_on(duration: Any, months: int | None, after: int, expected: bool) -> None:
    applied = AppliedCoupon(reward_id="p", applied_at=APRIL)
    assert goes_on(coupon("p", 10, duration=duration, months=months), applied, add_months(APRIL, after)) is expected
