"""``python -m tests.judging [RUNS]``: the rates, as tables."""

from __future__ import annotations

import logging
import sys

from tests.judging.clients import RULES
from tests.judging.rates import dishonest_rates, honest_rates
from tests.judging.sales import dishonest_shops, honest_shops
from tests.judging.shops import SHOP_RULES


def main() -> None:
    """Print the rates of honest and of dishonest clients, and shops."""
    logging.disable()
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print_clients(runs)
    print_shops(runs)


def print_clients(runs: int) -> None:
    """Metering clients."""
    rates = honest_rates(runs)
    print(f"| honest clients with ({runs} runs) | certain findings | probable findings |\n|---|---|---|")
    for marks, (count, blamed) in sorted(rates.by_marks.items()):
        certain = sum(run.behaviour.marks == marks for run in rates.wrong)
        print(f"| {marks} | {certain} of {count} | {blamed} of {count} |")
    print("\n| rule that is broken | found | certain | exact amount |\n|---|---|---|---|")
    for rule in RULES:
        rates = dishonest_rates(rule, max(1, runs // 5))
        cells = [f"{part / rates.broken:.0%}" for part in (rates.found, rates.certain, rates.exact)]
        print(f"| {rule} | {' | '.join(cells)} |")


def print_shops(runs: int) -> None:
    """Shops that sell plans."""
    honest = honest_shops(runs)
    print(f"\n| honest shops ({runs} runs) that ask | certain findings | probable findings |\n|---|---|---|")
    for gate, (count, certain, blamed) in sorted(honest.by_gate.items()):
        print(f"| {gate} | {certain} of {count} | {blamed} of {count} |")
    print(f"\nOf these: {', '.join(f'{code} {count}' for code, count in honest.others.most_common()) or 'none'}")
    print("\n| rule that a shop breaks | found | certain | exact amount |\n|---|---|---|---|")
    for rule in SHOP_RULES:
        rates = dishonest_shops(rule, max(1, runs // 5))
        cells = [f"{part / rates.broken:.0%}" for part in (rates.found, rates.certain, rates.exact)]
        print(f"| {rule} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
