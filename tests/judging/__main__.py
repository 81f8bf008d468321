"""``python -m tests.judging [RUNS]``: the rates, as tables."""

from __future__ import annotations

import logging
import sys

from tests.judging.clients import RULES
from tests.judging.rates import dishonest_rates, honest_rates


def main() -> None:
    """Print the rates of honest and of dishonest clients."""
    logging.disable()
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rates = honest_rates(runs)
    print(f"| honest clients with ({runs} runs) | certain findings | uncertain findings |\n|---|---|---|")
    for marks, (count, blamed) in sorted(rates.by_marks.items()):
        certain = sum(run.behaviour.marks == marks for run in rates.wrong)
        print(f"| {marks} | {certain} of {count} | {blamed} of {count} |")
    print("\n| rule that is broken | found | certain | exact amount |\n|---|---|---|---|")
    for rule in RULES:
        rates = dishonest_rates(rule, max(1, runs // 5))
        cells = [f"{part / rates.broken:.0%}" for part in (rates.found, rates.certain, rates.exact)]
        print(f"| {rule} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
