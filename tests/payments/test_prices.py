"""What prices cost: the worked examples, and laws of tiers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autumn_mock.domain.amount import ZERO
from autumn_mock.domain.plan import PlanItem
from autumn_mock.payments.prices import cost, whole_packs
from tests.payments.build import item
from tests.support.effort import examples

TIERS: tuple[dict[str, Any], ...] = ({"to": 500, "amount": 10}, {"to": "inf", "amount": 5})


def tiered(
    behavior: str, tiers: tuple[dict[str, Any], ...] = TIERS, *, included: int = 0, units: int = 100
) -> PlanItem:
    return item("messages", tiers=tiers, behavior=behavior, units=units, included=included)


@pytest.mark.parametrize(
    ("priced", "bought", "expected"),
    [
        (item("messages", 10, units=100), 0, 0),
        (item("messages", 10, units=100), 1, 10),
        (item("messages", 10, units=100), 100, 10),
        (item("messages", 10, units=100), 500, 50),
        (item("messages", 10, units=100, included=100), 200, 20),
        (item("messages", 0.1), 50, 5),
        *(
            (tiered("volume"), bought, cost)
            for bought, cost in ((300, 30), (500, 50), (600, 30), (800, 40), (1000, 50))
        ),
        (tiered("graduated"), 800, 65),
        (tiered("graduated"), 300, 30),
        # limits count what is included: the first tier holds 400 bought units
        (tiered("graduated", included=100), 500, 45),
        (tiered("volume", included=100), 400, 50),
        (tiered("volume", included=100), 500, 30),
        (tiered("volume", included=100), 0, 0),
        (item("messages", tiers=TIERS, behavior="volume", units=100, included=100, billed="usage_based"), 500, 25),
        (tiered("volume", ({"to": 10, "amount": 1, "flat_amount": 7}, {"to": "inf", "amount": 2}), units=1), 10, 17),
        (tiered("graduated", ({"to": 10, "amount": 1, "flat_amount": 7}, {"to": "inf", "amount": 2}), units=1), 12, 14),
    ],
)
def test_cost_of_bought_units(priced: PlanItem, bought: int, expected: float) -> None:
    assert cost(priced, Decimal(bought)) == Decimal(str(expected))


@pytest.mark.parametrize(("behavior", "more"), [("volume", 10), ("graduated", 35)])
def test_cost_of_more_units(behavior: str, more: int) -> None:
    priced = tiered(behavior)
    assert cost(priced, Decimal(800)) - cost(priced, Decimal(300)) == more


amounts = st.decimals(0, 1000, places=3)
counts = st.integers(0, 5000).map(Decimal)


@st.composite
def graduated(draw: st.DrawFn) -> PlanItem:
    included = draw(st.integers(0, 50))
    limits = sorted(draw(st.sets(st.integers(included + 1, 3000), max_size=4)))
    tiers = tuple({"to": to, "amount": float(draw(amounts))} for to in (*limits, "inf"))
    return tiered("graduated", tiers, included=included, units=draw(st.integers(1, 60)))


@given(graduated(), counts, counts)
@settings(max_examples=examples(300))
def test_graduated_tiers_cost_more_for_more(priced: PlanItem, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    assert ZERO <= cost(priced, less) <= cost(priced, more)


@given(graduated(), counts)
@settings(max_examples=examples(300))
def test_cost_is_that_of_whole_packs(priced: PlanItem, bought: Decimal) -> None:
    assert priced.price is not None
    whole = whole_packs(priced.price, bought)
    assert cost(priced, bought) == cost(priced, whole)
    assert bought <= whole < bought + priced.price.billing_units


@given(st.integers(1, 50), amounts, counts)
@settings(max_examples=examples(200))
def test_one_tier_costs_what_a_flat_price_does(units: int, amount: Decimal, bought: Decimal) -> None:
    flat = item("messages", float(amount), units=units)
    for behavior in ("graduated", "volume"):
        assert cost(tiered(behavior, ({"to": "inf", "amount": float(amount)},), units=units), bought) == cost(
            flat, bought
        )
