"""Random clients: honest ones are never certainly blamed, dishonest ones are found with the right amount."""

from __future__ import annotations

import pytest

from tests.judging.clients import RULES
from tests.judging.rates import dishonest_rates, honest_rates
from tests.judging.sales import dishonest_shops, honest_shops
from tests.judging.shops import SHOP_RULES
from tests.support.effort import examples

#: Marks that are made once and are seen to differ.
CLEAR = ("key", "header", "properties")
#: Rules whose breach is only seen by comparing amounts: not always found, and the amount is an estimate.
GUESSED = ("makes a new key for each try", "adds up what failed")


def test_no_honest_client_gets_a_certain_finding() -> None:
    rates = honest_rates(examples(500), seed=10_000)
    assert [(run.behaviour, run.findings) for run in rates.wrong] == []
    assert {marks: blamed for marks, (_, blamed) in rates.by_marks.items() if marks in CLEAR and blamed} == {}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_found_with_the_right_amount(rule: str) -> None:
    rates = dishonest_rates(rule, examples(100), seed=20_000)
    assert rates.broken > 0
    if rule in GUESSED:
        assert rates.certain == 0
        assert rates.found >= rates.broken * 0.8
    else:
        # A dropped use may equal a later one, which is then taken for its retry.
        assert rates.found >= rates.broken * (0.95 if rule.startswith("drops") else 1)
        assert rates.exact >= rates.broken * (0.8 if rule.startswith("drops") else 1)


def test_no_honest_shop_gets_a_certain_finding() -> None:
    rates = honest_shops(examples(150), seed=30_000)
    assert [(sale.gate, sale.findings) for sale in rates.wrong] == []


@pytest.mark.parametrize("rule", SHOP_RULES)
def test_a_rule_that_a_shop_breaks_is_found_with_the_right_amount(rule: str) -> None:
    rates = dishonest_shops(rule, examples(50), seed=40_000)
    assert [(sale.gate, sale.at_stake, sale.findings) for sale in rates.wrong] == []
    assert rates.others == {}
    assert rates.certain == (rates.broken if rule == "does not wait after 423" else 0)
