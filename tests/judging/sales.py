"""How often honest shops are blamed, and dishonest ones are found."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.judging.shops import GATES, SHOP_RULES, Keeper, Sale

#: What no honest shop does, even by chance. A customer's clicks lead to the others.
NEVER = ("used_before_paid", "bought_again_after_lost_reply", "past_due_not_noticed")


@dataclass
class SaleRates:
    """Of some shops that keep to the contract, or that break one rule."""

    #: By gate: shops, those with a certain finding, and those with another one.
    by_gate: dict[str, list[int]] = field(default_factory=dict)
    #: Of dishonest shops: the rule was broken, that was found, surely, and with what amount.
    broken: int = 0
    found: int = 0
    certain: int = 0
    exact: int = 0
    #: How often each code was found of honest shops, or was not meant.
    others: Counter[str] = field(default_factory=Counter)
    #: Shops that contradict the contract of the test, for its message.
    wrong: list[Sale] = field(default_factory=list)


def honest_shops(runs: int, seed: int = 0) -> SaleRates:
    """Random honest shops."""
    rates = SaleRates()
    with Engine(rate_limit="off", world="empty") as engine:
        app = create_app(engine)
        for number in range(seed, seed + runs):
            sale = Keeper(engine, app, number).keep(random.Random(number).choice(GATES))
            certain = any(each.certain for each in sale.findings)
            counts = rates.by_gate.setdefault(sale.gate, [0, 0, 0])
            counts[0] += 1
            counts[1] += certain
            counts[2] += any(not each.certain for each in sale.findings)
            rates.others.update(each.code for each in sale.findings)
            if certain or any(each.code in NEVER for each in sale.findings):
                rates.wrong.append(sale)
    return rates


def dishonest_shops(rule: str, runs: int, seed: int = 0) -> SaleRates:
    """Random shops that break one rule."""
    rates, code = SaleRates(), SHOP_RULES[rule]
    with Engine(rate_limit="off", world="empty") as engine:
        app = create_app(engine)
        for number in range(seed, seed + runs):
            sale = Keeper(engine, app, number).keep(random.Random(number).choice(["check", "customer"]), rule)
            assert sale.broken
            meant = [each for each in sale.findings if each.code == code]
            amount = sum(sum(each.amounts.values()) for each in meant)
            is_exact = bool(meant) and amount == sale.at_stake
            rates.broken += 1
            rates.found += bool(meant)
            rates.certain += any(each.certain for each in meant)
            rates.exact += is_exact
            rates.others.update(each.code for each in sale.findings if each.code != code)
            if not is_exact:
                rates.wrong.append(sale)
    return rates
