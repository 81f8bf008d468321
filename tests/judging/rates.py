"""How often honest clients are blamed, and dishonest ones are found."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.judging.clients import RULES, Player, Run, dishonest, honest


@dataclass
class Rates:
    """Of some runs. A run is judged by its findings."""

    runs: int = 0
    #: Runs with certain findings, and with others.
    certain: int = 0
    uncertain: int = 0
    #: Of dishonest clients: runs in which the rule was broken, those in which that was found, and with what amount.
    broken: int = 0
    found: int = 0
    exact: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    #: Of honest clients: runs, and those with an probable finding, by how they make marks.
    by_marks: dict[str, list[int]] = field(default_factory=dict)
    #: Runs that contradict the contract of the test, for its message.
    wrong: list[Run] = field(default_factory=list)


def honest_rates(runs: int, seed: int = 0) -> Rates:
    """Random honest clients."""
    rates = Rates()
    with Engine(rate_limit="off") as engine:
        app = create_app(engine)
        for number in range(seed, seed + runs):
            run = Player(engine, app, number).play(honest(random.Random(number)))
            rates.runs += 1
            rates.codes.update(each.code for each in run.findings)
            if any(each.certain for each in run.findings):
                rates.certain += 1
                rates.wrong.append(run)
            is_blamed = any(not each.certain for each in run.findings)
            rates.uncertain += is_blamed
            counts = rates.by_marks.setdefault(run.behaviour.marks, [0, 0])
            counts[0] += 1
            counts[1] += is_blamed
    return rates


def dishonest_rates(rule: str, runs: int, seed: int = 0) -> Rates:
    """Random clients that break one rule."""
    rates = Rates()
    with Engine(rate_limit="off") as engine:
        app = create_app(engine)
        for number in range(seed, seed + runs):
            run = Player(engine, app, number).play(dishonest(rule, random.Random(number)))
            rates.runs += 1
            if not run.broken:
                continue
            rates.broken += 1
            meant = [each for each in run.findings if each.code in RULES[rule]]
            rates.found += bool(meant)
            rates.certain += any(each.certain for each in meant)
            amount = sum(sum(each.amounts.values()) for each in meant)
            is_exact = bool(meant) and (not run.at_stake or amount == run.at_stake)
            rates.exact += is_exact
            if not is_exact:
                rates.wrong.append(run)
    return rates
